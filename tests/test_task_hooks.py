"""The hooks behind the registry of tasks: they know both implementations."""

import asyncio
import sys
from asyncio import tasks as hooks

import pytest
from support import BuiltinTask, answer, run_passes
from support.tasks import (
    TASK_KINDS,
    assert_like_builtin,
    ending,
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

    _, end, _ = assert_like_builtin(scenario, impl)
    assert (end == "pending") is (sys.version_info >= (3, 14))


@kinds_seen
def test_running_another_loop_inside_of_a_step(impl, kind):
    """Nested loops are forbidden, and the task that tried stays the current one."""

    async def nesting():
        loop = asyncio.new_event_loop()
        coroutine = current()
        try:
            return answer(loop.run_until_complete, coroutine)[
                1:3
            ], asyncio.current_task().get_name()
        finally:
            coroutine.close()
            loop.close()

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = task_kinds(impl)[kind](nesting(), loop=loop, name="O")
            return loop.run_until_complete(task)

    (error, _), name = assert_like_builtin(scenario, impl)
    assert (error, name) == (RuntimeError, "O")
