"""What the tutorials state about tasks in general, on every kind of loop and both implementations.

A task can be awaited many times; `cancelled()` and `done()` say beforehand whether `result()` and
`exception()` will raise; the exception of one task stops neither the loop nor the other tasks.
"""

import asyncio

import pytest


async def value():
    return "value"


async def forever():
    await asyncio.get_running_loop().create_future()


def test_a_task_can_be_awaited_many_times_and_runs_once(loop):
    runs = []

    async def work():
        runs.append(1)
        return object()

    async def main():
        task = loop.create_task(work())
        return [await task for _ in range(5)]

    values = loop.run_until_complete(main())
    assert len(set(map(id, values))) == 1
    assert len(values) == 5
    assert runs == [1]


def test_many_tasks_can_await_the_same_task(loop):
    async def main():
        task = loop.create_task(value())

        async def waiter():
            return await task

        return await asyncio.gather(*(loop.create_task(waiter()) for _ in range(5)))

    assert loop.run_until_complete(main()) == ["value"] * 5


def test_a_failed_task_raises_the_same_exception_each_time_it_is_awaited(loop):
    failure = ValueError("bad")

    async def fail():
        raise failure

    async def main():
        task = loop.create_task(fail())
        caught = []
        for _ in range(3):
            try:
                await task
            except ValueError as error:
                caught.append(error)
        return caught

    assert all(error is failure for error in loop.run_until_complete(main()))


def test_done_says_whether_result_and_exception_can_be_asked_for(loop):
    async def main():
        task = loop.create_task(value())
        assert not task.done()
        for ask in (task.result, task.exception):
            with pytest.raises(asyncio.InvalidStateError):
                ask()
        await task
        assert task.done()
        assert (task.result(), task.exception()) == ("value", None)

    loop.run_until_complete(main())


def test_cancelled_says_whether_result_and_exception_raise_cancelled_error(loop):
    async def main():
        task = loop.create_task(forever())
        task.cancel()
        # A cancellation is a request: it is not carried out yet.
        assert not task.cancelled()
        assert not task.done()
        await asyncio.wait([task])
        assert task.cancelled()
        assert task.done()
        for ask in (task.result, task.exception):
            with pytest.raises(asyncio.CancelledError):
                ask()

    loop.run_until_complete(main())


def test_a_task_that_ended_otherwise_is_not_cancelled(loop):
    async def fail():
        raise ValueError("bad")

    async def main():
        good, bad = loop.create_task(value()), loop.create_task(fail())
        await asyncio.wait([good, bad])
        assert [task.done() for task in (good, bad)] == [True, True]
        assert [task.cancelled() for task in (good, bad)] == [False, False]
        assert good.result() == "value"
        assert isinstance(bad.exception(), ValueError)

    loop.run_until_complete(main())


def test_an_exception_in_a_task_stops_neither_the_loop_nor_other_tasks(loop):
    steps = []

    async def fail():
        steps.append("fails")
        raise ValueError("bad")

    async def main():
        task = loop.create_task(fail())
        failed = loop.create_future()
        task.add_done_callback(lambda _: failed.set_result(None))
        await failed
        steps.append("main goes on")
        steps.append(await loop.create_task(value()))
        # Nobody awaited it: unless it is asked for, the exception would be reported.
        return task.exception()

    assert isinstance(loop.run_until_complete(main()), ValueError)
    assert steps == ["fails", "main goes on", "value"]
    assert loop.run_until_complete(loop.create_task(value())) == "value"
