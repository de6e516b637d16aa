"""`current_task()` and `all_tasks()` see every task, and the hooks behind them know both implementations."""

import asyncio
import gc
import sys
import threading
import weakref
from asyncio import tasks as hooks

import pytest
from support import BuiltinTask, adopt, answer, new_loop, run_passes
from support.tasks import (
    TASK_KINDS,
    assert_like_builtin,
    ending,
    forever,
    reported,
    supervised_loop,
    task_kinds,
)

# Since 3.14 the class written in Python keeps its own books.
kinds_seen = pytest.mark.parametrize(
    "kind", [kind for kind in TASK_KINDS if kind != "python" or sys.version_info < (3, 14)]
)
both = pytest.mark.parametrize("outer", ["own", "stock"])
both_inner = pytest.mark.parametrize("inner", ["own", "stock"])
since_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")


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
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
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


# The hooks


@both
@both_inner
def test_no_task_is_entered_while_another_runs(impl, outer, inner):
    """A step made by hand inside a step."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            kinds = task_kinds(impl)
            future = loop.create_future()
            waiting = kinds[inner](wait(future), loop=loop, name="I")
            run_passes(loop)
            ((wakeup, _),) = future._callbacks
            future.remove_done_callback(wakeup)
            future.set_result("result")

            async def entering():
                outcome = answer(wakeup, future)
                return outcome, asyncio.current_task().get_name()

            task = kinds[outer](entering(), loop=loop, name="O")
            run_passes(loop)
            before = ending(waiting)
            loop.call_soon(wakeup, future)
            run_passes(loop)
            return ending(task), before, ending(waiting), reported(reports)

    async def wait(future):
        return await future

    (_, (outcome, name)), before, after, _ = assert_like_builtin(scenario, impl)
    assert (before, after) == ("pending", ("returned", "result"))
    assert outcome[1] is RuntimeError
    assert outcome[2].startswith("Cannot enter into task <Task pending name='I'")
    assert "while another task <Task pending name='O'" in outcome[2]
    assert name == "O"


@both
def test_entering_a_running_task_again(impl, outer):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _):

            async def entering():
                task = asyncio.current_task()
                return [
                    answer(hooks._enter_task, loop, task),
                    answer(hooks._leave_task, loop, "another"),
                    answer(hooks._enter_task, loop, "another"),
                    asyncio.current_task() is task,
                ]

            task = task_kinds(impl)[outer](entering(), loop=loop, name="O")
            return loop.run_until_complete(task)

    answers = assert_like_builtin(scenario, impl)
    assert [said[1] for said in answers[:3]] == [RuntimeError] * 3
    assert answers[3] is True


@both
def test_task_that_was_left_by_hand(impl, outer):
    """Leaving it in the middle of its step is found out at the end of the step."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):

            async def leaving():
                task = asyncio.current_task()
                hooks._leave_task(loop, task)
                between = asyncio.current_task()
                return between

            task = task_kinds(impl)[outer](leaving(), loop=loop, name="O")
            run_passes(loop, 2)
            return ending(task), asyncio.current_task(loop), reported(reports)

    end, left, reports = assert_like_builtin(scenario, impl)
    assert (end, left) == (("returned", None), None)
    assert [message for message, _ in reports] == ["Exception"]


