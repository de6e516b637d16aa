"""Runs one module of `test.test_asyncio` and writes what happened, for `children.py` to read.

usage: child.py MODULE CLASSES TIMEOUT RECORD

CLASSES is "built-in", or the module that has the `Task` and the `Future` to take their place.
After TIMEOUT seconds the process dumps its threads' tracebacks and ends. RECORD is the file
written, a JSON object a line: each line is there as soon as what it tells has happened, so that a
process that dies leaves a record of how far it came.
"""

import asyncio
import faulthandler
import importlib
import json
import os
import sys
import traceback
import unittest
import warnings
from asyncio import futures, tasks
from types import ModuleType

import _asyncio

# What the tests take asyncio's classes from, and put others in the place of for a while.
_AWAITED_BY = ("future_add_to_awaited_by", "future_discard_from_awaited_by")
_NAMES = ("Task", "Future", "_CTask", "_CFuture", *_AWAITED_BY, *("_c_" + n for n in _AWAITED_BY))


def main() -> None:
    """Does what the module's docstring says, by `sys.argv`."""
    name, classes, timeout, path = sys.argv[1:]
    faulthandler.dump_traceback_later(float(timeout), exit=True)
    task, future = _asyncio.Task, _asyncio.Future
    if classes != "built-in":
        task, future = bind(importlib.import_module(classes))
    _refuse_resources()
    with open(path, "a", buffering=1, encoding="utf-8") as file:
        module = importlib.import_module(f"test.test_asyncio.{name}")
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        record = Record(file, Bindings())
        record.write(bound=bound(module, task, future))
        suite.run(record)
        record.write(finished=True)


def bind(classes: ModuleType) -> tuple[type, type]:
    """Puts `classes.Task` and `classes.Future` in the place of the built-in ones; returns them.

    Before the tests are imported: the cases they have for the built-in classes, which find these
    under names of their own, become cases for ours.
    """
    import aioxide

    aioxide.install()
    for module in (asyncio, tasks, futures):
        for name in ("Task", "Future"):
            if hasattr(module, name):
                setattr(module, name, getattr(classes, name))
    tasks._CTask, futures._CFuture = classes.Task, classes.Future
    for name in _AWAITED_BY:
        if hasattr(futures, name):
            setattr(futures, f"_c_{name}", getattr(futures, name))
    return classes.Task, classes.Future


def bound(module: ModuleType, task: type, future: type) -> list[str]:
    """Returns the attributes of test cases in `module` that are these classes or built on them."""
    cases = [value for value in vars(module).values() if isinstance(value, type)]
    return sorted(
        f"{case.__name__}.{name}"
        for case in cases
        if issubclass(case, unittest.TestCase)
        for name in dir(case)
        if {task, future} & set(getattr(getattr(case, name), "__mro__", ()))
    )


class Bindings:
    """What asyncio's modules have under the names that tests change."""

    def __init__(self) -> None:
        self._values = [
            (module, name, vars(module)[name])
            for module in (asyncio, tasks, futures)
            for name in _NAMES
            if name in vars(module)
        ]

    def restore(self) -> None:
        """Brings back what was there when this was made: there are tests that forget to."""
        for module, name, value in self._values:
            setattr(module, name, value)


class Record(unittest.TestResult):
    """Writes each test's outcome as soon as it is known."""

    def __init__(self, file, bindings):
        super().__init__()
        self._file = file
        self._process = os.getpid()
        self._bindings = bindings
        self._begin()

    def write(self, **entry):
        if os.getpid() == self._process:  # some tests fork
            self._file.write(json.dumps(entry) + "\n")

    def startTest(self, test):
        super().startTest(test)
        self._bindings.restore()
        self._begin()
        self.write(started=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        made = [now - before for now, before in zip(made_so_far(), self._made_before, strict=True)]
        made[-1] -= 1  # the one that counted
        outcome = "failed" if self._details else "skipped" if self._skipped else "passed"
        detail = "\n".join(self._details or self._skipped)
        self.write(test=test.id(), outcome=outcome, detail=detail, made=made)

    def _begin(self):
        self._details, self._skipped = [], []
        self._made_before = made_so_far()

    def addFailure(self, test, err):
        self._details.append(f"{test}\n" + "".join(traceback.format_exception(*err)))
        if not isinstance(test, unittest.TestCase):  # a failed setUpClass() and the like
            self.write(test=test.id(), outcome="failed", detail=self._details[-1])

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(subtest, err)

    def addSkip(self, test, reason):
        self._skipped.append(reason)

    def addUnexpectedSuccess(self, test):
        self._details.append("unexpected success")


def made_so_far() -> tuple[int, int, int]:
    """Returns how many tasks and futures have been made of ours, and how many built-in tasks."""
    aioxide = sys.modules.get("aioxide")
    return (*(aioxide.stats() if aioxide else (0, 0)), _built_in_tasks())


class _NoLoop:
    def get_debug(self):
        return False

    def call_soon(self, *args, **kwargs):
        pass


async def _nothing():
    pass


def _built_in_tasks() -> int:
    """Counts by the number in a new task's name, which built-in tasks alone have in common."""
    coro = _nothing()
    task = _asyncio.Task(coro, loop=_NoLoop())
    task._log_destroy_pending = False
    coro.close()
    return int(task.get_name().removeprefix("Task-"))


def _refuse_resources() -> None:
    """No network and nothing else of what the interpreter's own runner leaves out by default."""
    from test import support

    support.use_resources = {}


if __name__ == "__main__":
    main()
