"""`current_task()` and `all_tasks()` see every task, also from other loops and threads."""

import asyncio
import gc
import sys
import threading
import weakref

import pytest
from support import adopt, answer, new_loop, run_passes
from support.tasks import (
    TASK_KINDS,
    forever,
    supervised_loop,
    task_kinds,
)

# Since 3.14 the class written in Python keeps its own books.
kinds_seen = pytest.mark.parametrize(
    "kind", [kind for kind in TASK_KINDS if kind != "python" or sys.version_info < (3, 14)]
)


async def current():
    return asyncio.current_task()


# The current task


def test_current_task_in_every_step(loop, impl):
    seen = []

    async def looking():
        for _ in range(3):
            seen.append((asyncio.current_task(), asyncio.current_task(loop)))
            await asyncio.sleep(0)
        try:
            await loop.create_future()
        finally:
            seen.append((asyncio.current_task(), asyncio.current_task(loop)))

    task = impl.Task(looking(), loop=loop)
    run_passes(loop, 4)
    task.cancel()
    run_passes(loop, 2)
    assert task.cancelled()
    assert seen == [(task, task)] * 4


def test_no_current_task_between_steps(loop, impl):
    seen = []

    async def yielding():
        loop.call_soon(lambda: seen.append(asyncio.current_task()))
        await asyncio.sleep(0)
        return asyncio.current_task()

    task = impl.Task(yielding(), loop=loop)
    assert asyncio.current_task(loop) is None
    assert loop.run_until_complete(task) is task
    assert asyncio.current_task(loop) is None
    assert seen == [None]


@kinds_seen
def test_current_task_of_every_kind(stock_loop, impl, kind):
    task = task_kinds(impl)[kind](current(), loop=stock_loop)
    assert stock_loop.run_until_complete(task) is task


def test_no_current_task_outside_of_a_loop(impl):
    assert answer(asyncio.current_task)[1:3] == (RuntimeError, "no running event loop")


def test_no_current_task_in_callbacks(loop, impl):
    seen = []
    task = impl.Task(asyncio.sleep(0), loop=loop)
    task.add_done_callback(lambda _: seen.append(asyncio.current_task()))
    loop.run_until_complete(task)
    run_passes(loop)
    assert seen == [None]


@pytest.mark.parametrize("how", ["returns", "raises", "is cancelled", "leaves the loop"])
def test_no_current_task_after_the_last_step(stock_loop, impl, how):
    async def ends():
        if how == "raises":
            raise ValueError("message")
        if how == "is cancelled":
            raise asyncio.CancelledError
        if how == "leaves the loop":
            raise SystemExit("message")

    task = impl.Task(ends(), loop=stock_loop)
    answer(stock_loop.run_until_complete, task)
    answer(task.exception)
    assert asyncio.current_task(stock_loop) is None


def test_no_current_task_while_the_outcome_is_dealt_with(stock_loop, impl):
    """The frame is gone before the step has ended: its finalisers still see the task."""
    seen = []

    class Noisy:
        def __del__(self):
            seen.append(asyncio.current_task(stock_loop))

    async def holding():
        _noisy = Noisy()
        await asyncio.sleep(0)

    task = impl.Task(holding(), loop=stock_loop)
    stock_loop.run_until_complete(task)
    assert seen == [task]


# All tasks


def test_all_tasks_are_those_that_are_not_done(loop, impl):
    async def main():
        assert asyncio.all_tasks() == {main_task}
        children = {impl.Task(forever()) for _ in range(3)}
        assert asyncio.all_tasks() == {main_task, *children}
        await asyncio.sleep(0)
        assert asyncio.all_tasks(loop) == {main_task, *children}
        (first, *_) = children
        first.cancel()
        assert first in asyncio.all_tasks()
        await asyncio.wait([first])
        assert asyncio.all_tasks() == {main_task, *children} - {first}
        for child in children:
            child.cancel()
        await asyncio.wait(children)
        assert asyncio.all_tasks() == {main_task}

    main_task = impl.Task(main(), loop=loop)
    assert asyncio.all_tasks(loop) == {main_task}
    loop.run_until_complete(main_task)
    assert asyncio.all_tasks(loop) == set()


@kinds_seen
def test_all_tasks_holds_every_kind(stock_loop, impl, kind):
    task = task_kinds(impl)[kind](asyncio.sleep(0), loop=stock_loop)
    assert asyncio.all_tasks(stock_loop) == {task}
    stock_loop.run_until_complete(task)
    assert asyncio.all_tasks(stock_loop) == set()


def test_all_tasks_of_a_loop_are_its_own(impl):
    with supervised_loop(impl) as (loop, _), supervised_loop(impl) as (other, _):
        tasks = [impl.Task(asyncio.sleep(0), loop=each) for each in (loop, other)]
        assert asyncio.all_tasks(loop) == {tasks[0]}
        assert asyncio.all_tasks(other) == {tasks[1]}
        for each, task in zip((loop, other), tasks, strict=True):
            each.run_until_complete(task)
            assert asyncio.all_tasks(each) == set()


def test_all_tasks_outside_of_a_loop(impl):
    assert answer(asyncio.all_tasks)[1:3] == (RuntimeError, "no running event loop")


def test_registry_does_not_keep_a_task_alive(stock_loop, impl, errors):
    task = impl.Task(forever(), loop=stock_loop)
    run_passes(stock_loop)
    reference = weakref.ref(task)
    assert len(asyncio.all_tasks(stock_loop)) == 1
    del task
    gc.collect()
    assert reference() is None
    assert errors.messages() == ["Task was destroyed but it is pending!"]  # lets go of it
    gc.collect()
    assert asyncio.all_tasks(stock_loop) == set()


# Threads


def test_current_and_all_tasks_seen_from_another_thread(impl):
    """The loop's thread stands still in the middle of a step while another one looks."""
    looked, entered = threading.Event(), threading.Event()
    seen = []
    loop = adopt(new_loop("asyncio"), impl)

    async def standing():
        entered.set()
        looked.wait()

    task = impl.Task(standing(), loop=loop)
    other = impl.Task(asyncio.sleep(0), loop=loop)
    thread = threading.Thread(target=loop.run_until_complete, args=(task,), daemon=True)
    thread.start()
    entered.wait()
    seen.append(asyncio.current_task(loop))
    seen.append(asyncio.all_tasks(loop))
    looked.set()
    thread.join()
    assert seen == [task, {task, other}]
    loop.run_until_complete(other)
    loop.close()


def test_two_loops_in_two_threads(impl):
    barrier = threading.Barrier(2, timeout=30)
    seen = {}

    def run(name):
        loop = adopt(new_loop("asyncio"), impl)

        async def main():
            for _ in range(20):
                barrier.wait()
                seen.setdefault(name, set()).add((asyncio.current_task(), *asyncio.all_tasks()))
                await asyncio.sleep(0)

        task = impl.Task(main(), loop=loop)
        loop.run_until_complete(task)
        expected[name] = {(task, task)}
        loop.close()

    expected = {}
    threads = [threading.Thread(target=run, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == expected
    assert seen[0] != seen[1]


def test_tasks_made_in_one_thread_and_run_in_another(impl):
    loop = adopt(new_loop("asyncio"), impl)
    task = impl.Task(current(), loop=loop)
    result = []
    thread = threading.Thread(target=lambda: result.append(loop.run_until_complete(task)))
    thread.start()
    thread.join()
    assert result == [task]
    assert asyncio.all_tasks(loop) == set()
    loop.close()
