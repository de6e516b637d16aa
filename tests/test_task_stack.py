"""The stack of a task: `get_stack()` and `print_stack()`."""

import asyncio
import io

import pytest
from support import answer, normalised, run_passes
from support.task_states import (
    cancelled,
    ended,
    finished,
    of_a_duck,
    of_an_async_generator,
    scheduled,
    shown,
)
from support.tasks import assert_like_builtin, supervised_loop


def ended_result(impl, coroutine):
    with supervised_loop(impl) as (loop, _):
        return loop.run_until_complete(impl.Task(coroutine, loop=loop, name="T"))


async def outer_frame(awaitable):
    return await inner_frame(awaitable)


async def inner_frame(awaitable):
    return await awaitable


async def failing_frame():
    await asyncio.sleep(0)
    await failing_inner_frame()


async def failing_inner_frame():
    raise ValueError("message")


def frames(limit):
    def show(task):
        return [frame.f_code.co_name for frame in task.get_stack(limit=limit)]

    return show


def printed(limit):
    def show(task):
        file = io.StringIO()
        assert task.print_stack(limit=limit, file=file) is None
        return normalised(file.getvalue())

    return show


def in_two_frames(loop, make):
    task = make(outer_frame(loop.create_future()))
    run_passes(loop)
    return task


def failed_in_two_frames(loop, make):
    return ended(loop, make, failing_frame())


@pytest.mark.parametrize("limit", [None, 0, 1, 2, 5, -1])
@pytest.mark.parametrize("show", [frames, printed])
@pytest.mark.parametrize(
    "state",
    [
        scheduled,
        in_two_frames,
        failed_in_two_frames,
        finished,
        cancelled,
        of_a_duck,
        of_an_async_generator,
    ],
    ids=lambda state: state.__name__,
)
def test_stack(impl, state, show, limit):
    assert_like_builtin(lambda impl: shown(impl, state, show(limit)), impl)


def test_stack_of_what_is_known(stock_loop, impl):
    assert shown(impl, in_two_frames, frames(None)) == ["outer_frame"]
    assert shown(impl, failed_in_two_frames, frames(None)) == [
        "failing_frame",
        "failing_inner_frame",
    ]
    assert shown(impl, finished, frames(None)) == []
    text = shown(impl, in_two_frames, printed(None))
    assert text.startswith("Stack for <Task pending name='T0' ")
    assert "in outer_frame\n    return await inner_frame(awaitable)" in text
    text = shown(impl, failed_in_two_frames, printed(None))
    assert text.startswith("Traceback for <Task finished name='T0' ")
    assert text.endswith("ValueError: message\n")
    assert shown(impl, finished, printed(None)).startswith("No stack for <Task finished ")


def test_stack_is_printed_to_the_standard_streams_by_default(impl, capsys):
    def scenario(impl):
        shown(impl, in_two_frames, lambda task: task.print_stack())
        out, err = capsys.readouterr()
        return normalised(out), normalised(err)

    out, err = assert_like_builtin(scenario, impl)
    assert out.startswith("Stack for <Task pending")
    assert "in outer_frame" in err


@pytest.mark.parametrize(
    "call",
    [
        lambda task: task.get_stack(1),
        lambda task: task.print_stack(1),
        lambda task: task.get_stack(limit="one"),
        lambda task: task.get_stack(nonsense=1),
    ],
)
def test_wrong_arguments_of_the_stack(impl, call):
    def scenario(impl):
        return shown(impl, in_two_frames, lambda task: answer(call, task)[:2])

    assert assert_like_builtin(scenario, impl) == ("raised", TypeError)


def test_stack_of_the_running_task(impl):
    async def looking():
        return [frame.f_code.co_name for frame in asyncio.current_task().get_stack()][-1]

    assert ended_result(impl, looking()) == "looking"
