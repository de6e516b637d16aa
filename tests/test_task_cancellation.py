"""Cancelling a task: what is thrown, when, and what becomes of it. Every combination is in the product's own file."""

import asyncio
import gc
import sys

import pytest
from support import run_passes
from support.tasks import (
    FUTURE_KINDS,
    TASK_KINDS,
    assert_like_builtin,
    described,
    ending,
    forever,
    future_kinds,
    passes_until_done,
    supervised_loop,
    task_kinds,
)


async def waiting(awaitable):
    return await awaitable


async def swallowing(awaitable):
    try:
        return await awaitable
    except asyncio.CancelledError:
        return "swallowed"


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


# How often


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


# What the coroutine makes of it


def test_swallowed(loop, impl):
    task = impl.Task(swallowing(loop.create_future()), loop=loop)
    run_passes(loop)
    task.cancel()
    assert loop.run_until_complete(task) == "swallowed"
    assert not task.cancelled()
    assert task.cancelling() == 1


def test_swallowed_again_and_again(loop, impl):
    async def stubborn():
        for swallowed in range(5):
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                count = swallowed + 1
        return count

    task = impl.Task(stubborn(), loop=loop)
    for expected in range(1, 6):
        run_passes(loop, 2)
        assert not task.done()
        task.cancel()
        assert task.cancelling() == expected
    assert loop.run_until_complete(task) == 5


def test_turned_into_another_exception(loop, impl):
    async def turning():
        try:
            await loop.create_future()
        except asyncio.CancelledError as error:
            raise ValueError("turned") from error

    task = impl.Task(turning(), loop=loop)
    run_passes(loop)
    task.cancel("why")
    with pytest.raises(ValueError, match="turned") as caught:
        loop.run_until_complete(task)
    assert caught.value.__cause__.args == ("why",)
    assert not task.cancelled()


def test_raised_without_having_been_requested(loop, impl):
    async def giving_up():
        raise asyncio.CancelledError("own", "arguments")

    task = impl.Task(giving_up(), loop=loop)
    assert cancelled_error(loop, task).args == ("own", "arguments")
    assert task.cancelling() == 0
    assert task._cancel_message is None


def test_subclass_of_cancelled_error(impl):
    class Special(asyncio.CancelledError):
        pass

    async def giving_up():
        raise Special("own")

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(giving_up(), loop=loop)
            run_passes(loop)
            return ending(task)

    how, error = assert_like_builtin(scenario, impl)
    assert how == "cancelled"
    assert error[0] is Special


def test_while_cleaning_up(loop, impl):
    log = []

    async def cleaning():
        try:
            await loop.create_future()
        finally:
            try:
                await loop.create_future()
            finally:
                log.append("cleaned up")

    task = impl.Task(cleaning(), loop=loop)
    run_passes(loop)
    task.cancel("first")
    run_passes(loop, 2)
    assert (log, task.done()) == ([], False)
    task.cancel("second")
    error = cancelled_error(loop, task)
    assert log == ["cleaned up"]
    assert error.args == ("second",)
    assert error.__context__.args == ("first",)
    assert task.cancelling() == 2


def test_cleaning_up_may_take_its_time(loop, impl):
    log = []

    async def cleaning():
        try:
            await loop.create_future()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
                log.append("cleaning")

    task = impl.Task(cleaning(), loop=loop)
    run_passes(loop)
    task.cancel()
    cancelled_error(loop, task)
    assert len(log) == 5


def test_callbacks_run_when_it_is_over_and_not_before(loop, impl):
    log = []

    async def cleaning():
        try:
            await loop.create_future()
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    task = impl.Task(cleaning(), loop=loop)
    task.add_done_callback(lambda task: log.append(task.cancelled()))
    run_passes(loop)
    task.cancel()
    cancelled_error(loop, task)
    run_passes(loop)
    assert log == ["cleaned up", True]


# The message and the chain


@pytest.mark.parametrize("message", ["why", 42, ("a", "tuple"), ["list"], ValueError("error"), "", 0])
@pytest.mark.parametrize("when", ["before", "waiting", "running"])
def test_message_is_the_argument_of_the_error(stock_loop, impl, message, when):
    seen = []

    async def looking():
        if when == "running":
            task.cancel(message)
        try:
            await stock_loop.create_future()
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    task = impl.Task(looking(), loop=stock_loop)
    if when == "before":
        task.cancel(msg=message)
    elif when == "waiting":
        run_passes(stock_loop)
        task.cancel(message)
    error = cancelled_error(stock_loop, task)
    (argument,) = error.args
    assert argument is message
    assert all(seen_error is error for seen_error in seen)


def test_no_message_is_no_argument(loop, impl):
    for message in ((), (None,)):
        task = impl.Task(forever(), loop=loop)
        run_passes(loop)
        task.cancel(*message)
        assert cancelled_error(loop, task).args == ()


def test_cancel_takes_its_message_by_name_or_position_alone(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    for args, kwargs in [((1, 2), {}), ((), {"message": 1}), ((1,), {"msg": 1})]:
        with pytest.raises(TypeError):
            task.cancel(*args, **kwargs)
    assert task.cancelling() == 0
    stock_loop.run_until_complete(task)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_chain_through_nested_tasks(impl, depth):
    """Each awaiter sees an error that keeps the message, and the traceback leads to the innermost await."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            log = []

            async def level(number):
                try:
                    if number:
                        await impl.Task(level(number - 1), loop=loop)
                    else:
                        await loop.create_future()
                except asyncio.CancelledError as error:
                    log.append((number, described(error)))
                    raise

            task = impl.Task(level(depth), loop=loop)
            run_passes(loop, depth + 1)
            task.cancel("why")
            passes = passes_until_done(loop, task)
            return passes, log, ending(task)

    passes, log, (how, error) = assert_like_builtin(scenario, impl)
    assert passes == depth + 1
    assert [number for number, _ in log] == list(range(depth + 1))
    assert how == "cancelled"
    assert error[:2] == (asyncio.CancelledError, ("why",))


def test_result_of_a_cancelled_task_can_be_asked_again(impl):
    """The first time it is the very error that ended the task, later a new one."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(forever(), loop=loop)
            run_passes(loop)
            task.cancel("why")
            run_passes(loop, 2)
            answers = []
            for ask in (task.result, task.exception, task.result):
                try:
                    ask()
                except asyncio.CancelledError as error:
                    answers.append(described(error))
            return answers, task._cancel_message

    answers, _ = assert_like_builtin(scenario, impl)
    assert len(answers) == 3
    assert answers[0][1] == ("why",)


def test_context_of_an_error_that_was_being_handled(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _):

            async def handling():
                try:
                    raise KeyError("handled")
                except KeyError:
                    await loop.create_future()

            task = impl.Task(handling(), loop=loop)
            run_passes(loop)
            task.cancel("why")
            run_passes(loop, 2)
            return ending(task)

    _, (_, _, _, context, _) = assert_like_builtin(scenario, impl)
    assert context[:2] == (KeyError, ("handled",))
