"""The exception of an awaited future as the awaiter sees it."""

import asyncio

import pytest
from support import run_passes
from support.tasks import (
    FUTURE_KINDS,
    assert_like_builtin,
    described,
    ending,
    functions_in,
    future_kinds,
    reported,
    supervised_loop,
)


async def waiting(future):
    return await future


def future_and_waiter(impl, loop, kind="own", count=1):
    """A pending future and `count` tasks that wait for it."""
    future = future_kinds(impl)[kind](loop=loop)
    tasks = [impl.Task(waiting(future), loop=loop, name=f"waiter {n}") for n in range(count)]
    run_passes(loop)
    assert all(task._fut_waiter is future for task in tasks)
    return future, *tasks


def failing(impl, awaited, count):
    """What `count` awaiters, and one that comes late, see of the exception of `awaited`."""
    seen = []

    def fail():
        raise ValueError("message")

    async def inner():
        await asyncio.sleep(0)
        fail()

    async def outer(awaitable):
        try:
            await awaitable
        except BaseException as error:
            seen.append((functions_in(error), described(error)))

    with supervised_loop(impl) as (loop, reports):
        if awaited == "future":
            awaitable = impl.Future(loop=loop)
            try:
                fail()
            except ValueError as error:
                error.__traceback__ = error.__traceback__.tb_next
                loop.call_soon(awaitable.set_exception, error)
        elif awaited == "task":
            awaitable = impl.Task(inner(), loop=loop)
        else:
            awaitable = impl.Task(waiting(impl.Task(inner(), loop=loop)), loop=loop)
        tasks = [impl.Task(outer(awaitable), loop=loop) for _ in range(count)]
        run_passes(loop, 6)
        tasks.append(impl.Task(outer(awaitable), loop=loop))
        run_passes(loop, 2)
        assert all(task.done() for task in tasks)
        assert reported(reports) == []
        return seen


@pytest.mark.parametrize("awaited", ["future", "task", "task of a task"])
@pytest.mark.parametrize("count", [1, 3])
def test_traceback(impl, awaited, count):
    """The first awaiter sees the whole traceback, and none sees more than its own part in addition.

    The interpreter's class has given the traceback away by then; to keep it is as good.
    """
    full = ["outer", "waiting", "inner", "fail"]
    if awaited == "task":
        full.remove("waiting")
    elif awaited == "future":
        full = ["outer", "fail"]
    (first, error), *others = failing(impl, awaited, count)
    assert first == full
    assert error == (ValueError, ("message",), None, None, False)
    assert len(others) == count
    for functions, again in others:
        assert functions in (["outer"], full)
        assert again == error


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("outcome", ["exception", "cancelled"])
@pytest.mark.parametrize("done", [False, True])
def test_chain_of_an_exception_awaited_while_another_is_handled(impl, kind, outcome, done):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future = future_kinds(impl)[kind](loop=loop)

            async def handling():
                try:
                    raise KeyError("handled")
                except KeyError as error:
                    await future
                    return error

            def finish():
                if outcome == "exception":
                    future.set_exception(ValueError("message"))
                else:
                    future.cancel("why")

            if done:
                finish()
            task = impl.Task(handling(), loop=loop)
            run_passes(loop)
            if not done:
                finish()
            run_passes(loop, 2)
            return ending(task), reported(reports)

    (_, (_, _, cause, context, _)), _ = assert_like_builtin(scenario, impl)
    assert cause is None
    assert context[:2] == (KeyError, ("handled",))


def test_cause_is_kept(loop, impl):
    future, task = future_and_waiter(impl, loop)
    error, cause = ValueError("message"), KeyError("cause")
    error.__cause__ = cause
    future.set_exception(error)
    with pytest.raises(ValueError, match="message"):
        loop.run_until_complete(task)
    assert error.__cause__ is cause
    assert error.__context__ is None


def test_exception_that_is_caught_and_raised_again(impl):
    """Through three tasks, each of which adds its own to the chain."""

    async def level(awaitable, number):
        try:
            await awaitable
        except Exception as error:
            if number % 2:
                raise RuntimeError(number) from error
            raise LookupError(number)  # noqa: B904

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            future = awaitable = loop.create_future()
            for number in range(3):
                awaitable = impl.Task(level(awaitable, number), loop=loop)
            run_passes(loop)
            future.set_exception(ValueError("message"))
            run_passes(loop, 5)
            return ending(awaitable)

    _, (kind, args, _, context, _) = assert_like_builtin(scenario, impl)
    assert (kind, args) == (LookupError, (2,))
    assert context[2][3][:2] == (ValueError, ("message",))
