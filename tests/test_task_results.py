"""How a task ends: what it returns or raises, and who is told."""

import asyncio
import gc
import weakref

import pytest
from support import BuiltinTask, answer, run_passes
from support.tasks import (
    TASK_KINDS,
    assert_like_builtin,
    ending,
    functions_in,
    supervised_loop,
    task_kinds,
)


class Odd(BaseException):
    """Neither an Exception nor a request to leave."""


async def returning(value=None):
    return value


async def raising(error):
    raise error


# Returning


@pytest.mark.parametrize(
    "value", [None, 42, (1, 2), (), StopIteration("value"), ValueError("value")]
)
def test_returned_value_is_the_result(loop, impl, value):
    task = impl.Task(returning(value), loop=loop)
    assert loop.run_until_complete(task) is value
    assert task.result() is value
    assert task.exception() is None
    assert (task.done(), task.cancelled(), task._state) == (True, False, "FINISHED")


def test_returned_task_or_future_is_not_awaited(loop, impl):
    for value in (loop.create_future(), loop.create_task(returning(1))):
        task = impl.Task(returning(value), loop=loop)
        assert loop.run_until_complete(task) is value


def test_falling_off_the_end_returns_none(loop, impl):
    async def nothing():
        pass

    task = impl.Task(nothing(), loop=loop)
    assert loop.run_until_complete(task) is None
    assert task._result is None


def test_result_before_the_end(loop, impl):
    async def looking():
        return [answer(task.result), answer(task.exception)]

    task = impl.Task(looking(), loop=loop)
    before = [answer(task.result), answer(task.exception)]
    assert before == loop.run_until_complete(task)
    assert [said[:3] for said in before] == [
        ("raised", asyncio.InvalidStateError, "Result is not set."),
        ("raised", asyncio.InvalidStateError, "Exception is not set."),
    ]


@pytest.mark.parametrize("awaited", TASK_KINDS)
def test_awaiting_a_task_many_times(loop, impl, awaited):
    """While it runs and when it is done, from many tasks."""
    value = object()

    async def slow():
        await asyncio.sleep(0)
        return value

    task = task_kinds(impl)[awaited](slow(), loop=loop)

    async def awaiting():
        return [await task for _ in range(3)]

    tasks = [impl.Task(awaiting(), loop=loop) for _ in range(3)]
    for waiter in tasks:
        assert loop.run_until_complete(waiter) == [value] * 3
    assert loop.run_until_complete(impl.Task(awaiting(), loop=loop)) == [value] * 3


def test_result_is_kept_as_long_as_the_task(loop, impl):
    class Result:
        pass

    task = impl.Task(returning(Result()), loop=loop)
    loop.run_until_complete(task)
    result = weakref.ref(task.result())
    gc.collect()
    assert result() is task.result()
    del task
    gc.collect()
    assert result() is None


# Raising


@pytest.mark.parametrize(
    "error", [ValueError("message"), Odd("odd"), GeneratorExit("left"), StopAsyncIteration("end")]
)
def test_raised_exception_is_the_exception(loop, impl, error):
    task = impl.Task(raising(error), loop=loop)
    with pytest.raises(type(error)) as caught:
        loop.run_until_complete(task)
    assert caught.value is error
    assert task.exception() is error
    assert (task.done(), task.cancelled(), task._state) == (True, False, "FINISHED")


def test_exception_keeps_its_traceback(impl):
    def scenario(impl):
        def deepest():
            raise ValueError("message")

        async def failing():
            deepest()

        with supervised_loop(impl) as (loop, _):
            task = impl.Task(failing(), loop=loop)
            run_passes(loop)
            functions = functions_in(task.exception())
            with pytest.raises(ValueError, match="message") as caught:
                task.result()
            return functions, functions_in(caught.value)[1:]

    functions, _ = assert_like_builtin(scenario, impl)
    assert functions == ["failing", "deepest"]


def test_exception_is_the_same_each_time(loop, impl):
    error = ValueError("message")
    task = impl.Task(raising(error), loop=loop)
    run_passes(loop, 2)
    lengths = []
    for _ in range(5):
        with pytest.raises(ValueError, match="message") as caught:
            task.result()
        assert caught.value is error is task.exception()
        lengths.append(len(functions_in(error)))
    assert max(lengths) == lengths[0]


