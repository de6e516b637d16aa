"""The operations of programs that return at once: in coroutines and in callbacks."""

import asyncio
import gc
from asyncio.futures import _PyFuture
from asyncio.tasks import _PyTask
from contextvars import copy_context

from fuzz.programs import SHAPES
from fuzz.settings import EAGER, EAGER_BY_LOOP
from fuzz.trace import VARIABLE


class Fatal(BaseException):
    """An exception that is no Exception, and nothing special besides."""


VALUES = {
    "none": None,
    "one": 1,
    "pair": (1, 2),
    "empty": (),
    "text": "a result",
    "error": ValueError("as a result"),
}
_ERRORS = {
    "value": lambda who: ValueError(who),
    "fatal": lambda who: Fatal(who, 2),
    "timeout": lambda who: TimeoutError(),
    "stop": lambda who: StopIteration(who),
    "cancelled": lambda who: asyncio.CancelledError(),
    "cancelled with": lambda who: asyncio.CancelledError(who, 2),
    "group": lambda who: ExceptionGroup(who, [ValueError(1), KeyError(2)]),
    "keyboard": lambda who: KeyboardInterrupt(who),
    "exit": lambda who: SystemExit(3),
    "class": lambda who: KeyError,
    "nonsense": lambda who: 7,
}


def new_error(kind, who):
    return _ERRORS[kind](who)


def is_task(future):
    return hasattr(future, "get_coro")


def waits_to_be_set(future):
    return not (future is None or is_task(future) or future.done())


class Callback:
    """A callback of a program; those with the same label are equal."""

    def __init__(self, run, label, calls):
        self.run, self.label, self.calls = run, label, calls

    def __call__(self, *arguments):
        me = f"k{self.label}"
        self.run.note(me, "is called", self.run.value(arguments))
        for call in self.calls:
            self.run.call(me, call)

    def __eq__(self, other):
        return isinstance(other, Callback) and self.label == other.label

    __hash__ = None

    def __repr__(self):
        return f"<k{self.label}>"


class Calls:
    """A part of `Run`: one method for each operation, named like it."""

    def call(self, me, operation):
        """Performs an operation. What it raises is noted, unless it is there to raise."""
        name, *arguments = operation
        if name == "raise":
            self.note(me, "raises", arguments[0])
            raise new_error(arguments[0], me)
        try:
            outcome = CALLS[name](self, me, *arguments)
        except BaseException as error:
            self.note(me, name, "raised", self.trace.error(error))
        else:
            self.note(me, name, outcome)

    # Making futures and tasks

    def future(self, me, kind):
        if kind == "own":
            made = self.loop.create_future()
        elif kind == "sub":
            made = self.side.SubFuture(loop=self.loop)
        elif kind == "other":
            made = self.side.other_future(loop=self.loop)
        else:
            made = _PyFuture(loop=self.loop)
        return self.add(made, object(), foreign=kind == "other")

    def task(self, me, kind, name, context, eager, form, body):
        person = self.person()
        options = {}
        if name is None and kind in ("other", "python"):
            name = f"named {person}"  # they number their names by themselves
        if name is not None:
            options["name"] = name
        if (context := self.context(context, enter=eager or self.eager)) is not None:
            options["context"] = context
        if eager and (EAGER_BY_LOOP if kind in ("loop", "asyncio") else EAGER):
            options["eager_start"] = True
        coroutine = self.coroutine(form, person, body)
        return self.add(self._make_task(kind, coroutine, options), person, foreign=kind == "other")

    def _make_task(self, kind, coroutine, options):
        side = self.side
        if kind == "loop":
            return self.loop.create_task(coroutine, **options)
        if kind == "asyncio":
            return asyncio.create_task(coroutine, **options)
        if kind == "ensure":
            return asyncio.ensure_future(coroutine, loop=self.loop)
        classes = {"own": side.Task, "sub": side.SubTask, "other": side.other_task}
        return classes.get(kind, _PyTask)(coroutine, loop=self.loop, **options)

    # Settling and looking

    def cancel(self, me, reference, message):
        target = self.target(reference)
        if message is None:
            return self.value(target.cancel())
        if message == "m1":
            return self.value(target.cancel(message))
        return self.value(target.cancel(msg=message))

    def uncancel(self, me, reference):
        return self.value(self.target(reference, is_task).uncancel())

    def set_result(self, me, reference, value):
        return self.value(self.target(reference, waits_to_be_set).set_result(VALUES[value]))

    def set_exception(self, me, reference, kind):
        target = self.target(reference, waits_to_be_set)
        return self.value(target.set_exception(new_error(kind, me)))

    def result(self, me, reference):
        return self.value(self.target(reference).result())

    def exception(self, me, reference):
        return self.trace.error(self.target(reference).exception())

    def make_cancelled_error(self, me, reference):
        return self.trace.error(self.target(reference)._make_cancelled_error())

    def set_name(self, me, reference, name):
        return self.value(self.target(reference, is_task).set_name(name))

    def hush(self, me, reference, value):
        target = self.target(reference)
        if is_task(target):
            target._log_destroy_pending = value
        else:
            target._log_traceback = value  # must not be true

    def look(self, me, reference):
        return self.trace.look(self.target(reference))

    def look_around(self, me):
        known = asyncio.all_tasks(self.loop)
        return sorted(self.trace.label(task) for task in known)

    # Callbacks and contexts

    def add_callback(self, me, reference, label, times, context, calls):
        options = {}
        if (context := self.context(context)) is not None:
            options["context"] = context
        for _ in range(times):
            self.target(reference).add_done_callback(Callback(self, label, calls), **options)

    def remove_callback(self, me, reference, label):
        return self.target(reference).remove_done_callback(Callback(self, label, ()))

    def soon(self, me, label, context, calls):
        self.loop.call_soon(Callback(self, label, calls), context=self.context(context))

    def later(self, me, delay, label, context, calls):
        callback = Callback(self, label, calls)
        delay *= self.driver.second
        self.loop.call_later(delay, callback, context=self.context(context))

    def set_variable(self, me, value):
        VARIABLE.set(value)

    def copy_context(self, me):
        self.contexts.append(copy_context())

    # Lives

    def drop(self, me, reference):
        """Forgets an object; the program's own reference to it may have been the last."""
        if reference is not None:
            objects = self.trace.objects
            objects[reference % len(objects)] = None

    def collect(self, me):
        with self.trace.garbage_collection():
            gc.collect()

    def stop(self, me):
        self.loop.stop()

    def debug(self, me, enabled):
        """Switches debug mode: calls that are scheduled already were scheduled without, or with."""
        if self.side.debug:
            self.trace.made_by_rust |= enabled and self.making > 0
            self.loop.set_debug(enabled)

    def target(self, reference, suits=None):
        return self.pick(reference, suits)[0]


# By the names that programs have for them.
CALLS = {name: vars(Calls)[name] for name in SHAPES if name in vars(Calls)}
