"""`gather()` in every circumstance: which children, how they end, what is done to the future."""

import asyncio
import inspect
import itertools
import traceback

import pytest
from support import BuiltinFuture, BuiltinTask, normalised
from support.programs import (
    assert_same_course,
    comparable,
    every_way,
    failure,
    passes,
    settled,
    task,
    value,
)

programs = []


def program(function):
    programs.append(function)
    return function


class Subclass(asyncio.Task):
    """Of the built-in class: a stranger to the Rust ones."""


class Awaitable:
    def __await__(self):
        return (yield from value("awaitable").__await__())


class NeverEqual(BuiltinFuture):
    """A future that is not even equal to itself when it is looked for."""

    def __eq__(self, other):
        return False

    def __hash__(self):
        return 0


def done(result):
    future = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


def failed(message):
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError(message))
    return future


def cancelled(message):
    future = asyncio.get_running_loop().create_future()
    future.cancel(message)
    return future


def finishing(make, name):
    """Returns a future that `make` makes, with a result that it will be given by the loop."""
    loop = asyncio.get_running_loop()
    future = make(loop=loop)
    loop.call_soon(lambda: future.done() or future.set_result(name))
    return future


CHILDREN = {
    "coroutine": lambda: value("coroutine", 1),
    "failing coroutine": lambda: failure("failing coroutine", 1),
    "task": lambda: task(value("task", 2)),
    "failing task": lambda: task(failure("failing task")),
    "done": lambda: done("done"),
    "failed": lambda: failed("failed"),
    "cancelled": lambda: cancelled("cancelled"),
    "built-in future": lambda: finishing(BuiltinFuture, "built-in future"),
    "built-in task": lambda: BuiltinTask(value("built-in task", 1)),
    "subclass": lambda: Subclass(value("subclass")),
    "awaitable": Awaitable,
    "never equal": lambda: finishing(NeverEqual, "never equal"),
    "gathering": lambda: asyncio.gather(value("inner", 1), done("done before")),
}


async def nothing(outer):
    pass


async def cancel_at_once(outer):
    return outer.cancel("at once")


async def cancel_later(outer):
    await passes(2)
    return outer.cancel(msg="later")


async def cancel_first_child(outer):
    await passes(1)
    return outer._children[0].cancel("the first child")


async def finish_it(outer):
    """From outside, which nobody should."""
    if not outer.done():
        outer.set_result("from outside")


MEANWHILE = [nothing, cancel_at_once, cancel_later, cancel_first_child, finish_it]


async def ending(outer, meanwhile):
    """Returns what is seen of `outer` from here to its end, and of its children."""
    children = list(outer._children)
    seen = [normalised(repr(outer)), await meanwhile(outer)]
    calls = []
    outer.add_done_callback(lambda future: calls.append("outer"))
    for number, child in enumerate(dict.fromkeys(children)):
        child.add_done_callback(lambda future, number=number: calls.append(number))
    seen.append(await settled(outer))
    await passes(5)
    seen += [calls, outer._state, outer._cancel_requested]
    return [*seen, [child._state for child in children]]


@program
async def gather_of_each_pair_of_children(log):
    for names in itertools.product(CHILDREN, repeat=2):
        for return_exceptions in (False, True):
            outer = asyncio.gather(
                *[CHILDREN[name]() for name in names], return_exceptions=return_exceptions
            )
            log.append((names, return_exceptions, await ending(outer, nothing)))


@program
async def gather_of_each_child_while_something_is_done(log):
    for name, meanwhile in itertools.product(CHILDREN, MEANWHILE):
        for return_exceptions in (False, True):
            child = CHILDREN[name]()
            outer = asyncio.gather(child, value("other", 3), return_exceptions=return_exceptions)
            log.append((name, meanwhile.__name__, await ending(outer, meanwhile)))


@program
async def gather_of_duplicates(log):
    for name in CHILDREN:
        child = CHILDREN[name]()
        outer = asyncio.gather(child, value("between"), child, return_exceptions=True)
        log.append((name, outer._children[0] is outer._children[2]))
        log.append(await settled(outer))


@program
async def gather_of_duplicates_is_cancelled(log):
    """Each of them is asked as often as it was given."""
    child = task(value("child", 5))
    outer = asyncio.gather(child, child, child)
    await passes(1)
    outer.cancel()
    log.append(child.cancelling())
    log.append(await settled(outer))


@program
async def gather_refuses(log):
    other_loop = asyncio.new_event_loop()
    strangers = other_loop.create_future(), other_loop.create_future()
    mistakes = [done(1), strangers[0]], [strangers[0], done(1)], [42], [None, done(2)]
    for arguments in mistakes:
        try:
            asyncio.gather(*arguments)
        except (TypeError, ValueError) as error:
            log.append((type(error).__name__, str(error)))
    try:
        outer = asyncio.gather(*strangers)
    except ValueError as error:  # since 3.14
        log.append(str(error))
    else:
        log.append(outer.get_loop() is other_loop)
        outer.cancel()
    other_loop.close()


