"""Eager tasks: the current task, all tasks, and the context of the first step."""

import asyncio
import contextvars

import pytest
from support import BuiltinTask, answer, run_passes
from support.eager import OLD, assert_like_builtin, in_a_step, returning

variable = contextvars.ContextVar("variable", default="default")


@pytest.fixture(autouse=True)
def _eager(impl):
    if OLD and impl.name == "builtin":
        pytest.skip("the interpreter's tasks cannot start eagerly before 3.12")


# The current task


@pytest.mark.parametrize("how", ["returns", "raises", "waits", "leaves"])
def test_current_task_is_the_eager_one_and_then_the_maker_again(loop, impl, how):
    seen = []

    async def looking():
        seen.append(asyncio.current_task())
        assert asyncio.current_task() in asyncio.all_tasks()
        if how == "raises":
            raise ValueError("message")
        if how == "leaves":
            raise SystemExit
        if how == "waits":
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

    async def main():
        maker = asyncio.current_task()
        outcome = answer(impl.Task, looking(), loop=loop, eager_start=True)
        assert asyncio.current_task() is maker
        assert outcome[0] == ("raised" if how == "leaves" else "returned")
        task = seen[0]
        await asyncio.wait([task])
        answer(task.exception)
        return task

    task = loop.run_until_complete(main())
    assert set(seen) == {task}
    assert len(seen) == (2 if how == "waits" else 1)


def test_nested(loop, impl):
    log = []

    async def level(number):
        mine = asyncio.current_task()
        log.append(f"in {number}")
        if number < 5:
            inner = impl.Task(level(number + 1), loop=loop, eager_start=True)
            assert inner.done()
            assert asyncio.current_task() is mine
        log.append(f"out {number}")

    loop.run_until_complete(level(0))
    assert log == [f"in {n}" for n in range(6)] + [f"out {n}" for n in range(5, -1, -1)]


@pytest.mark.skipif(OLD, reason="the interpreter's tasks cannot start eagerly before 3.12")
@pytest.mark.parametrize("order", ["own in stock", "stock in own"])
def test_nested_in_a_task_of_the_other_kind(loop, impl, order):
    kinds = [BuiltinTask, impl.Task] if order == "own in stock" else [impl.Task, BuiltinTask]

    async def inner():
        return asyncio.current_task()

    async def outer():
        mine = asyncio.current_task()
        task = kinds[1](inner(), loop=loop, eager_start=True)
        assert task.result() is task
        assert asyncio.current_task() is mine
        return mine

    async def main():
        task = kinds[0](outer(), loop=loop, eager_start=True)
        assert task.result() is task

    loop.run_until_complete(main())


def test_made_in_a_callback(loop, impl):
    """There is no current task before, and none afterwards."""
    seen = []

    async def looking():
        return asyncio.current_task()

    def callback():
        task = impl.Task(looking(), loop=loop, eager_start=True)
        seen.append((task.result() is task, asyncio.current_task()))

    loop.call_soon(callback)
    run_passes(loop, 2)
    assert seen == [(True, None)]


def test_all_tasks_knows_it_in_its_first_step_and_while_it_waits(loop, impl):
    async def looking():
        inside.append(asyncio.all_tasks())
        await asyncio.sleep(0)
        inside.append(asyncio.all_tasks())

    inside = []

    async def main():
        maker = asyncio.current_task()
        task = impl.Task(looking(), loop=loop, eager_start=True)
        assert asyncio.all_tasks() == {maker, task}
        await task
        assert asyncio.all_tasks() == {maker}
        return {maker, task}

    tasks = loop.run_until_complete(main())
    assert inside == [tasks, tasks]


# The context


def test_context(loop, impl):
    async def setting():
        seen = variable.get()
        variable.set("of the eager task")
        await asyncio.sleep(0)
        return seen, variable.get()

    async def main():
        variable.set("of the maker")
        task = impl.Task(setting(), loop=loop, eager_start=True)
        assert variable.get() == "of the maker"
        assert await task == ("of the maker", "of the eager task")
        context = contextvars.copy_context()
        given = impl.Task(setting(), loop=loop, eager_start=True, context=context)
        assert context[variable] == "of the eager task"
        return await given

    assert loop.run_until_complete(main()) == ("of the maker", "of the eager task")


@pytest.mark.parametrize("context", ["entered", "none"])
def test_context_that_cannot_be_entered(impl, context):
    """The interpreter's class forgets to put the current task back; ours must not."""

    def scenario(impl):
        async def body(loop, start):
            maker = asyncio.current_task()
            coroutine = returning()
            given = contextvars.copy_context()
            if context == "entered":
                outcome = given.run(answer, start, coroutine, context=given)
            else:
                outcome = answer(start, coroutine, context="no context")
            coroutine.close()
            if asyncio.current_task() is not maker:
                assert impl.name == "builtin"
                asyncio.current_task()._log_destroy_pending = False
                asyncio.tasks._swap_current_task(loop, maker)
            return outcome[:3]

        outcome, reports = in_a_step(impl, body)
        # Whether a task that never came to be is reported varies with the patch level.
        assert {message for message, _ in reports} <= {"Task was destroyed but it is pending!"}
        return outcome

    outcome = assert_like_builtin(scenario, impl)
    assert outcome[:2] == ("raised", RuntimeError if context == "entered" else TypeError)
