"""Futures and tasks whose loop is closed."""

import gc

import pytest
from support import answer, run_passes


async def value(result):
    return result


async def waiting(future):
    return await future


def test_future_on_a_closed_loop(loop, impl):
    before = impl.Future(loop=loop)
    loop.close()
    future = impl.Future(loop=loop)
    # Nobody waits, so the loop is not asked for anything.
    for each in (before, future):
        each.set_result("still fine")
        assert each.result() == "still fine"


@pytest.mark.parametrize("end", ["set_result", "set_exception", "cancel"])
def test_finishing_with_callbacks_on_a_closed_loop(strict_loop, impl, end):
    future = impl.Future(loop=strict_loop)
    future.add_done_callback(print)
    strict_loop.close()
    argument = {"set_result": [1], "set_exception": [ValueError()], "cancel": []}[end]
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        getattr(future, end)(*argument)
    assert future.done()
    answer(future.exception)


def test_adding_a_callback_to_a_done_future_on_a_closed_loop(strict_loop, impl):
    future = impl.Future(loop=strict_loop)
    future.set_result(1)
    strict_loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        future.add_done_callback(print)


def test_task_on_a_closed_loop(strict_loop, impl, errors):
    strict_loop.close()
    coroutine = value(1)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        impl.Task(coroutine, loop=strict_loop)
    coroutine.close()
    gc.collect()
    # Half made, it was pending already.
    assert errors.messages() == ["Task was destroyed but it is pending!"]


def test_task_whose_loop_is_closed_before_its_end(strict_loop, impl, errors):
    future = impl.Future(loop=strict_loop)
    task = impl.Task(waiting(future), loop=strict_loop)
    run_passes(strict_loop, 2)
    strict_loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        future.set_result("too late")
    assert not task.done()
    del task, future
    gc.collect()
    assert errors.messages() == ["Task was destroyed but it is pending!"]


def test_cancelling_a_task_whose_loop_is_closed(strict_loop, impl, errors):
    task = impl.Task(waiting(impl.Future(loop=strict_loop)), loop=strict_loop)
    run_passes(strict_loop, 2)
    strict_loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        task.cancel()
    assert not task.done()
    del task
    gc.collect()
    assert errors.messages() == ["Task was destroyed but it is pending!"]
