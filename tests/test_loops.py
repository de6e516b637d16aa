"""The kinds of loops: futures and tasks run on all of them."""

import asyncio
import contextvars

import pytest
from support import (
    LOOP_KINDS,
    LoopMissing,
    adopt,
    new_loop,
    run_passes,
)

variable = contextvars.ContextVar("variable", default="unset")


async def value(result):
    return result


async def waiting(future):
    return await future


def loop_or_skip(kind, impl):
    try:
        return adopt(new_loop(kind), impl)
    except LoopMissing as missing:
        pytest.skip(str(missing))


def test_programme_of_tasks_and_futures(loop, impl):
    log = []

    async def worker(number, started, go):
        started.set_result(number)
        log.append(await go)
        await asyncio.sleep(0)
        return number

    async def main():
        go = loop.create_future()
        starts = [loop.create_future() for _ in range(3)]
        workers = [loop.create_task(worker(n, starts[n], go)) for n in range(3)]
        assert await asyncio.gather(*starts) == [0, 1, 2]
        assert asyncio.all_tasks() == {asyncio.current_task(), *workers}
        go.set_result("go")
        return await asyncio.gather(*workers)

    assert loop.run_until_complete(main()) == [0, 1, 2]
    assert log == ["go"] * 3


def test_timers(loop, impl):
    async def main():
        started = loop.time()
        await asyncio.sleep(0.01)
        return loop.time() - started

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) > 0


def test_cancellation(loop, impl):
    async def main():
        task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
        await asyncio.sleep(0)
        task.cancel("because")
        with pytest.raises(asyncio.CancelledError, match="because"):
            await task

    loop.run_until_complete(impl.Task(main(), loop=loop))


def test_context_of_a_task_is_entered(loop, impl):
    context = contextvars.Context()

    async def main():
        variable.set("inside")
        await asyncio.sleep(0)
        return variable.get()

    task = impl.Task(main(), loop=loop, context=context)
    assert loop.run_until_complete(task) == "inside"
    assert context[variable] == "inside"
    assert variable.get() == "unset"


def test_ten_thousand_steps(loop, impl):
    async def main():
        for _ in range(10_000):
            await asyncio.sleep(0)
        return "arrived"

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == "arrived"


def test_loop_runs_again(loop, impl):
    first, second = impl.Future(loop=loop), impl.Future(loop=loop)

    async def main():
        return await first, await second

    task = impl.Task(main(), loop=loop)
    run_passes(loop, 2)
    first.set_result(1)
    run_passes(loop, 2)
    assert not task.done()
    assert not loop.is_running()
    second.set_result(2)
    run_passes(loop, 2)
    assert task.result() == (1, 2)


def test_stop_from_a_task(loop, impl):
    async def main():
        loop.stop()
        await asyncio.sleep(0)
        return "went on later"

    task = impl.Task(main(), loop=loop)
    loop.run_forever()
    if not task.done():
        run_passes(loop, 2)
    assert task.result() == "went on later"


def test_run_until_complete_that_is_stopped(loop, impl):
    future = impl.Future(loop=loop)
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(future)
    future.set_result("later")
    assert loop.run_until_complete(future) == "later"


def test_task_made_while_the_loop_stands_still(loop, impl):
    task = impl.Task(value("made early"), loop=loop)
    assert not task.done()
    run_passes(loop, 2)
    assert task.result() == "made early"


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("interrupted")], ids=repr)
def test_leaving_the_loop_from_a_task(strict_loop, impl, leave):
    async def main():
        raise leave

    task = impl.Task(main(), loop=strict_loop)
    with pytest.raises(type(leave)) as caught:
        strict_loop.run_forever()
    assert caught.value is leave
    assert task.exception() is leave
    # The loop is fit to go on.
    assert (
        strict_loop.run_until_complete(impl.Task(value("afterwards"), loop=strict_loop))
        == "afterwards"
    )


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("interrupted")], ids=repr)
def test_leaving_the_loop_from_a_callback(strict_loop, impl, leave):
    def callback(future):
        raise leave

    future = impl.Future(loop=strict_loop)
    future.add_done_callback(callback)
    future.set_result(None)
    with pytest.raises(type(leave)) as caught:
        strict_loop.run_forever()
    assert caught.value is leave
    assert (
        strict_loop.run_until_complete(impl.Task(value("afterwards"), loop=strict_loop))
        == "afterwards"
    )


@pytest.mark.parametrize("kinds", [("asyncio", other) for other in LOOP_KINDS], ids=lambda k: k[1])
def test_future_of_another_loop_is_refused(impl, kinds):
    one, other = (loop_or_skip(kind, impl) for kind in kinds)
    future = impl.Future(loop=other)
    task = impl.Task(waiting(future), loop=one)
    with pytest.raises(RuntimeError, match="attached to a different loop"):
        one.run_until_complete(task)
    future.cancel()
    one.close()
    other.close()
