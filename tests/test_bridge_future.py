"""A Rust future that Python awaits: its result, its error, its panic, and where it is polled."""

import asyncio
import errno
from _asyncio import Future as BuiltinFuture

import aioxide
import pytest
from support import turn_until


@pytest.fixture(params=[0, 1, 3])
def yields(request):
    """How often the future goes to the runtime before it ends; 0: it is ready at once."""
    return request.param


def test_the_result_is_that_of_the_rust_future(loop, probe, yields):
    value = object()

    async def main():
        return await probe.answer(value, yields)

    assert loop.run_until_complete(main()) is value


def test_it_is_exactly_an_aioxide_future_of_the_running_loop(loop, probe, yields):
    async def main():
        future = probe.answer(1, yields)
        seen = type(future), future.get_loop(), isinstance(future, BuiltinFuture)
        await future
        return seen

    assert loop.run_until_complete(main()) == (aioxide.Future, loop, True)


def test_a_future_that_is_ready_at_once_is_done_from_the_start(stock_loop, probe):
    async def main():
        future = probe.answer("now")
        return future.done(), future.result()

    assert stock_loop.run_until_complete(main()) == (True, "now")


def test_awaiting_a_ready_future_does_not_leave_the_step(stock_loop, probe):
    passes = []

    async def main():
        stock_loop.call_soon(passes.append, "a pass of the loop")
        for number in range(100):
            assert await probe.answer(number) == number
        return list(passes)

    assert stock_loop.run_until_complete(main()) == []


def test_a_future_is_polled_first_where_it_is_made_and_then_by_the_runtime(stock_loop, probe):
    async def main():
        return await probe.polling_thread(0), await probe.polling_thread(1)

    first, later = stock_loop.run_until_complete(main())
    assert first != "aioxide"
    assert later == "aioxide"


def test_nothing_is_none(loop, probe):
    async def main():
        return await probe.nothing()

    assert loop.run_until_complete(main()) is None


def test_a_python_exception_is_raised_as_it_is(loop, probe, yields):
    error = LookupError("there")

    async def main():
        await probe.fail(error, yields)

    with pytest.raises(LookupError) as caught:
        loop.run_until_complete(main())
    assert caught.value is error


def test_a_cancelled_error_cancels_the_future(stock_loop, probe, yields):
    async def main():
        future = probe.fail(asyncio.CancelledError("rust says so"), yields)
        await asyncio.wait([future])
        return future

    future = stock_loop.run_until_complete(main())
    assert future.cancelled()
    with pytest.raises(asyncio.CancelledError, match="rust says so"):
        future.result()


def test_stop_iteration_becomes_an_error_that_a_future_can_hold(stock_loop, probe, yields):
    async def main():
        await probe.fail(StopIteration(1), yields)

    with pytest.raises((TypeError, RuntimeError), match="StopIteration interacts badly"):
        stock_loop.run_until_complete(main())


@pytest.mark.parametrize("how", ["alone", "boxed"])
def test_an_io_error_is_the_os_error_of_its_number(stock_loop, probe, how):
    async def main():
        await probe.os_error(errno.EACCES, how)

    with pytest.raises(PermissionError, match="Permission denied") as caught:
        stock_loop.run_until_complete(main())
    assert (caught.value.errno, caught.value.filename) == (errno.EACCES, None)


def test_an_io_error_about_a_file_names_it(stock_loop, probe):
    async def main():
        await probe.os_error(errno.ENOENT, "a/file")

    with pytest.raises(FileNotFoundError) as caught:
        stock_loop.run_until_complete(main())
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "a/file")


def test_any_other_boxed_error_is_a_runtime_error_with_its_text(stock_loop, probe):
    async def main():
        await probe.text_error("out of order")

    with pytest.raises(RuntimeError, match=r"^out of order$"):
        stock_loop.run_until_complete(main())


def test_a_panic_becomes_an_exception_and_the_loop_goes_on(loop, probe, yields, capfd):
    async def main():
        try:
            await probe.panic(yields)
        except BaseException as error:
            caught = type(error).__name__, str(error)
        return caught, await probe.answer("still here", 1)

    assert loop.run_until_complete(main()) == (("PanicException", "as asked"), "still here")


def test_an_exception_that_nobody_retrieves_is_reported(stock_loop, probe, errors):
    async def main():
        probe.fail(ValueError("lost"), 1)
        kept = probe.fail(ValueError("lost, too"), 1)
        await asyncio.wait([kept])
        del kept

    stock_loop.run_until_complete(main())
    (report,) = errors.take()
    assert report["message"] == "Future exception was never retrieved"


def test_without_a_running_loop_there_is_no_future(probe):
    with pytest.raises(RuntimeError, match="no running event loop"):
        probe.answer(1)


def test_debug_mode_shows_where_a_future_was_made(stock_loop, probe, yields):
    stock_loop.set_debug(True)

    async def main():
        future = probe.answer(1, yields)
        await future
        return future._source_traceback

    traceback = stock_loop.run_until_complete(main())
    assert traceback[-1].name == "main"


def test_futures_are_counted(stock_loop, probe, yields):
    async def main():
        before = aioxide.stats().futures
        future = probe.answer(1, yields)
        made = aioxide.stats().futures - before
        await future
        return made

    assert stock_loop.run_until_complete(main()) == 1


def test_gather_and_the_other_combinators_take_them(loop, probe):
    async def main():
        gathered = await asyncio.gather(*(probe.answer(n, n % 3) for n in range(50)))
        done, pending = await asyncio.wait([probe.answer(1, 1), probe.answer(2)])
        timed = await asyncio.wait_for(probe.answer(3, 1), 60)
        shielded = await asyncio.shield(probe.answer(4, 1))
        return gathered, {future.result() for future in done}, pending, timed, shielded

    assert loop.run_until_complete(main()) == (list(range(50)), {1, 2}, set(), 3, 4)


def test_a_result_set_from_outside_drops_the_rust_future(stock_loop, probe, yields):
    dropped = []

    async def main():
        future = probe.forever(lambda: dropped.append(True), yields)
        future.set_result("mine")
        return await future

    assert stock_loop.run_until_complete(main()) == "mine"
    turn_until(stock_loop, lambda: dropped)
    assert probe.counts() == (1, 0, 1)
