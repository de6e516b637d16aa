"""Eager tasks take their first step while they are made. On 3.11 that is our addition."""

import asyncio
import gc

import pytest
from support import answer, run_passes
from support.eager import OLD, assert_like_builtin, in_a_step, raising, returning
from support.tasks import (
    described,
    ending,
    forever,
)


@pytest.fixture(autouse=True)
def _eager(impl):
    if OLD and impl.name == "builtin":
        pytest.skip("the interpreter's tasks cannot start eagerly before 3.12")


# The first step


def test_completes_at_once(loop, impl):
    async def main():
        task = impl.Task(returning("result"), loop=loop, eager_start=True)
        assert (task.done(), task.result()) == (True, "result")
        assert task not in asyncio.all_tasks()
        assert await task == "result"
        return task

    task = loop.run_until_complete(main())
    assert task._fut_waiter is None
    assert not task._must_cancel


def test_costs_no_pass_where_it_completes(stock_loop, impl):
    async def main():
        return [await impl.Task(returning(n), loop=stock_loop, eager_start=True) for n in range(9)]

    task = impl.Task(main(), loop=stock_loop)
    run_passes(stock_loop)
    assert task.result() == list(range(9))


def test_suspends_and_goes_on_like_any_other(loop, impl):
    log = []

    async def steps():
        log.append("first")
        await asyncio.sleep(0)
        log.append("second")
        return "result"

    async def main():
        task = impl.Task(steps(), loop=loop, eager_start=True)
        log.append("made")
        assert not task.done()
        assert task in asyncio.all_tasks()
        return await task

    assert loop.run_until_complete(main()) == "result"
    assert log == ["first", "made", "second"]


def test_suspends_in_a_future(loop, impl):
    async def waiting(future):
        return await future

    async def main():
        future = loop.create_future()
        task = impl.Task(waiting(future), loop=loop, eager_start=True)
        assert task._fut_waiter is future
        assert len(future._callbacks) == 1
        future.set_result("result")
        return await task

    assert loop.run_until_complete(main()) == "result"


def test_raises_into_the_task_and_not_into_its_maker(loop, impl):
    async def main():
        task = impl.Task(raising(ValueError("message")), loop=loop, eager_start=True)
        assert task.done()
        with pytest.raises(ValueError, match="message"):
            await task
        return str(task.exception())

    assert loop.run_until_complete(main()) == "message"


def test_exception_that_nobody_retrieves_is_reported(stock_loop, impl, errors):
    async def main():
        impl.Task(raising(ValueError("message")), loop=stock_loop, eager_start=True, name="T")
        gc.collect()

    stock_loop.run_until_complete(main())
    (report,) = errors.take()
    assert report["message"] == "Task exception was never retrieved"
    assert str(report["exception"]) == "message"
    assert report["future"].get_name() == "T"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_request_to_leave_leaves_through_the_maker(impl, error):
    leaving = []

    async def body(loop, start):
        outer = asyncio.current_task()

        async def inner():
            leaving.append(asyncio.current_task())
            raise error("message")

        outcome = answer(start, inner(), name="inner")
        return outcome[:3], ending(leaving.pop()), asyncio.current_task() is outer

    (outcome, end, restored), reports = assert_like_builtin(
        lambda impl: in_a_step(impl, body), impl
    )
    assert outcome == ("raised", error, "message")
    assert end[0] == "raised"
    assert (restored, reports) == (True, [])


@pytest.mark.parametrize("value", [None, StopIteration("value"), (1, 2)])
def test_returns_any_value(impl, value):
    async def body(loop, start):
        return start(returning(value)).result() is value

    assert in_a_step(impl, body) == (True, [])


@pytest.mark.parametrize("mistake", [42, "itself", "future"])
def test_mistake_in_the_first_step(impl, mistake):
    class Mistake:
        def __init__(self, loop):
            self.loop = loop

        def __await__(self):
            things = {"itself": asyncio.current_task(), "future": self.loop.create_future()}
            yield things.get(mistake, mistake)

    async def body(loop, start):
        async def mistaken():
            try:
                await Mistake(loop)
            except RuntimeError as error:
                return described(error)

        task = start(mistaken(), name="T")
        return task.done(), await task

    (done, error), _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert (done, error[0]) == (False, RuntimeError)


# Cancellation


def test_cancelled_in_the_first_step_before_it_returns(impl):
    async def body(loop, start):
        async def cancelling_itself():
            asyncio.current_task().cancel("why")
            return "lost"

        task = start(cancelling_itself())
        return ending(task), task._must_cancel, task.cancelling()

    (end, must_cancel, cancelling), _ = assert_like_builtin(
        lambda impl: in_a_step(impl, body), impl
    )
    assert end[0] == "cancelled"
    assert end[1][1] == ("why",)
    assert (must_cancel, cancelling) == (False, 1)


@pytest.mark.parametrize("awaited", ["future", "bare yield", "done future"])
def test_cancelled_in_the_first_step_before_it_waits(impl, awaited):
    async def body(loop, start):
        log = []

        async def cancelling_itself():
            asyncio.current_task().cancel("why")
            future = loop.create_future()
            if awaited == "done future":
                future.set_result(None)
            if awaited != "bare yield":
                await future
                log.append("went on")
            await asyncio.sleep(0)

        task = start(cancelling_itself())
        before = task._must_cancel, task._fut_waiter is None, task.cancelling()
        await asyncio.wait([task])
        return before, log, ending(task)

    (before, log, end), _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert before == (awaited != "future", awaited != "future", 1)
    assert log == (["went on"] if awaited == "done future" else [])
    assert end[1][1] == ("why",)


def test_cancelled_after_the_first_step(loop, impl):
    async def main():
        task = impl.Task(forever(), loop=loop, eager_start=True)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            await task
        return task.cancelled()

    assert loop.run_until_complete(main())


def test_raises_cancelled_error_by_itself(impl):
    async def body(loop, start):
        return ending(start(raising(asyncio.CancelledError("own"))))

    end, _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert end[0] == "cancelled"
