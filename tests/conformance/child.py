"""Runs one module of the interpreter's tests and writes down what happened.

usage: child.py MODULE CLASSES PATTERN TIMEOUT RECORD

CLASSES is "built-in", or the name of the module that has the `Task` and the `Future` to take their
place. PATTERN is for the names of the tests to run. After TIMEOUT seconds the process ends with the
tracebacks of its threads. RECORD is the file to write, a JSON object a line: `bound`, then
`started` and `test` for each test in turn, `finished`. Each is written at once, so that a process
that dies leaves a record of how far it came.
"""

import asyncio
import faulthandler
import importlib
import json
import os
import signal
import sys
import traceback
import unittest
from asyncio import futures, tasks

BUILT_IN = tasks._CTask, futures._CFuture
AWAITED_BY = ("future_add_to_awaited_by", "future_discard_from_awaited_by")


def main():
    """Does what the docstring of this module says."""
    module, classes, pattern, timeout, path = sys.argv[1:]
    faulthandler.dump_traceback_later(float(timeout), exit=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background processes
    task, future = bind(classes) if classes != "built-in" else BUILT_IN
    refuse_resources()
    suite = load(module, pattern)
    with open(path, "a", buffering=1, encoding="utf-8") as file:
        record = Record(file)
        sys.unraisablehook = record.add_unraisable
        record.write(bound=bound(suite, task, future))
        suite.run(record)
        record.write(finished=True)


def bind(classes):
    """Puts the `Task` and the `Future` of a module in the place of the built-in ones; returns them.

    Also under the names that the tests know the built-in ones by, and before the tests are
    imported: so the cases made for those classes become cases for these.
    """
    importlib.import_module("aioxide").install()
    ours = importlib.import_module(classes)
    for module in (asyncio, tasks, futures):
        for name in {"Task", "Future"} & set(vars(module)):
            setattr(module, name, getattr(ours, name))
    tasks._CTask, futures._CFuture = ours.Task, ours.Future
    for name in AWAITED_BY:
        if hasattr(futures, name):
            setattr(futures, f"_c_{name}", getattr(futures, name))
    return ours.Task, ours.Future


def refuse_resources():
    """No network, and nothing else that the interpreter's own test command needs `-u` for."""
    from test import support

    support.use_resources = {}


def load(name, pattern):
    """Returns the tests of a module; a single skipped one if it is not for this platform."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [pattern]
    try:
        module = importlib.import_module(name)
    except unittest.SkipTest as skip:
        test = unittest.FunctionTestCase(unittest.skip(str(skip))(lambda: None))
        test.id = lambda: name
        return unittest.TestSuite([test])
    return loader.loadTestsFromModule(module)


def bound(suite, *classes):
    """Returns `Case.attribute` for what test cases have that is, or is built on, these classes."""
    return sorted(
        f"{case.__name__}.{name}"
        for case in {type(test) for test in flat(suite)}
        for name in dir(case)
        if {*classes} & {*getattr(getattr(case, name, None), "__mro__", ())}
    )


def flat(suite):
    """Yields the tests of a suite and of the suites in it."""
    for item in suite:
        yield from flat(item) if isinstance(item, unittest.TestSuite) else [item]


class Record(unittest.TestResult):
    """Writes the outcome of each test as soon as it is known."""

    def __init__(self, file):
        super().__init__()
        self._file = file
        self._process = os.getpid()
        self._bindings = bindings()
        self._running = None
        self._begin(None)

    def write(self, **entry):
        if os.getpid() == self._process:  # there are tests that fork
            self._file.write(json.dumps(entry) + "\n")

    def startTest(self, test):
        super().startTest(test)
        for module, name, value in self._bindings:  # there are tests that leave others behind
            setattr(module, name, value)
        self._begin(test)
        self.write(started=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        self._end(test)

    def addSuccess(self, test):
        pass

    def addError(self, test, error):
        self._failures.append(f"{test}\n{''.join(traceback.format_exception(*error))}")
        if self._running is None:  # it is not a test that failed, but what prepares for several
            self._end(test)

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addError(subtest, error)

    def addSkip(self, test, reason):
        self._skips.append(reason)

    def addExpectedFailure(self, test, error):
        pass

    def addUnexpectedSuccess(self, test):
        self._failures.append("succeeded where a failure is expected\n")

    def add_unraisable(self, unraisable):
        """Is `sys.unraisablehook`: what can only be printed is a failure of the test that runs."""
        sys.__unraisablehook__(unraisable)
        error = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
        lines = traceback.format_exception(*error)
        self._failures.append(f"ignored in {unraisable.object!r}\n{''.join(lines)}")

    def _begin(self, test):
        self._running = test
        self._failures, self._skips = [], []
        self._made_before = made()

    def _end(self, test):
        outcome = "failed" if self._failures else "skipped" if self._skips else "passed"
        numbers = {name: number - self._made_before[name] for name, number in made().items()}
        numbers["built-in tasks"] -= 1  # the one that was made to count them
        details = "\n".join(self._failures or self._skips)
        self.write(test=test.id(), outcome=outcome, details=details, made=numbers)
        self._begin(None)


def bindings():
    """Returns what asyncio has under the names that tests change: (module, name, value)."""
    names = ["Task", "Future", "_CTask", "_CFuture", *AWAITED_BY, *(f"_c_{n}" for n in AWAITED_BY)]
    return [
        (module, name, vars(module)[name])
        for module in (asyncio, tasks, futures)
        for name in names
        if name in vars(module)
    ]


def made():
    """Returns how many tasks and futures this process has made, of each kind that can be told."""
    aioxide = sys.modules.get("aioxide")
    numbers = aioxide.stats()._asdict() if aioxide else {"tasks": 0, "futures": 0}
    return {**numbers, "built-in tasks": number_of_next_task()}


def number_of_next_task():
    """Returns the number in the name that a built-in task gets: built-in ones alone are counted."""
    coro = _nothing()
    task = BUILT_IN[0](coro, loop=_NoLoop())
    task._log_destroy_pending = False
    coro.close()
    return int(task.get_name().removeprefix("Task-"))


async def _nothing():
    pass


class _NoLoop:
    def get_debug(self):
        return False

    def call_soon(self, *args, **options):
        pass


if __name__ == "__main__":
    main()