@program
async def gather_takes_exceptions_for_retrieved_that_come_late(log):
    slow, slower = task(failure("slow", 2)), task(failure("slower", 3))
    log.append(await settled(asyncio.gather(failure("first"), slow, slower)))
    await passes(5)
    log.append([slow._log_traceback, slower._log_traceback])


@program
async def gather_that_nobody_asks_reports_its_exception(log):
    asyncio.gather(failure("unseen"), value(1))
    await passes(4)


@program
async def gather_as_callbacks_see_it(log):
    """The outer future is done in the pass after the last child, not before."""
    first, last = asyncio.get_running_loop().create_future(), task(value("last", 2))
    outer = asyncio.gather(first, last, value("other"))
    last.add_done_callback(lambda _: log.append(("last", outer.done())))
    first.add_done_callback(lambda _: log.append(("first", outer.done())))
    outer.add_done_callback(lambda _: log.append("outer"))
    await passes(4)
    log.append(outer.done())
    first.set_result("first")
    log.append(outer.done())
    await passes(1)
    log.append(outer.done())
    await passes(1)
    log.append(await outer)


@program
async def gather_in_the_order_of_failures(log):
    """With exceptions as results, one that fails before the last one ends changes nothing."""
    order = itertools.permutations(range(3))
    for passes_of_three in order:
        children = [
            task(work(str(number), count))
            for number, (work, count) in enumerate(
                zip((failure, value, failure), passes_of_three, strict=True)
            )
        ]
        outer = asyncio.gather(*children, return_exceptions=True)
        calls = []
        outer.add_done_callback(lambda _, calls=calls: calls.append("outer"))
        for child in children:
            child.add_done_callback(
                lambda future, calls=calls, outer=outer: calls.append(
                    (future.get_coro().__name__, outer.done())
                )
            )
        log.append((await settled(outer), calls))


@program
async def gather_is_seen_among_the_callbacks(log):
    child, future = task(value(1, 3), name="child"), BuiltinFuture()
    outer = asyncio.gather(child, future)
    for each in (child, future):
        (callback, context), *_ = each._callbacks
        log.append(normalised(repr(each)))
        log.append((normalised(repr(callback)), callback.__qualname__, callback.__name__))
        log.append((callback.__module__, callback.__code__.co_name, type(context).__name__))
    log.append(child.remove_done_callback(callback))
    future.set_result(2)
    await child
    await passes(3)
    log.append(outer.done())
    outer.set_result(None)


@program
async def gather_on_a_loop_that_refuses(log):
    """An error of `create_task()` has passed through asyncio's functions."""
    loop = asyncio.get_running_loop()
    refusing, first, second = type(loop), value("first"), value("second")
    create_task = refusing.create_task

    def refuse(self, coroutine, **kwargs):
        if coroutine is second:
            raise RuntimeError("refused")
        return create_task(self, coroutine, **kwargs)

    for call in (lambda: asyncio.gather(first, second), lambda: asyncio.shield(second)):
        try:
            refusing.create_task = refuse
            call()
        except RuntimeError as error:
            calls = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            log.append((str(error), calls, inspect.getcoroutinestate(second)))
        finally:
            refusing.create_task = create_task
    await passes(3)


@program
async def gather_whose_callbacks_fail(log):
    """An error in there is reported as one of asyncio's function."""

    class Refusing(BuiltinFuture):
        def exception(self):
            raise LookupError("refused")

    def report(_, context):
        error = context["exception"]
        calls = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        log.append((normalised(context["message"]), comparable(error), calls[-2:]))

    asyncio.get_running_loop().set_exception_handler(report)
    child = Refusing()
    outer = asyncio.gather(child)
    child.set_result(1)
    await passes(2)
    log.append(outer.done())
    outer.cancel()


@every_way(programs)
def test_gather(impl, program, way, kind):
    assert_same_course(program, impl, way, kind)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop", "minimal"])
def test_gather_outside_of_a_running_loop(impl, kind):
    loops = pytest.importorskip("support.loops")
    try:
        loop = loops.new_loop(kind)
    except loops.LoopMissing as missing:
        pytest.skip(str(missing))
    with impl.in_force():
        children = [loop.create_future() for _ in range(3)]
        outer = asyncio.gather(*children)
        assert outer.get_loop() is loop
        for number, child in enumerate(children):
            child.set_result(number)
        assert loop.run_until_complete(outer) == [0, 1, 2]
    loop.close()
