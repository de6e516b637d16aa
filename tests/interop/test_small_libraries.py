"""Queues between threads, schedulers, timeouts, bridges to and from synchronous code."""

import asyncio
import threading

import pytest

from interop.running import library, passes, run

# Hardly a matter of the interpreter: one of them is enough.
pytestmark = pytest.mark.once


def test_janus_queue_between_a_thread_and_a_task(impl):
    janus = library("janus")

    async def body():
        queue = janus.Queue(maxsize=2)

        def producer():
            for number in range(10):
                queue.sync_q.put(number)
            queue.sync_q.join()

        thread = asyncio.get_running_loop().run_in_executor(None, producer)
        received = []
        for _ in range(10):
            received.append(await queue.async_q.get())
            queue.async_q.task_done()
        await thread
        await queue.aclose()
        return received

    assert run(impl, body) == list(range(10))


def test_aiojobs_scheduler(impl):
    aiojobs = library("aiojobs")

    async def body():
        done = []

        async def job(number):
            await asyncio.sleep(0)
            done.append((number, type(asyncio.current_task()) is impl.Task))
            return number

        async def forever():
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                done.append("closed")

        scheduler = aiojobs.Scheduler(limit=2)
        jobs = [await scheduler.spawn(job(number)) for number in range(4)]
        results = [await each.wait() for each in jobs]
        await scheduler.spawn(forever())
        await passes(1)
        await scheduler.close()
        return results, done

    assert run(impl, body) == ([0, 1, 2, 3], [(n, True) for n in range(4)] + ["closed"])


def test_async_timeout(impl):
    async_timeout = library("async_timeout")

    async def body():
        seen = []
        try:
            async with async_timeout.timeout(0) as scope:
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            seen.append(("timeout", scope.expired() if callable(scope.expired) else scope.expired))
        async with async_timeout.timeout(3600):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        try:
            async with async_timeout.timeout(3600):
                task.get_loop().call_soon(task.cancel, "message")
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as error:
            task.uncancel()
            seen.append(error.args)
        return seen, task.cancelling()

    assert run(impl, body) == ([("timeout", True), ("message",)], 0)


def test_asgiref_there_and_back_again(impl):
    sync = library("asgiref.sync")

    async def body():
        outer = asyncio.current_task()
        threads = []

        async def innermost():
            threads.append(threading.current_thread())
            return type(asyncio.current_task()) is impl.Task

        def synchronous(number):
            threads.append(threading.current_thread())
            return number, sync.async_to_sync(innermost)()

        result = await sync.sync_to_async(synchronous)(1)
        assert asyncio.current_task() is outer
        with pytest.raises(ValueError, match="no number"):
            await sync.sync_to_async(int)("no number")
        return result, threads[0] is threads[1], threads[1] is threading.main_thread()

    assert run(impl, body)[0] == (1, True)


def test_asgiref_from_synchronous_code(impl):
    sync = library("asgiref.sync")

    async def kind():
        await asyncio.sleep(0)
        return type(asyncio.current_task())

    with impl.in_force():
        assert sync.async_to_sync(kind)() is impl.Task


def test_asgiref_cancellation_reaches_the_thread(impl):
    sync = library("asgiref.sync")

    async def body():
        entered, cancelled = asyncio.Event(), asyncio.Event()

        async def inner():
            entered.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        task = asyncio.create_task(sync.sync_to_async(sync.async_to_sync(inner))())
        await entered.wait()
        task.cancel()
        await cancelled.wait()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(impl, body)
