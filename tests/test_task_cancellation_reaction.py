"""What a coroutine makes of its cancellation, and the error that it sees."""

import asyncio

import pytest
from support import run_passes
from support.tasks import (
    assert_like_builtin,
    described,
    ending,
    forever,
    passes_until_done,
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


@pytest.mark.parametrize(
    "message", ["why", 42, ("a", "tuple"), ["list"], ValueError("error"), "", 0]
)
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
    """Each awaiter, from the innermost outwards, sees an error that keeps the message."""

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