@pytest.mark.parametrize("how", ["raised", "from a helper", "async generator", "chained"])
def test_stop_iteration_raised_in_the_coroutine(impl, how):
    """Python makes it a RuntimeError before the task sees it."""

    def helper():
        return next(iter(()))

    async def items():
        yield 1
        raise StopIteration("message")

    async def raises():
        if how == "raised":
            raise StopIteration("message")
        if how == "from a helper":
            return helper()
        if how == "async generator":
            async for _ in items():
                pass
        raise ValueError("message") from StopIteration("cause")

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(raises(), loop=loop)
            run_passes(loop, 2)
            return ending(task)

    how_it_ended, (error, *_) = assert_like_builtin(scenario, impl)
    assert how_it_ended == "raised"
    assert error is (ValueError if how == "chained" else RuntimeError)


def test_failed_task_does_not_stop_the_loop(loop, impl):
    task = impl.Task(raising(ValueError("message")), loop=loop)
    other = impl.Task(asyncio.sleep(0, "went on"), loop=loop)
    assert loop.run_until_complete(other) == "went on"
    assert isinstance(task.exception(), ValueError)


def test_odd_exception_stays_in_the_task(loop, impl):
    """Only KeyboardInterrupt and SystemExit leave the loop."""
    task = impl.Task(raising(Odd("odd")), loop=loop)
    run_passes(loop, 3)
    assert isinstance(task.exception(), Odd)


# What a task does not let others do


@pytest.mark.parametrize("method", ["set_result", "set_exception"])
@pytest.mark.parametrize("done", [False, True])
def test_outcome_cannot_be_set(stock_loop, impl, method, done):
    task = impl.Task(returning("result"), loop=stock_loop)
    if done:
        stock_loop.run_until_complete(task)
    for argument in (None, ValueError("message"), ValueError):
        outcome = answer(getattr(task, method), argument)
        assert outcome[:3] == ("raised", RuntimeError, f"Task does not support {method} operation")
    assert stock_loop.run_until_complete(task) == "result"


@pytest.mark.parametrize("method", ["set_result", "set_exception"])
@pytest.mark.parametrize("args", [(), (1, 2)])
def test_outcome_cannot_be_set_without_argument_either(stock_loop, impl, method, args):
    """Which of the two mistakes is told is the interpreter's choice."""

    def scenario(kind):
        task = kind(returning("result"), loop=stock_loop)
        outcome = answer(getattr(task, method), *args)
        stock_loop.run_until_complete(task)
        return outcome[1]

    assert scenario(impl.Task) is scenario(BuiltinTask)


# Callbacks


def test_callbacks_are_told_in_the_next_pass(stock_loop, impl):
    log = []
    task = impl.Task(returning("result"), loop=stock_loop)
    task.add_done_callback(lambda task: log.append(("first", task.result())))
    task.add_done_callback(lambda task: log.append(("second", task.result())))
    run_passes(stock_loop)
    assert (task.done(), log) == (True, [])
    task.add_done_callback(lambda task: log.append(("third", task.result())))
    run_passes(stock_loop)
    assert log == [(name, "result") for name in ("first", "second", "third")]


def test_failing_callback_is_reported_and_the_others_are_told(loop, impl, errors):
    log = []
    task = impl.Task(returning("result"), loop=loop)
    task.add_done_callback(lambda _: 1 / 0)
    task.add_done_callback(log.append)
    loop.run_until_complete(task)
    run_passes(loop)
    assert log == [task]
    (report,) = errors.take()
    assert isinstance(report["exception"], ZeroDivisionError)


def test_callbacks_of_a_task_can_be_removed(loop, impl):
    log = []
    task = impl.Task(returning(), loop=loop)
    task.add_done_callback(log.append)
    task.add_done_callback(log.append)
    assert task.remove_done_callback(log.append) == 2
    loop.run_until_complete(task)
    run_passes(loop)
    assert log == []


def test_callback_added_by_the_coroutine_itself(loop, impl):
    log = []

    async def adding():
        task.add_done_callback(log.append)

    task = impl.Task(adding(), loop=loop)
    loop.run_until_complete(task)
    run_passes(loop)
    assert log == [task]
