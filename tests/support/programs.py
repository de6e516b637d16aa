"""Programs made of asyncio's own parts, run in the two ways in which their tasks can be ours.

A program is a coroutine function. It takes a list, its log, asserts what it knows, and may return
anything that can be compared. What is compared with the interpreter's classes is its course: the
log, the result, what the loop reported and, on a loop that counts, how many calls were scheduled.
"""

import asyncio
import contextlib
import gc

import pytest

from support.implementations import BuiltinFuture, implementation
from support.loops import LoopMissing, new_loop
from support.oracle import normalised
from support.recorder import Recorder, collect
from support.tasks import described

# The classes are in force in the whole process; or the loop has a factory for tasks, its futures
# being the stock ones.
WAYS = ("in force", "factory")
KINDS = ("subclass", "uvloop")


def every_way(programs):
    """Parametrises a test over programs, ways and kinds of loops, for `assert_same_course()`."""

    def decorate(test):
        test = pytest.mark.parametrize("program", programs, ids=lambda program: program.__name__)(
            test
        )
        test = pytest.mark.parametrize("way", WAYS)(test)
        return pytest.mark.parametrize("kind", KINDS)(test)

    return decorate


def assert_same_course(program, impl, way, kind):
    """Runs `program` with `impl` and with the interpreter's classes; returns its result."""
    try:
        expected = course(program, implementation("builtin"), way, kind)
    except LoopMissing as missing:
        pytest.skip(str(missing))
    seen = course(program, impl, way, kind)
    assert seen == expected, f"\nbuiltin: {expected}\n{impl.name}: {seen}"
    return expected[1]


def course(program, impl, way, kind):
    """Runs `program` on a new loop; returns all that is compared."""
    gc.freeze()  # what was there before is not this program's garbage
    loop = new_loop(kind)
    reports = Recorder()
    loop.set_exception_handler(reports)
    log = []

    async def main():
        assert type(asyncio.current_task()) is impl.Task
        future = loop.create_future()
        assert type(future) is (impl.Future if way == "in force" else BuiltinFuture)
        return await program(log)

    with impl.in_force() if way == "in force" else contextlib.nullcontext():
        if way == "factory":
            loop.set_task_factory(impl.task_factory)
        try:
            result = loop.run_until_complete(main())
            seen = list(log), comparable(result), getattr(loop, "calls", None)
        finally:
            left = end(loop)
    collect()
    return *seen, left, [normalised(message) for message in reports.messages()]


def end(loop):
    """Cancels what is left on `loop` and closes it; returns how many tasks that were."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()
    return len(tasks)


def comparable(result):
    if isinstance(result, BaseExceptionGroup):
        return str(result), [comparable(error) for error in result.exceptions]
    if isinstance(result, BaseException):
        return described(result)
    if isinstance(result, list | tuple):
        return [comparable(item) for item in result]
    if isinstance(result, set):
        return "set", len(result)
    return "future" if asyncio.isfuture(result) else result


async def settled(awaitable):
    """Returns the result of `awaitable`, or its exception, in a form that can be compared."""
    try:
        return comparable(await awaitable)
    except BaseException as error:
        return comparable(error)


async def value(result, passes=0):
    """Returns `result` after so many passes of the loop."""
    for _ in range(passes):
        await asyncio.sleep(0)
    return result


async def failure(message, passes=0):
    """Raises a ValueError after so many passes of the loop."""
    await value(None, passes)
    raise ValueError(message)


async def logged(log, name, awaitable=None):
    """Waits for `awaitable`, or for ever; logs how that ended, and ends so."""
    try:
        result = await (awaitable or asyncio.get_running_loop().create_future())
    except BaseException as error:
        log.append((name, type(error).__name__, error.args))
        raise
    log.append((name, comparable(result)))
    return result


def task(coroutine, **kwargs):
    return asyncio.get_running_loop().create_task(coroutine, **kwargs)


async def passes(count):
    await value(None, count)
