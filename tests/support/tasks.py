"""What the tests of tasks share: what a task may await, and accounts of what happened."""

import asyncio
import contextlib
import functools
import gc
import traceback
from asyncio.futures import _PyFuture
from asyncio.tasks import _PyTask

from support.implementations import BuiltinFuture, BuiltinTask, implementation
from support.loops import adopt, new_loop, run_passes
from support.oracle import answer, normalised
from support.recorder import Recorder, collect


class Yielding:
    """An awaitable that yields `value` as it is to whatever drives the coroutine."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return (yield self.value)


def future_kinds(impl):
    """Returns the classes of futures that a task of `impl` must be able to await, by name.

    `python` is the standard library's class written in Python: a stranger with the right methods.
    """

    class FutureSubclass(impl.Future):
        pass

    class BuiltinSubclass(BuiltinFuture):
        pass

    return {
        "own": impl.Future,
        "subclass": FutureSubclass,
        "stock": BuiltinFuture,
        "stock subclass": BuiltinSubclass,
        "python": _PyFuture,
    }


def task_kinds(impl):
    """Returns the classes of tasks that a task of `impl` must be able to await, by name."""

    class TaskSubclass(impl.Task):
        pass

    return {"own": impl.Task, "subclass": TaskSubclass, "stock": BuiltinTask, "python": _PyTask}


FUTURE_KINDS = ("own", "subclass", "stock", "stock subclass", "python")
TASK_KINDS = ("own", "subclass", "stock", "python")


@contextlib.contextmanager
def supervised_loop(impl, kind="asyncio"):
    """Gives a loop that makes the classes of `impl`, and the Recorder of what it reports."""
    gc.freeze()  # What was there before is not this loop's garbage: the collection is quick.
    loop = adopt(new_loop(kind), impl)
    # For both alike, so that in debug mode futures are "created at" the same line.
    loop.create_future = functools.partial(impl.Future, loop=loop)
    reports = Recorder()
    loop.set_exception_handler(reports)
    try:
        yield loop, reports
    finally:
        if not loop.is_closed():
            loop.close()
        collect()


def assert_like_builtin(scenario, impl):
    """Asserts that `scenario(impl)` gives what it gives with the built-in classes; returns that."""
    expected = scenario(implementation("builtin"))
    seen = scenario(impl)
    assert seen == expected, f"\nbuiltin: {expected}\n{impl.name}: {seen}"
    return expected


def assert_like_builtin_on(kind, scenario, impl):
    """The same for `scenario(impl, loop, recorder)`, each time with a loop of this kind."""

    def on_loop(impl):
        with supervised_loop(impl, kind) as (loop, recorder):
            return scenario(impl, loop, recorder)

    return assert_like_builtin(on_loop, impl)


def described(error):
    """Returns `error` and what it is chained to in a form that compares equal; None for none."""
    if error is None:
        return None
    args = tuple(normalised(arg) if isinstance(arg, str) else arg for arg in error.args)
    chain = described(error.__cause__), described(error.__context__), error.__suppress_context__
    return type(error), args, *chain


def functions_in(error):
    """Returns the names of the functions in the traceback of `error`, the oldest call first."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def ending(future):
    """Returns how `future` stands: "pending", or its outcome, an exception described in full."""
    if not future.done():
        return "pending"
    try:
        return "returned", future.result()
    except BaseException as error:
        return "cancelled" if future.cancelled() else "raised", described(error)


def reported(recorder):
    """Returns what a loop reported, as (message, exception); which callback it was is left out."""
    return [
        (context["message"].partition(" in callback ")[0], described(context.get("exception")))
        for context in recorder.take()
    ]


def passes_until_done(loop, future, limit=100):
    """Runs `loop` a pass at a time until `future` is done; returns how many passes that took."""
    for passes in range(limit):
        if future.done():
            return passes
        run_passes(loop)
    raise AssertionError(f"still pending after {limit} passes: {future!r}")


def within(loop, call, *args):
    """Returns the answer of `call(*args)` made in a pass of `loop`: where steps by hand belong."""
    answers = []
    loop.call_soon(lambda: answers.append(answer(call, *args)))
    run_passes(loop)
    return answers[0]


async def forever():
    """Waits until it is cancelled."""
    await asyncio.get_running_loop().create_future()
