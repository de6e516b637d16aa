"""How often a task is cancelled: `cancelling()`, `uncancel()`, and what is thrown in the end."""

import asyncio
import sys

import pytest
from support import run_passes
from support.tasks import (
    assert_like_builtin,
    described,
    ending,
    supervised_loop,
)


async def swallowing(awaitable):
    try:
        return await awaitable
    except asyncio.CancelledError:
        return "swallowed"


def cancelled_error(loop, task):
    with pytest.raises(asyncio.CancelledError) as caught:
        loop.run_until_complete(task)
    assert task.cancelled()
    return caught.value


def test_every_request_is_counted(loop, impl):
    task = impl.Task(swallowing(loop.create_future()), loop=loop)
    run_passes(loop)
    assert [(task.cancel(), task.cancelling()) for _ in range(3)] == [(True, n) for n in (1, 2, 3)]
    assert [task.uncancel() for _ in range(4)] == [2, 1, 0, 0]
    assert loop.run_until_complete(task) == "swallowed"


def test_twice_before_the_step_throws_once(loop, impl):
    log = []

    async def persistent():
        for _ in range(3):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError as error:
                log.append(error.args)

    task = impl.Task(persistent(), loop=loop)
    run_passes(loop)
    task.cancel("first")
    task.cancel("second")
    loop.run_until_complete(task)
    assert log == [("second",)]


def test_twice_while_waiting_keeps_the_first_message(impl):
    """The future is cancelled with the first; the second finds it done."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            log = []

            async def persistent():
                for _ in range(2):
                    try:
                        await loop.create_future()
                    except asyncio.CancelledError as error:
                        log.append(described(error))

            task = impl.Task(persistent(), loop=loop)
            run_passes(loop)
            task.cancel("first")
            log.append((task._must_cancel, task._cancel_message))
            task.cancel("second")
            log.append((task._must_cancel, task._cancel_message))
            run_passes(loop, 3)
            log.append(ending(task))
            task.cancel("third")
            run_passes(loop, 2)
            return log, ending(task)

    log, _ = assert_like_builtin(scenario, impl)
    assert log[:2] == [(False, None), (True, "second")]
    assert log[2][:2] == (asyncio.CancelledError, ("first",))


def test_uncancel_at_zero_takes_back_what_was_not_thrown(impl):
    """Since 3.13: before, the request was thrown all the same."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(swallowing(asyncio.sleep(0, "result")), loop=loop)
            run_passes(loop)
            task.cancel()
            requested = task._must_cancel, task.uncancel(), task._must_cancel
            run_passes(loop, 3)
            return requested, ending(task)

    (before, left, after), end = assert_like_builtin(scenario, impl)
    assert (before, left) == (True, 0)
    assert after is (sys.version_info < (3, 13))
    assert end == ("returned", "swallowed" if after else "result")


def test_uncancel_above_zero_takes_nothing_back(loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=loop)
    task.cancel()
    task.cancel()
    assert task.uncancel() == 1
    assert task._must_cancel
    cancelled_error(loop, task)


def test_uncancel_does_not_bring_back_a_cancelled_future(loop, impl):
    future = loop.create_future()
    task = impl.Task(swallowing(future), loop=loop)
    run_passes(loop)
    task.cancel()
    assert task.uncancel() == 0
    assert future.cancelled()
    assert loop.run_until_complete(task) == "swallowed"


def test_uncancel_of_a_done_task(loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=loop)
    task.cancel()
    cancelled_error(loop, task)
    assert (task.cancelling(), task.uncancel(), task.uncancel()) == (1, 0, 0)
    assert task.cancelled()
