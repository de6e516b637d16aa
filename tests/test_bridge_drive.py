"""A Rust future of a Python awaitable, and Python tasks that Rust spawns."""

import asyncio
import gc

import pytest
from support import turn_until


@pytest.fixture(params=[0, 1])
def yields(request):
    """Whether the loop's thread or the runtime polls for the first time."""
    return request.param


class Awaitable:
    """Neither a coroutine nor a future."""

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "awaited"


def test_a_coroutine_is_run_and_its_result_comes_to_rust(loop, probe, yields):
    async def driven():
        await asyncio.sleep(0)
        return "driven"

    async def main():
        return await probe.drive(driven(), yields)

    assert loop.run_until_complete(main()) == "driven"
    assert probe.counts() == (1, 1, 0)


def test_any_awaitable_will_do(loop, probe, yields):
    async def main():
        future = loop.create_future()
        loop.call_soon(future.set_result, "future")
        task = loop.create_task(asyncio.sleep(0, "task"))
        return [
            await probe.drive(awaitable, yields)
            for awaitable in (Awaitable(), future, task, probe.answer("rust", 1))
        ]

    assert loop.run_until_complete(main()) == ["awaited", "future", "task", "rust"]


def test_what_cannot_be_awaited_is_an_error(stock_loop, probe, yields):
    async def main():
        await probe.drive(7, yields)

    with pytest.raises(TypeError):
        stock_loop.run_until_complete(main())


def test_a_future_of_another_loop_is_an_error(stock_loop, probe, yields):
    other = asyncio.SelectorEventLoop()

    async def main():
        await probe.drive(other.create_future(), yields)

    with pytest.raises(ValueError, match="different loop"):
        stock_loop.run_until_complete(main())
    other.close()


def test_an_exception_comes_to_rust(stock_loop, probe, yields):
    async def driven():
        raise LookupError("driven")

    async def main():
        await probe.drive(driven(), yields)

    with pytest.raises(LookupError, match="driven"):
        stock_loop.run_until_complete(main())


def test_awaitables_run_at_the_same_time(loop, probe):
    async def main():
        ready = asyncio.Event()

        async def set_it():
            ready.set()
            return "set"

        return await probe.drive_both(ready.wait(), set_it())

    assert loop.run_until_complete(main()) == (True, "set")


def test_dropping_the_rust_future_cancels_the_task(loop, probe):
    seen = []

    async def main():
        started = asyncio.Event()

        async def driven():
            try:
                started.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        await probe.drive_and_drop(driven(), started.wait())

    loop.run_until_complete(main())
    turn_until(loop, lambda: seen)


def test_dropping_the_rust_future_cancels_a_future_it_waits_for(stock_loop, probe):
    async def main():
        future = stock_loop.create_future()
        started = stock_loop.create_future()
        dropped = probe.drive_and_drop(future, started)
        started.set_result(None)
        await dropped
        await asyncio.wait([future])
        return future.cancelled()

    assert stock_loop.run_until_complete(main())


def test_a_coroutine_that_was_never_started_is_closed_quietly(loop, probe, recwarn):
    async def driven():
        raise AssertionError("nobody polls this")

    async def main():
        coroutine = driven()
        await probe.drive_and_drop(coroutine)
        return coroutine

    coroutine = loop.run_until_complete(main())
    turn_until(loop, lambda: coroutine.cr_frame is None)
    gc.collect()
    assert not [warning for warning in recwarn if warning.category is RuntimeWarning]


def test_cancelling_python_goes_through_rust_to_python(loop, probe, yields):
    seen = []

    async def inner():
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("inner")

    async def outer():
        try:
            await probe.drive(inner(), yields)
        finally:
            seen.append("outer")

    async def main():
        task = loop.create_task(outer())
        while not any(other.get_coro().__name__ == "inner" for other in asyncio.all_tasks()):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert loop.run_until_complete(main())
    turn_until(loop, lambda: len(seen) == 2)
    assert probe.counts() == (1, 0, 1)


def test_what_is_spawned_runs_without_anybody_waiting(loop, probe):
    done = []

    async def spawned():
        await asyncio.sleep(0)
        done.append(True)

    async def main():
        probe.spawn(spawned())

    loop.run_until_complete(main())
    turn_until(loop, lambda: done)


def test_what_is_spawned_can_be_ended_from_rust(loop, probe):
    seen = []

    async def main():
        started = asyncio.Event()

        async def spawned():
            try:
                started.set()
                await asyncio.Event().wait()
            finally:
                seen.append("ended")

        await probe.spawn_and_abort(spawned(), started.wait())

    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(main())
    assert seen == ["ended"]


def test_without_a_loop_nothing_can_be_driven(probe):
    future = asyncio.Future(loop=(loop := asyncio.SelectorEventLoop()))
    with pytest.raises(RuntimeError, match="no running event loop"):
        probe.drive(future)
    loop.close()


def test_a_closed_loop_ends_what_is_driven_on_it(stock_loop, probe):
    started = []

    async def driven():
        asyncio.current_task()._log_destroy_pending = False
        started.append(True)
        await asyncio.Event().wait()

    async def main():
        return probe.drive(driven(), 0)

    future = stock_loop.run_until_complete(main())
    turn_until(stock_loop, lambda: started)
    stock_loop.close()
    assert not future.done()
    assert probe.counts() == (1, 0, 1)