@both
def test_a_stranger_may_be_entered_between_steps(impl, outer):
    """Anything may stand in as the current task; no task takes a step meanwhile."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            log = []

            def enter():
                hooks._enter_task(loop, "stranger")
                log.append(asyncio.current_task())

            def leave():
                hooks._leave_task(loop, "stranger")
                log.append(asyncio.current_task())

            loop.call_soon(enter)
            refused = task_kinds(impl)[outer](current(), loop=loop, name="O")
            loop.call_soon(leave)
            taken = task_kinds(impl)[outer](current(), loop=loop)
            run_passes(loop, 2)
            assert taken.result() is taken
            refused._log_destroy_pending = False
            refused.get_coro().close()
            return log, ending(refused), reported(reports)

    log, end, reports = assert_like_builtin(scenario, impl)
    assert (log, end) == (["stranger", None], "pending")
    assert "Cannot enter into task <Task pending name='O'" in reports[0][1][1][0]


@since_312
@both
def test_swapping_the_current_task(impl, outer):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):

            async def swapping():
                task = asyncio.current_task()
                log = [hooks._swap_current_task(loop, "stranger") is task]
                log.append(asyncio.current_task())
                log.append(hooks._swap_current_task(loop, None))
                log.append(asyncio.current_task())
                log.append(hooks._swap_current_task(loop, task))
                log.append(asyncio.current_task() is task)
                return log

            task = task_kinds(impl)[outer](swapping(), loop=loop)
            return loop.run_until_complete(task), reported(reports)

    log, _ = assert_like_builtin(scenario, impl)
    assert log == [True, "stranger", "stranger", None, None, True]


@both
def test_unregistered_and_registered_by_hand(stock_loop, impl, outer):
    task = task_kinds(impl)[outer](asyncio.sleep(0), loop=stock_loop)
    hooks._unregister_task(task)
    assert asyncio.all_tasks(stock_loop) == set()
    hooks._unregister_task(task)
    hooks._register_task(task)
    hooks._register_task(task)
    assert asyncio.all_tasks(stock_loop) == {task}
    stock_loop.run_until_complete(task)
    assert asyncio.all_tasks(stock_loop) == set()


def test_registering_a_stranger_beside_tasks(stock_loop, impl):
    class Stranger:
        def get_loop(self):
            return stock_loop

        def done(self):
            return False

    stranger = Stranger()
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    hooks._register_task(stranger)
    assert asyncio.all_tasks(stock_loop) == {task, stranger}
    hooks._unregister_task(stranger)
    assert asyncio.all_tasks(stock_loop) == {task}
    stock_loop.run_until_complete(task)


def test_one_loop_with_both_kinds(loop, impl):
    """Each step knows which task it is, whichever kind took the step before."""
    log = []

    async def looking():
        mine = asyncio.current_task()
        for _ in range(5):
            log.append(asyncio.current_task() is mine)
            await asyncio.sleep(0)
            assert {mine} <= asyncio.all_tasks()

    async def main():
        kinds = [impl.Task, BuiltinTask] * 3
        await asyncio.gather(*[kind(looking(), loop=loop) for kind in kinds])

    loop.run_until_complete(impl.Task(main(), loop=loop))
    assert log == [True] * 30


def test_loop_that_is_not_running(impl):
    """Since 3.14 a step is refused where the task's loop is not the one that runs."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future = loop.create_future()

            async def waiting():
                return await future

            task = impl.Task(waiting(), loop=loop, name="T")
            run_passes(loop)
            ((wakeup, _),) = future._callbacks
            future.remove_done_callback(wakeup)
            future.set_result("result")
            outcome = answer(wakeup, future)
            task._log_destroy_pending = False
            return outcome, ending(task), reported(reports)

    outcome, end, _ = assert_like_builtin(scenario, impl)
    assert (end == "pending") is (sys.version_info >= (3, 14))


@kinds_seen
def test_running_another_loop_inside_of_a_step(impl, kind):
    """Nested loops are forbidden, and the task that tried stays the current one."""

    async def nesting():
        loop = asyncio.new_event_loop()
        coroutine = current()
        try:
            return answer(loop.run_until_complete, coroutine)[1:3], asyncio.current_task().get_name()
        finally:
            coroutine.close()
            loop.close()

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = task_kinds(impl)[kind](nesting(), loop=loop, name="O")
            return loop.run_until_complete(task)

    (error, _), name = assert_like_builtin(scenario, impl)
    assert (error, name) == (RuntimeError, "O")
