"""What passes between threads and our tasks."""

import asyncio
import concurrent.futures
import contextvars
import threading

import pytest
from support import adopt, new_loop

variable = contextvars.ContextVar("variable", default="default")


@pytest.fixture(params=["in force", "factory"])
def other_thread(request, impl):
    """A loop that makes tasks of `impl` and runs in a thread of its own."""
    loop = adopt(new_loop("asyncio"), impl)
    running = threading.Event()

    def run():
        loop.call_soon(running.set)
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    if request.param == "factory":
        thread.start()
        running.wait()
        yield loop
        stop(loop, thread)
    else:
        with impl.in_force():
            loop.set_task_factory(None)
            thread.start()
            running.wait()
            yield loop
            stop(loop, thread)


def stop(loop, thread):
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def current():
    return asyncio.current_task(), threading.current_thread()


async def waiting_for(event):
    await event.wait()
    return "result"


# Into the loop of another thread


def test_run_coroutine_threadsafe(other_thread, impl):
    future = asyncio.run_coroutine_threadsafe(current(), other_thread)
    task, thread = future.result()
    assert type(task) is impl.Task
    assert thread is not threading.current_thread()


def test_run_coroutine_threadsafe_that_fails(other_thread):
    async def failing():
        raise ValueError("message")

    future = asyncio.run_coroutine_threadsafe(failing(), other_thread)
    with pytest.raises(ValueError, match="message"):
        future.result()


def test_run_coroutine_threadsafe_that_is_cancelled_here(other_thread):
    """Cancelling the future that waits here cancels the task that runs there."""
    entered, left = threading.Event(), threading.Event()

    async def waiting():
        entered.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            left.set()

    future = asyncio.run_coroutine_threadsafe(waiting(), other_thread)
    entered.wait()
    assert future.cancel()
    left.wait()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()


def test_run_coroutine_threadsafe_that_is_cancelled_there(other_thread):
    async def giving_up():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    future = asyncio.run_coroutine_threadsafe(giving_up(), other_thread)
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()


def test_call_soon_threadsafe_finishes_a_future_that_a_task_awaits(other_thread, impl):
    made = concurrent.futures.Future()

    async def waiting():
        future = impl.Future()
        made.set_result(future)
        return await future

    outcome = asyncio.run_coroutine_threadsafe(waiting(), other_thread)
    other_thread.call_soon_threadsafe(made.result().set_result, "result")
    assert outcome.result() == "result"


def test_many_threads_hand_in_at_once(other_thread):
    async def double(number):
        await asyncio.sleep(0)
        return 2 * number

    def handing_in(first):
        futures = [
            asyncio.run_coroutine_threadsafe(double(n), other_thread)
            for n in range(first, first + 50)
        ]
        results.extend(future.result() for future in futures)

    results = []
    threads = [threading.Thread(target=handing_in, args=(50 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [2 * number for number in range(200)]


# Out of a loop into threads


@pytest.fixture
def run(impl):
    """Runs a coroutine as a task of `impl`, on a loop that has the default executor."""
    with impl.in_force():
        yield asyncio.run


def test_to_thread(run, impl):
    async def main():
        assert type(asyncio.current_task()) is impl.Task
        variable.set("of the task")
        thread, value = await asyncio.to_thread(
            lambda: (threading.current_thread(), variable.get())
        )
        assert thread is not threading.current_thread()
        return value

    assert run(main()) == "of the task"


def test_to_thread_that_fails(run):
    async def main():
        with pytest.raises(ZeroDivisionError) as caught:
            await asyncio.to_thread(lambda: 1 / 0)
        return str(caught.value)

    assert run(main()) == "division by zero"


def test_to_thread_that_is_cancelled(run):
    """The task goes on at once; the thread cannot be stopped."""
    entered, released, left = threading.Event(), threading.Event(), threading.Event()

    def standing():
        entered.set()
        released.wait()
        left.set()

    async def main():
        task = asyncio.create_task(asyncio.to_thread(standing))
        while not entered.is_set():
            await asyncio.sleep(0)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not left.is_set()
        released.set()
        return task.cancelled()

    assert run(main())
    assert left.is_set()


def test_many_threads_at_once(run):
    async def main():
        return await asyncio.gather(*[asyncio.to_thread(lambda n=n: n) for n in range(50)])

    assert run(main()) == list(range(50))


def test_run_in_executor(run, impl):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, lambda: "result")
        assert type(future) is impl.Future
        return await future

    assert run(main()) == "result"


def test_wrap_future(run, impl):
    async def main():
        inner = concurrent.futures.Future()
        outer = asyncio.wrap_future(inner)
        assert type(outer) is impl.Future
        assert asyncio.wrap_future(outer) is outer
        task = asyncio.create_task(waiting_on(outer))
        await asyncio.sleep(0)
        inner.set_result("result")
        assert await task == "result"

        inner = concurrent.futures.Future()
        outer = asyncio.wrap_future(inner)
        task = asyncio.create_task(waiting_on(outer))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert inner.cancelled()

        inner = concurrent.futures.Future()
        task = asyncio.create_task(waiting_on(asyncio.wrap_future(inner)))
        await asyncio.sleep(0)
        inner.set_exception(concurrent.futures.InvalidStateError("converted"))
        with pytest.raises(asyncio.InvalidStateError, match="converted"):
            await task

        inner = concurrent.futures.Future()
        task = asyncio.create_task(waiting_on(asyncio.wrap_future(inner)))
        await asyncio.sleep(0)
        inner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    async def waiting_on(future):
        return await future

    assert run(main())


def test_concurrent_future_cannot_be_awaited(run):
    async def main():
        await concurrent.futures.Future()

    with pytest.raises(TypeError):
        run(main())
