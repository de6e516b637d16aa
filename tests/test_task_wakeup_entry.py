"""The entry that a waiting task leaves in the future, among the other callbacks."""

import asyncio
import sys

import pytest
from support import BuiltinTask, normalised, run_passes
from support.tasks import (
    FUTURE_KINDS,
    assert_like_builtin,
    ending,
    future_kinds,
    reported,
    supervised_loop,
    within,
)


async def waiting(future):
    return await future


def future_and_waiter(impl, loop, kind="own", count=1):
    """A pending future and `count` tasks that wait for it."""
    future = future_kinds(impl)[kind](loop=loop)
    tasks = [impl.Task(waiting(future), loop=loop, name=f"waiter {n}") for n in range(count)]
    run_passes(loop)
    assert all(task._fut_waiter is future for task in tasks)
    return future, *tasks


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_in_callbacks(stock_loop, impl, kind):
    future, task = future_and_waiter(impl, stock_loop, kind)
    ((callback, context),) = future._callbacks
    assert callback.__self__ is task
    assert callback.__qualname__ == "Task.task_wakeup"
    assert callback.__name__ == "task_wakeup"
    assert callable(callback)
    if sys.version_info >= (3, 12):
        assert context is task.get_context()
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert not future._callbacks


def test_entry_has_what_the_entry_of_the_interpreter_has(stock_loop, impl):
    def entry(kind):
        future = impl.Future(loop=stock_loop)
        kind(waiting(future), loop=stock_loop, name="T")
        run_passes(stock_loop)
        ((callback, _),) = future._callbacks
        return future, callback

    future, ours = entry(impl.Task)
    other, theirs = entry(BuiltinTask)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__text_signature__"):
        assert getattr(ours, name, "missing") == getattr(theirs, name, "missing"), name
    assert normalised(repr(ours)) == normalised(repr(theirs))
    assert normalised(repr(future)) == normalised(repr(other))
    assert "cb=[Task.task_wakeup()]" in repr(future)
    future.set_result(None)
    other.set_result(None)
    run_passes(stock_loop)


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_beside_callbacks(stock_loop, impl, kind):
    future = future_kinds(impl)[kind](loop=stock_loop)
    callbacks = [lambda _: None for _ in range(2)]
    future.add_done_callback(callbacks[0])
    task = impl.Task(waiting(future), loop=stock_loop)
    run_passes(stock_loop)
    future.add_done_callback(callbacks[1])
    first, (wakeup, _), last = future._callbacks
    assert [first[0], last[0]] == callbacks
    assert wakeup.__self__ is task
    assert future.remove_done_callback(callbacks[0]) == 1
    assert future.remove_done_callback(callbacks[1]) == 1
    assert [callback.__self__ for callback, _ in future._callbacks] == [task]
    future.set_result("result")
    assert stock_loop.run_until_complete(task) == "result"


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_can_be_removed(stock_loop, impl, kind):
    """The task then sleeps until somebody calls the entry."""
    future, task, other = future_and_waiter(impl, stock_loop, kind, count=2)
    wakeup = next(callback for callback, _ in future._callbacks if callback.__self__ is task)
    assert future.remove_done_callback(wakeup) == 1
    assert future.remove_done_callback(wakeup) == 0
    assert [callback.__self__ for callback, _ in future._callbacks] == [other]
    future.set_result("result")
    run_passes(stock_loop, 3)
    assert other.result() == "result"
    assert not task.done()
    assert within(stock_loop, wakeup, future) == ("returned", None)
    assert task.result() == "result"


def test_entry_is_equal_to_itself_alone(stock_loop, impl):
    future, _, _ = future_and_waiter(impl, stock_loop, count=2)
    (first, _), (second, _) = future._callbacks
    (again, _), _ = future._callbacks
    assert first == again
    assert first != second
    assert first != (lambda _: None)
    future.set_result(None)
    run_passes(stock_loop)


def test_entry_called_with_another_future(stock_loop, impl):
    """The outcome is that of the future which the task waits for, whatever wakes it up."""
    future, task = future_and_waiter(impl, stock_loop)
    ((wakeup, _),) = future._callbacks
    other = impl.Future(loop=stock_loop)
    other.set_exception(ValueError("of another"))
    assert within(stock_loop, wakeup, other) == ("returned", None)
    with pytest.raises(ValueError, match="of another"):
        task.result()
    future.set_result(None)
    reports = stock_loop.get_exception_handler()
    run_passes(stock_loop)
    (report,) = reports.take()
    assert isinstance(report["exception"], asyncio.InvalidStateError)


@pytest.mark.parametrize("argument", ["pending future", "nothing", "number", "no result"])
def test_entry_called_with_what_it_does_not_expect(impl, argument):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, task = future_and_waiter(impl, loop)
            ((wakeup, _),) = future._callbacks
            args = {
                "pending future": (impl.Future(loop=loop),),
                "nothing": (),
                "number": (1,),
                "no result": (object(),),
            }[argument]
            kind = within(loop, wakeup, *args)[:2]
            run_passes(loop)
            future.set_result("result")
            run_passes(loop)
            kinds = [(kind, error and error[0]) for kind, error in reported(reports)]
            return kind, ending(task), kinds

    assert_like_builtin(scenario, impl)


def test_entry_added_twice(impl):
    """The second call comes when the task waits for something else."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, later = impl.Future(loop=loop), impl.Future(loop=loop)

            async def waiting_twice():
                return await future, await later

            task = impl.Task(waiting_twice(), loop=loop, name="T")
            run_passes(loop)
            future.add_done_callback(future._callbacks[0][0])
            entries = len(future._callbacks)
            future.set_result("first")
            run_passes(loop, 2)
            state = task._fut_waiter is later, ending(task)
            later.set_result("second")
            run_passes(loop, 2)
            return entries, state, ending(task), reported(reports)

    assert assert_like_builtin(scenario, impl)[0] == 2


def test_done_callbacks_are_freed_with_the_wake_up(stock_loop, impl):
    """No entry outlives the step that it caused."""
    future, task = future_and_waiter(impl, stock_loop)
    count = sys.getrefcount(task)
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert sys.getrefcount(task) < count
    assert future._callbacks is None or future._callbacks == []


def test_many_waiters(loop, impl):
    future = loop.create_future()

    async def main():
        tasks = [impl.Task(waiting(future)) for _ in range(1_000)]
        await asyncio.sleep(0)
        future.set_result("result")
        return await asyncio.gather(*tasks)

    assert loop.run_until_complete(main()) == ["result"] * 1_000
