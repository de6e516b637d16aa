"""Cancelling the Python side drops the Rust future, and has done so when anybody sees it."""

import asyncio
import gc

import pytest
from support import turn_until


@pytest.fixture(params=[0, 1, 5])
def yields(request):
    """How often the future goes to the runtime before it waits for ever."""
    return request.param


def test_the_destructor_has_run_before_the_awaiter_sees_the_error(loop, probe, yields):
    seen = []

    async def waits():
        try:
            await probe.forever(lambda: seen.append("dropped"), yields)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        task = loop.create_task(waits())
        await asyncio.sleep(0)
        assert task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert loop.run_until_complete(main())
    assert seen == ["dropped", "cancelled"]
    assert probe.counts() == (1, 0, 1)


def test_a_future_that_is_being_polled_is_cancelled_when_the_poll_is_over(loop, probe):
    seen = []

    async def main():
        future = probe.slow_poll(lambda: seen.append("dropped"))
        future.add_done_callback(lambda _: seen.append("done"))
        probe.wait_for_gate(1)
        assert future.cancel("first")
        assert not future.done() and not future.cancelled()
        assert future.cancel("second"), "as often as one likes"
        seen.append("the loop goes on")
        await asyncio.sleep(0)
        probe.open_gate()
        with pytest.raises(asyncio.CancelledError, match="second"):
            await future
        return future

    future = loop.run_until_complete(main())
    assert future.cancelled() and not future.cancel()
    assert seen == ["the loop goes on", "dropped", "done"]


def test_a_task_that_awaits_a_future_being_polled_gets_its_message(loop, probe):
    async def main():
        task = loop.create_task(wait_for_slow_poll())
        await asyncio.sleep(0)
        probe.wait_for_gate(1)
        task.cancel("enough")
        await asyncio.sleep(0)
        assert not task.done()
        probe.open_gate()
        await asyncio.wait([task])
        return task

    async def wait_for_slow_poll():
        await probe.slow_poll()

    task = loop.run_until_complete(main())
    with pytest.raises(asyncio.CancelledError):
        task.result()
    assert probe.counts() == (1, 0, 1)


def test_a_future_that_got_ready_while_it_was_cancelled_is_cancelled(stock_loop, probe):
    async def main():
        future = probe.slow_poll(ready=True)
        probe.wait_for_gate(1)
        assert future.cancel()
        probe.open_gate()
        await asyncio.wait([future])
        return future

    assert stock_loop.run_until_complete(main()).cancelled()


def test_a_result_that_has_not_been_delivered_is_lost_to_a_cancellation(stock_loop, probe):
    async def main():
        future = probe.together()
        probe.release()
        assert probe.finished_while_attached(1, 60)
        assert future.cancel() and future.cancelled()
        await probe.answer(1, 1)
        return future

    assert stock_loop.run_until_complete(main()).cancelled()
    assert probe.counts() == (2, 2, 0)


def test_cancelling_a_future_that_is_done_does_nothing(stock_loop, probe, yields):
    async def main():
        future = probe.answer(1, yields)
        await future
        return future.cancel(), future.result()

    assert stock_loop.run_until_complete(main()) == (False, 1)


def test_cancelling_from_the_destructor_is_no_second_cancellation(stock_loop, probe, yields):
    futures, answers = [], []

    async def main():
        futures.append(probe.forever(lambda: answers.append(futures[0].cancel()), yields))
        futures[0].cancel()
        await asyncio.wait(futures)
        return futures[0].cancelled()

    assert stock_loop.run_until_complete(main())
    assert len(answers) == 1
    futures.clear()


def test_timeout_and_wait_for_drop_the_rust_future(loop, probe, yields):
    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(probe.forever(None, yields), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await probe.forever(None, yields)
        return probe.counts()

    assert loop.run_until_complete(main()) == (2, 0, 2)


def test_a_task_group_drops_the_futures_of_the_others(loop, probe, yields):
    async def fail():
        await probe.fail(ValueError("one"), 1)

    async def wait():
        await probe.forever(None, yields)

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(wait())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        loop.run_until_complete(main())
    assert probe.counts() == (5, 0, 5)


def test_a_hundred_thousand_futures_cancelled_halfway_are_all_dropped(stock_loop, probe):
    async def main():
        for _ in range(10):
            futures = [probe.forever(None, number % 2) for number in range(10_000)]
            await asyncio.sleep(0)
            for future in futures:
                assert future.cancel()
            await asyncio.wait(futures)
            assert all(future.cancelled() for future in futures)

    stock_loop.run_until_complete(main())
    assert probe.counts() == (100_000, 0, 100_000)


def test_a_future_that_nobody_refers_to_stops_its_rust_work(loop, probe, yields):
    dropped = []

    async def main():
        probe.forever(lambda: dropped.append(True), yields)

    loop.run_until_complete(main())
    turn_until(loop, lambda: dropped)
    assert probe.counts() == (1, 0, 1)


def test_a_future_in_a_cycle_of_garbage_stops_its_rust_work(stock_loop, probe, yields):
    dropped = []

    async def main():
        future = probe.forever(lambda: dropped.append(True), yields)
        future.me = future

    stock_loop.run_until_complete(main())
    gc.collect()
    turn_until(stock_loop, lambda: dropped)


def test_what_somebody_awaits_is_not_garbage(loop, probe):
    results = []

    async def waits():
        results.append(await probe.together())

    async def main():
        tasks = [loop.create_task(waits()) for _ in range(10)]
        await asyncio.sleep(0)
        tasks.clear()
        gc.collect()
        probe.release()

    loop.run_until_complete(main())
    turn_until(loop, lambda: len(results) == 10)
    assert probe.counts() == (10, 10, 0)


def test_a_callback_that_is_removed_keeps_nothing_alive(stock_loop, probe):
    dropped = []

    async def main():
        future = probe.forever(lambda: dropped.append(True), 0)
        future.add_done_callback(print)
        future.remove_done_callback(print)

    stock_loop.run_until_complete(main())
    assert dropped
