"""Rust streams as asynchronous iterators and the reverse; neither runs ahead."""

import asyncio
import gc

import pytest
from support import turn_until


@pytest.fixture(params=[False, True], ids=["at once", "late"])
def late(request):
    """Whether an item is ready when it is asked for."""
    return request.param


@pytest.fixture(params=[1, 3])
def buffer(request):
    """How many items of Python may wait to be taken."""
    return request.param


def test_a_rust_stream_is_iterated_over(loop, probe, late):
    async def main():
        return [item async for item in probe.count_to(10, late)]

    assert loop.run_until_complete(main()) == list(range(10))
    turn_until(loop, lambda: probe.counts() == (1, 0, 1))


def test_it_goes_on_only_when_it_is_asked(stock_loop, probe, late):
    asked = []

    async def main():
        stream = probe.count_to(100, late, asked.append)
        assert asked == []
        for number in range(3):
            assert await anext(stream) == number
            for _ in range(10):
                await asyncio.sleep(0)
            assert asked == list(range(number + 1))

    stock_loop.run_until_complete(main())


def test_its_error_ends_it(stock_loop, probe):
    items = []

    async def main():
        stream = probe.failing_stream(2)
        with pytest.raises(ValueError, match="the end"):
            async for item in stream:
                items.append(item)
        return [item async for item in stream]

    assert stock_loop.run_until_complete(main()) == []
    assert items == [0, 1]


def test_two_cannot_await_the_next_item(stock_loop, probe):
    async def main():
        stream = probe.endless_wait()
        first = stream.__anext__()
        for method in (stream.__anext__, stream.aclose):
            with pytest.raises(RuntimeError, match="awaited already"):
                method()
        assert first.cancel()
        await asyncio.wait([first])
        await stream.aclose()

    stock_loop.run_until_complete(main())


def test_cancelling_the_next_item_loses_none(stock_loop, probe):
    async def main():
        stream = probe.count_to(3, True)
        future = stream.__anext__()
        future.cancel()
        await asyncio.wait([future])
        cancelled = future.cancelled()
        return cancelled, [item async for item in stream]

    cancelled, items = stock_loop.run_until_complete(main())
    assert cancelled and items == [0, 1, 2]


def test_aclose_drops_it(loop, probe, late):
    dropped = []

    async def main():
        stream = probe.count_to(10, late, None, lambda: dropped.append(True))
        assert await anext(stream) == 0
        await stream.aclose()
        assert dropped == [True]
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    loop.run_until_complete(main())


def test_an_iterator_that_nobody_refers_to_is_dropped(stock_loop, probe, late):
    dropped = []

    async def main():
        await anext(probe.count_to(10, late, None, lambda: dropped.append(True)))

    stock_loop.run_until_complete(main())
    gc.collect()
    assert dropped == [True]


class Generated:
    """An asynchronous generator that notes what happens to it."""

    def __init__(self, count, error=None):
        self.count, self.error, self.made, self.closed = count, error, [], False

    async def items(self):
        try:
            for number in range(self.count):
                self.made.append(number)
                yield number
                await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def test_a_generator_becomes_a_rust_stream(loop, probe, buffer):
    generated = Generated(20)

    async def main():
        return await probe.collect(generated.items(), buffer)

    assert loop.run_until_complete(main()) == list(range(20))
    assert generated.closed


def test_any_asynchronous_iterable_becomes_one(stock_loop, probe):
    class Iterable:
        def __aiter__(self):
            self.left = 3
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    async def main():
        return await probe.collect(Iterable()), await probe.collect(probe.count_to(3, True))

    assert stock_loop.run_until_complete(main()) == ([2, 1, 0], [0, 1, 2])


def test_the_exception_of_a_generator_comes_last(stock_loop, probe, buffer):
    generated = Generated(3, LookupError("the end"))

    async def main():
        await probe.collect(generated.items(), buffer)

    with pytest.raises(LookupError, match="the end"):
        stock_loop.run_until_complete(main())


def test_a_generator_is_held_up_when_nobody_takes_its_items(loop, probe, buffer):
    generated = Generated(1000)

    async def rest():
        for _ in range(20):
            await asyncio.sleep(0)

    async def main():
        return await probe.take(generated.items(), 5, buffer, rest)

    assert loop.run_until_complete(main()) == list(range(5))
    turn_until(loop, lambda: generated.closed)
    # Those taken, those in the buffer, and the one in the hand of the generator.
    assert len(generated.made) <= 5 + buffer + 1


def test_dropping_the_stream_closes_the_generator(loop, probe, buffer):
    generated = Generated(1000)

    async def main():
        return await probe.take(generated.items(), 2, buffer)

    assert loop.run_until_complete(main()) == [0, 1]
    turn_until(loop, lambda: generated.closed)


def test_cancelling_the_rust_side_closes_the_generator(stock_loop, probe, buffer):
    generated = Generated(1000)

    async def never():
        if generated.made:
            await asyncio.Event().wait()

    async def main():
        task = asyncio.ensure_future(probe.take(generated.items(), 5, buffer, never))
        while not generated.made:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert stock_loop.run_until_complete(main())
    turn_until(stock_loop, lambda: generated.closed)


def test_what_is_not_an_asynchronous_iterable_is_an_error(stock_loop, probe):
    async def main():
        await probe.collect([1, 2, 3])

    with pytest.raises(TypeError):
        stock_loop.run_until_complete(main())
