"""What a task lets go of, and when; without the help of the collector."""

import asyncio
import gc
import weakref

import pytest
from support import collect, run_passes
from support.tasks import assert_like_builtin, forever, supervised_loop


class Local:
    """An object that can be watched."""


async def holding(local, awaitable):
    return await awaitable


def lifetimes(impl, ending):
    """When a local of the coroutine, the coroutine itself and the task go; nothing is collected."""
    with supervised_loop(impl) as (loop, reports):
        gc.disable()
        try:
            local = Local()
            watched = weakref.ref(local)
            future = loop.create_future()
            coroutine = holding(local, future)
            frame = weakref.ref(coroutine)
            task = impl.Task(coroutine, loop=loop)
            del local, coroutine
            log = [watched() is not None]
            run_passes(loop)
            log.append(watched() is not None)
            if ending == "result":
                future.set_result("result")
            elif ending == "exception":
                future.set_exception(ValueError("message"))
            else:
                task.cancel()
            del future
            run_passes(loop)
            log += [task.done(), watched() is not None, frame() is not None]
            if ending == "exception":
                task.exception().__traceback__ = None
                log.append(watched() is not None)
            reference = weakref.ref(task)
            run_passes(loop)
            del task
            log += [reference() is not None, frame() is not None]
            return log, reports.messages()
        finally:
            gc.enable()


@pytest.mark.parametrize("ending", ["result", "exception", "cancelled"])
def test_locals_go_with_the_last_step(impl, ending):
    log, messages = assert_like_builtin(lambda impl: lifetimes(impl, ending), impl)
    assert log[:3] == [True, True, True]
    assert log[-2:] == [False, False]
    if ending == "result":
        assert log[3] is False
    assert messages == []


def test_finished_task_goes_when_nobody_holds_it(stock_loop, impl):
    """Without the help of the collector, and before the callbacks of the next pass."""
    gc.disable()
    try:
        task = impl.Task(asyncio.sleep(0), loop=stock_loop)
        gone = weakref.ref(task)
        run_passes(stock_loop)
        del task
        assert gone() is not None  # the loop holds its next step
        run_passes(stock_loop)
        assert gone() is None
    finally:
        gc.enable()


def test_awaited_future_goes_with_the_step_that_follows(stock_loop, impl):
    gc.disable()
    try:
        future = impl.Future(loop=stock_loop)
        gone = weakref.ref(future)

        async def waiting(box):
            await box.pop()
            await asyncio.sleep(0)

        task = impl.Task(waiting([future]), loop=stock_loop)
        run_passes(stock_loop)
        future.set_result(None)
        del future
        assert gone() is not None
        run_passes(stock_loop)
        assert gone() is None
        stock_loop.run_until_complete(task)
    finally:
        gc.enable()


def test_result_of_the_awaited_is_not_kept(stock_loop, impl):
    gc.disable()
    try:
        local = Local()
        gone = weakref.ref(local)

        async def waiting(box):
            await box.pop()
            await asyncio.sleep(0)

        future = impl.Future(loop=stock_loop)
        task = impl.Task(waiting([future]), loop=stock_loop)
        run_passes(stock_loop)
        future.set_result(local)
        del local, future
        run_passes(stock_loop, 2)
        assert gone() is None
        stock_loop.run_until_complete(task)
    finally:
        gc.enable()


@pytest.mark.parametrize("message", ["plain", "kept"])
def test_exception_of_a_cancelled_task_is_let_go_with_it(stock_loop, impl, message):
    gc.disable()
    try:
        told = Local()
        gone = weakref.ref(told)
        task = impl.Task(forever(), loop=stock_loop)
        run_passes(stock_loop)
        task.cancel(told)
        del told
        run_passes(stock_loop, 2)
        assert gone() is not None
        if message == "plain":
            with pytest.raises(asyncio.CancelledError):
                task.result()
    finally:
        gc.enable()
    del task
    collect()
    assert gone() is None


def test_task_dropped_from_its_own_last_step(loop, impl):
    """The last reference goes while the task is running; the loop's own keeps it up."""
    box = []

    async def dropping():
        box.clear()
        await asyncio.sleep(0)
        return "unseen"

    box.append(impl.Task(dropping(), loop=loop))
    gone = weakref.ref(box[0])
    run_passes(loop, 3)
    collect()
    assert gone() is None


def test_many_tasks_leave_nothing_behind(stock_loop, impl):
    async def child(number):
        if number % 3 == 0:
            await asyncio.sleep(0)
        if number % 3 == 1:
            raise ValueError(number)
        return Local()

    async def main():
        tasks = [impl.Task(child(number)) for number in range(300)]
        watched.extend(weakref.ref(task) for task in tasks)
        await asyncio.wait(tasks)
        return [task.exception() is None for task in tasks].count(True)

    watched = []
    assert stock_loop.run_until_complete(main()) == 200
    collect()
    assert [reference() for reference in watched if reference() is not None] == []
