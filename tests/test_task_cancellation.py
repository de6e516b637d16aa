"""Cancelling a task: when it comes, and what the awaited future says to it."""

import asyncio
import gc
import sys

import pytest
from support import run_passes
from support.tasks import (
    FUTURE_KINDS,
    TASK_KINDS,
    assert_like_builtin,
    ending,
    forever,
    future_kinds,
    supervised_loop,
    task_kinds,
)


async def waiting(awaitable):
    return await awaitable


def state(task):
    return task._must_cancel, task._fut_waiter, task.cancelling(), task.done()


def cancelled_error(loop, task):
    with pytest.raises(asyncio.CancelledError) as caught:
        loop.run_until_complete(task)
    assert task.cancelled()
    return caught.value


# When


def test_before_the_first_step_the_coroutine_never_starts(loop, impl):
    started = []

    async def start():
        started.append(True)

    task = impl.Task(start(), loop=loop)
    assert task.cancel() is True
    assert state(task) == (True, None, 1, False)
    cancelled_error(loop, task)
    assert state(task) == (False, None, 1, True)
    assert started == []


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_while_waiting_the_awaited_future_is_cancelled(loop, impl, kind):
    future = future_kinds(impl)[kind](loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    assert task.cancel() is True
    assert future.cancelled()
    # The future it waited for stays visible until the task takes its next step.
    assert state(task) == (False, future, 1, False)
    cancelled_error(loop, task)
    assert state(task) == (False, None, 1, True)


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_while_waiting_for_a_task_that_task_is_cancelled(loop, impl, kind):
    inner = task_kinds(impl)[kind](forever(), loop=loop)
    task = impl.Task(waiting(inner), loop=loop)
    run_passes(loop)
    assert task.cancel("why") is True
    assert state(task) == (False, inner, 1, False)
    assert (inner.cancelling(), inner.done()) == (1, False)
    assert cancelled_error(loop, task).args == ("why",)
    assert inner.cancelled()


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("outcome", ["result", "exception"])
def test_when_the_awaited_future_is_done_its_outcome_is_lost(loop, impl, kind, outcome):
    future = future_kinds(impl)[kind](loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    if outcome == "result":
        future.set_result("lost")
    else:
        future.set_exception(ValueError("lost"))
    assert task.cancel("why") is True
    assert state(task) == (True, future, 1, False)
    assert cancelled_error(loop, task).args == ("why",)
    assert state(task) == (False, None, 1, True)


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_when_the_awaited_future_was_cancelled_its_message_wins(loop, impl, kind):
    future = future_kinds(impl)[kind](loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    future.cancel("the future")
    assert task.cancel("the task") is True
    assert task._must_cancel
    assert cancelled_error(loop, task).args == ("the future",)
    assert not task._must_cancel


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_while_running_the_next_awaited_future_is_cancelled(loop, impl, kind):
    future = future_kinds(impl)[kind](loop=loop)
    states = []

    async def cancelling_itself():
        states.append(task.cancel("why"))
        states.append(state(task))
        await future

    task = impl.Task(cancelling_itself(), loop=loop)
    assert cancelled_error(loop, task).args == ("why",)
    assert future.cancelled()
    assert states == [True, (True, None, 1, False)]


def test_while_running_a_bare_yield_raises_in_the_next_step(stock_loop, impl):
    async def cancelling_itself():
        task.cancel("why")
        await asyncio.sleep(0)

    task = impl.Task(cancelling_itself(), loop=stock_loop)
    run_passes(stock_loop)
    assert state(task) == (True, None, 1, False)
    assert cancelled_error(stock_loop, task).args == ("why",)


def test_while_running_awaiting_what_is_done_does_not_raise(loop, impl):
    done = loop.create_future()
    done.set_result("done")
    log = []

    async def cancelling_itself():
        task.cancel("why")
        log.append(await done)
        await asyncio.sleep(0)

    task = impl.Task(cancelling_itself(), loop=loop)
    cancelled_error(loop, task)
    assert log == ["done"]


def test_right_before_it_returns_the_task_is_cancelled_nonetheless(loop, impl):
    async def cancelling_itself():
        task.cancel("why")
        return "lost"

    task = impl.Task(cancelling_itself(), loop=loop)
    assert cancelled_error(loop, task).args == ("why",)
    assert state(task) == (False, None, 1, True)


def test_right_before_it_raises_the_error_wins(loop, impl):
    async def cancelling_itself():
        task.cancel("why")
        raise ValueError("message")

    task = impl.Task(cancelling_itself(), loop=loop)
    with pytest.raises(ValueError, match="message"):
        loop.run_until_complete(task)
    assert not task.cancelled()
    assert task.cancelling() == 1


def test_right_before_it_returns_and_taken_back(impl):
    """Since 3.13 the last `uncancel()` takes the request back as well."""

    async def cancelling_itself():
        task = asyncio.current_task()
        task.cancel("why")
        task.uncancel()
        return "result", task._must_cancel

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(cancelling_itself(), loop=loop)
            run_passes(loop)
            return ending(task), task._must_cancel

    end, _ = assert_like_builtin(scenario, impl)
    assert end[0] == ("returned" if sys.version_info >= (3, 13) else "cancelled")


@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_when_the_task_is_done_it_is_too_late(loop, impl, outcome):
    async def ending_with():
        if outcome == "exception":
            raise ValueError("message")
        if outcome == "cancelled":
            raise asyncio.CancelledError("own")
        return "result"

    task = impl.Task(ending_with(), loop=loop)
    run_passes(loop, 2)
    assert task.cancel("late") is False
    assert task.cancelling() == 0
    assert task._cancel_message is None
    assert task.cancelled() is (outcome == "cancelled")
    if outcome == "exception":
        assert str(task.exception()) == "message"


def test_cancelling_a_failed_task_keeps_its_exception_from_being_reported(loop, impl, errors):
    async def failing():
        raise ValueError("message")

    task = impl.Task(failing(), loop=loop)
    run_passes(loop, 2)
    assert task._log_traceback
    assert task.cancel() is False
    assert not task._log_traceback
    del task
    gc.collect()
    assert errors.take() == []


# What the awaited future says to it


def test_future_that_refuses_is_overruled_when_it_is_done(loop, impl):
    class Refusing(impl.Future):
        def cancel(self, msg=None):
            messages.append(msg)
            return False

    messages = []
    future = Refusing(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    assert task.cancel("why") is True
    assert messages == ["why"]
    assert state(task) == (True, future, 1, False)
    run_passes(loop, 3)
    assert state(task) == (True, future, 1, False)
    future.set_result("lost")
    assert cancelled_error(loop, task).args == ("why",)


def test_future_that_refuses_while_the_task_is_running(loop, impl):
    """The request stays, and is thrown in place of the result."""

    class Refusing(impl.Future):
        def cancel(self, msg=None):
            return False

    future = Refusing(loop=loop)

    async def cancelling_itself():
        task.cancel("why")
        await future

    task = impl.Task(cancelling_itself(), loop=loop)
    run_passes(loop)
    assert state(task) == (True, future, 1, False)
    future.set_result("lost")
    assert cancelled_error(loop, task).args == ("why",)


@pytest.mark.parametrize("answer", [1, "yes", object(), 0, "", None])
def test_answer_of_the_awaited_future_may_be_any_object(loop, impl, answer):
    class Answering(impl.Future):
        def cancel(self, msg=None):
            return answer

    future = Answering(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    assert task.cancel() is True
    assert task._must_cancel is not bool(answer)
    future.set_result("result")
    if answer:
        assert loop.run_until_complete(task) == "result"
    else:
        cancelled_error(loop, task)


def test_future_whose_cancel_raises(loop, impl):
    """The error reaches whoever cancels; the request is counted, and the task waits on."""

    class Raising(impl.Future):
        def cancel(self, msg=None):
            raise ZeroDivisionError(msg)

    future = Raising(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    with pytest.raises(ZeroDivisionError, match="why"):
        task.cancel("why")
    assert state(task) == (False, future, 1, False)
    future.set_result("result")
    assert loop.run_until_complete(task) == "result"
