"""How outcomes reach a loop: by one wake-up, without the interpreter, and leaving nothing."""

import asyncio
import threading

import pytest
from support import THREAD_KINDS, LoopMissing, new_loop


class WatchedLoop(asyncio.SelectorEventLoop):
    """A stock loop that counts how often it is woken by a descriptor it was asked to watch."""

    def __init__(self):
        self.woken = 0
        self.watched = set()
        super().__init__()

    def add_reader(self, fd, callback, *args):
        def counted():
            self.woken += 1
            callback(*args)

        self.watched.add(fd)
        super().add_reader(fd, counted)

    def remove_reader(self, fd):
        self.watched.discard(fd)
        return super().remove_reader(fd)


@pytest.fixture
def watched_loop():
    with asyncio.Runner(loop_factory=WatchedLoop) as runner:
        yield runner.get_loop()


def test_a_hundred_results_that_are_ready_together_cost_one_wake_up(watched_loop, probe):
    async def main():
        futures = [probe.together() for _ in range(100)]
        probe.release()
        # This thread lets nobody else attach: whoever needs that to deliver would be stuck.
        assert probe.finished_while_attached(100, 60)
        before = watched_loop.woken
        await asyncio.gather(*futures)
        return watched_loop.woken - before

    assert watched_loop.run_until_complete(main()) == 1


def test_futures_that_are_ready_at_once_wake_nobody(watched_loop, probe):
    async def main():
        await asyncio.gather(*(probe.answer(number) for number in range(100)))

    watched_loop.run_until_complete(main())
    assert (watched_loop.woken, watched_loop.watched) == (0, set())


def test_a_loop_stops_watching_when_nothing_is_pending(watched_loop, probe):
    async def main():
        await asyncio.gather(*(probe.answer(number, 1) for number in range(10)))
        future = probe.sleep(3600)
        assert len(watched_loop.watched) == 1
        future.cancel()
        while watched_loop.watched:
            await asyncio.sleep(0)

    watched_loop.run_until_complete(main())


def test_a_loop_that_awaits_one_future_after_the_other_goes_on_watching(watched_loop, probe):
    async def main():
        watching = set()
        for number in range(100):
            await probe.answer(number, 1)
            watching.add(len(watched_loop.watched))
        return watching

    assert watched_loop.run_until_complete(main()) == {1}


def test_a_loop_is_not_kept_running(loop, probe):
    async def main():
        probe.forever()
        return probe.sleep(3600)

    future = loop.run_until_complete(main())
    assert not future.done()
    future.cancel()


def test_a_result_waits_for_the_loop_to_run_again(loop, probe):
    async def main():
        return probe.together()

    future = loop.run_until_complete(main())
    probe.release()
    assert probe.finished_while_attached(1, 60)
    assert not future.done()
    assert loop.run_until_complete(future) is None


def test_closing_a_loop_drops_what_is_pending(loop, loop_kind, probe):
    if loop_kind == "minimal":
        pytest.skip("it has nothing that tells of its closing")

    async def main():
        return [probe.forever(None, number % 2) for number in range(10)]

    futures = loop.run_until_complete(main())
    loop.close()
    assert not any(future.done() for future in futures)
    del futures
    wait_for_drops(probe, 10)


def test_a_result_for_a_closed_loop_is_dropped(loop, probe):
    async def main():
        return probe.together()

    future = loop.run_until_complete(main())
    loop.close()
    probe.release()
    assert not future.done()
    del future
    made, finished, dropped = probe.counts()
    assert made == finished + dropped or wait_for_end(probe)


def test_tasks_that_await_rust_on_a_closed_loop_are_garbage(stock_loop, probe):
    async def waits():
        await probe.forever()

    async def main():
        task = stock_loop.create_task(waits())
        task._log_destroy_pending = False
        await asyncio.sleep(0)

    stock_loop.run_until_complete(main())
    stock_loop.close()
    wait_for_drops(probe, 1)


def wait_for_drops(probe, count):
    """Waits until the runtime has dropped so many futures: it may have been polling them."""
    while probe.counts()[2] < count:
        threading.Event().wait(0.001)


def wait_for_end(probe):
    """Waits until every future has ended or was dropped."""
    while (counts := probe.counts())[0] != counts[1] + counts[2]:
        threading.Event().wait(0.001)
    return True


def test_eight_loops_in_eight_threads(probe):
    kinds = [THREAD_KINDS[number % len(THREAD_KINDS)] for number in range(8)]
    results, failures = [], []

    async def work(number):
        for turn in range(20):
            answers = [probe.answer((number, turn, item), item % 3) for item in range(20)]
            unwanted = [probe.forever(None, item % 2) for item in range(5)]
            assert await asyncio.gather(*answers) == [(number, turn, item) for item in range(20)]
            for future in unwanted:
                future.cancel()
            await asyncio.wait(unwanted)
        return number

    def run(number, kind):
        try:
            loop = new_loop(kind)
        except LoopMissing:
            loop = new_loop("asyncio")
        try:
            results.append(loop.run_until_complete(work(number)))
        except BaseException as error:
            failures.append(error)
        finally:
            loop.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(kinds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(results) == list(range(8))
    assert probe.counts() == (8 * 20 * 25, 8 * 20 * 20, 8 * 20 * 5)
