"""How a waiting task is woken up: by which outcome, and in which order."""

import asyncio

import pytest
from support import run_passes
from support.tasks import (
    FUTURE_KINDS,
    TASK_KINDS,
    assert_like_builtin,
    described,
    ending,
    future_kinds,
    reported,
    supervised_loop,
    task_kinds,
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


# The outcome


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_result(loop, impl, kind):
    future, task = future_and_waiter(impl, loop, kind)
    result = object()
    future.set_result(result)
    assert loop.run_until_complete(task) is result
    assert task.result() is result


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_exception(loop, impl, kind):
    future, task = future_and_waiter(impl, loop, kind)
    error = ValueError("message")
    future.set_exception(error)
    with pytest.raises(ValueError, match="message") as caught:
        loop.run_until_complete(task)
    assert caught.value is error
    assert task.exception() is error
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("message", [(), (None,), ("why",), (["any", "object"],)])
def test_cancelled_future(loop, impl, kind, message):
    future, task = future_and_waiter(impl, loop, kind)
    future.cancel(*message)
    with pytest.raises(asyncio.CancelledError) as caught:
        loop.run_until_complete(task)
    assert caught.value.args == (message if message != (None,) else ())
    assert task.cancelled()
    assert task.cancelling() == 0


@pytest.mark.parametrize("kind", TASK_KINDS)
@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_awaited_task(loop, impl, kind, outcome):
    future = loop.create_future()
    inner = task_kinds(impl)[kind](waiting(future), loop=loop)
    task = impl.Task(waiting(inner), loop=loop)
    run_passes(loop)
    assert task._fut_waiter is inner
    assert inner._fut_waiter is future
    if outcome == "result":
        future.set_result("result")
        assert loop.run_until_complete(task) == "result"
    elif outcome == "exception":
        future.set_exception(ValueError("message"))
        with pytest.raises(ValueError, match="message"):
            loop.run_until_complete(task)
    else:
        inner.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            loop.run_until_complete(task)
    assert inner.done()


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_future_that_holds_a_request_to_leave(impl, kind, error):
    """The awaiter sees it like any other exception; what it does not catch leaves the loop."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, careless = future_and_waiter(impl, loop, kind)
            log = []

            async def careful():
                try:
                    await future
                except BaseException as caught:
                    log.append(described(caught))
                return "went on"

            task = impl.Task(careful(), loop=loop)
            run_passes(loop)
            future.set_exception(error("message"))
            try:
                loop.run_forever()
            except BaseException as caught:
                log.append(("left", described(caught)))
            run_passes(loop, 2)
            return log, ending(task), ending(careless), reported(reports)

    log, end, _, _ = assert_like_builtin(scenario, impl)
    assert "left" in [entry[0] for entry in log]
    assert end == ("returned", "went on")


class Odd(BaseException):
    pass


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("error", [Odd("odd"), GeneratorExit(), StopAsyncIteration("stop")])
def test_unusual_exceptions(impl, kind, error):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, task = future_and_waiter(impl, loop, kind)
            future.set_exception(type(error)(*error.args))
            run_passes(loop, 2)
            return ending(task), reported(reports)

    (how, _), _ = assert_like_builtin(scenario, impl)
    assert how == "raised"


# The order


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_waiters_wake_in_the_order_in_which_they_came(loop, impl, kind):
    future = future_kinds(impl)[kind](loop=loop)
    log = []

    async def logging(name):
        log.append((name, await future))

    async def main():
        tasks = [impl.Task(logging(name)) for name in range(10)]
        await asyncio.sleep(0)
        future.set_result("result")
        await asyncio.gather(*tasks)

    loop.run_until_complete(main())
    assert log == [(name, "result") for name in range(10)]


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize(
    "order", ["wc", "cw", "wcw", "cwc", "ccw", "wwc", "cwwc", "wccw", "wcwcwc"]
)
def test_waiters_and_callbacks_keep_their_order(stock_loop, impl, kind, order):
    """`w` is a task that waits, `c` a callback."""
    future = future_kinds(impl)[kind](loop=stock_loop)
    log = []

    async def logging(position):
        await future
        log.append(f"w{position}")

    for position, what in enumerate(order):
        if what == "w":
            impl.Task(logging(position), loop=stock_loop)
            run_passes(stock_loop)
        else:
            future.add_done_callback(lambda _, position=position: log.append(f"c{position}"))
    assert len(future._callbacks) == len(order)
    future.set_result(None)
    run_passes(stock_loop, 2)
    assert log == [f"{what}{position}" for position, what in enumerate(order)]


def test_waiter_that_is_cancelled_leaves_its_entry_behind(impl):
    """It stays in the future it waited for only as long as that future is pending."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, first, second = future_and_waiter(impl, loop, count=2)

            class Refusing(impl.Future):
                def cancel(self, msg=None):
                    return False

            stubborn = Refusing(loop=loop)
            third = impl.Task(waiting(stubborn), loop=loop)
            run_passes(loop)
            third.cancel()
            run_passes(loop)
            entries = len(future._callbacks), len(stubborn._callbacks or ())
            stubborn.set_result("late")
            future.set_result("result")
            run_passes(loop, 2)
            ends = [ending(task) for task in (first, second, third)]
            return entries, ends, reported(reports)

    assert_like_builtin(scenario, impl)
