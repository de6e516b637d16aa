"""The context of a task: copied or given, entered at every step, and seen by its callbacks."""

import asyncio
import contextvars
import sys

import pytest
from support import BuiltinTask, answer, run_passes
from support.tasks import (
    FUTURE_KINDS,
    assert_like_builtin,
    ending,
    future_kinds,
    reported,
    supervised_loop,
    within,
)

variable = contextvars.ContextVar("variable", default="default")

has_get_context = hasattr(BuiltinTask, "get_context")


async def reading():
    return variable.get()


def context_with(value):
    context = contextvars.copy_context()
    context.run(variable.set, value)
    return context


# Which context


def test_copy_of_the_context_at_creation(loop, impl):
    context = context_with("creator")
    task = context.run(impl.Task, reading(), loop=loop)
    context.run(variable.set, "too late")
    assert loop.run_until_complete(task) == "creator"


def test_what_the_task_sets_stays_with_it(loop, impl):
    async def setting():
        variable.set("set by the task")
        await asyncio.sleep(0)
        return variable.get()

    assert loop.run_until_complete(impl.Task(setting(), loop=loop)) == "set by the task"
    assert variable.get() == "default"


def test_given_context_is_used_and_not_copied(loop, impl):
    context = context_with("given")

    async def setting():
        before = variable.get()
        variable.set("set by the task")
        return before

    assert loop.run_until_complete(impl.Task(setting(), loop=loop, context=context)) == "given"
    assert context[variable] == "set by the task"
    assert variable.get() == "default"


def test_context_none_is_a_copy(loop, impl):
    context = context_with("creator")
    task = context.run(impl.Task, reading(), loop=loop, context=None)
    assert loop.run_until_complete(task) == "creator"


def test_tasks_may_share_a_context(loop, impl):
    context = contextvars.copy_context()
    log = []

    async def appending(name):
        for _ in range(3):
            log.append((name, variable.get()))
            variable.set(name)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*[impl.Task(appending(name), context=context) for name in "ab"])

    loop.run_until_complete(main())
    assert log == [("a", "default"), ("b", "a"), ("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")]


def test_children_start_from_the_parents_context(loop, impl):
    async def child():
        inherited = variable.get()
        variable.set("child")
        return inherited

    async def parent():
        variable.set("parent")
        inherited = await impl.Task(child())
        return inherited, variable.get()

    assert loop.run_until_complete(impl.Task(parent(), loop=loop)) == ("parent", "parent")


@pytest.mark.skipif(not has_get_context, reason="get_context() came with 3.12")
def test_get_context(stock_loop, impl):
    context = contextvars.copy_context()
    tasks = [impl.Task(reading(), loop=stock_loop, context=given) for given in (context, None)]
    assert tasks[0].get_context() is context
    assert isinstance(tasks[1].get_context(), contextvars.Context)
    assert tasks[1].get_context() is tasks[1].get_context()
    for task in tasks:
        stock_loop.run_until_complete(task)
    assert tasks[0].get_context() is context


def test_get_context_is_there_where_the_interpreter_has_it(impl):
    assert has_get_context is (sys.version_info >= (3, 12))
    if has_get_context:
        assert callable(impl.Task.get_context)


# At every step


def test_every_step_is_in_the_context(loop, impl):
    """The first, one after a bare yield, one after a future, one that throws."""
    log = []
    context = context_with("of the task")
    future = loop.create_future()

    async def steps():
        log.append(variable.get())
        await asyncio.sleep(0)
        log.append(variable.get())
        await future
        log.append(variable.get())
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            log.append(variable.get())

    task = impl.Task(steps(), loop=loop, context=context)
    run_passes(loop, 3)
    context_with("of the one who finishes the future").run(future.set_result, None)
    run_passes(loop, 2)
    context_with("of the one who cancels").run(task.cancel)
    loop.run_until_complete(task)
    assert log == ["of the task"] * 4


def test_steps_of_tasks_do_not_see_each_other(loop, impl):
    async def own(value):
        variable.set(value)
        for _ in range(5):
            await asyncio.sleep(0)
            assert variable.get() == value
        return value

    async def main():
        return await asyncio.gather(*[impl.Task(own(value)) for value in range(10)])

    assert loop.run_until_complete(main()) == list(range(10))


def test_mistake_is_raised_in_the_context(stock_loop, impl):
    async def mistaken():
        try:
            await task
        except RuntimeError:
            return variable.get()

    task = impl.Task(mistaken(), loop=stock_loop, context=context_with("of the task"))
    assert stock_loop.run_until_complete(task) == "of the task"


def test_tokens_can_be_reset_in_a_later_step(loop, impl):
    async def resetting():
        token = variable.set("set")
        await asyncio.sleep(0)
        variable.reset(token)
        return variable.get()

    assert loop.run_until_complete(impl.Task(resetting(), loop=loop)) == "default"


def test_finalisers_of_the_frame_run_in_the_context(stock_loop, impl):
    """What the coroutine drops at its end is dropped before the context is left."""
    log = []

    class Noisy:
        def __del__(self):
            log.append(variable.get())

    async def holding():
        _noisy = Noisy()
        await asyncio.sleep(0)

    task = impl.Task(holding(), loop=stock_loop, context=context_with("of the task"))
    stock_loop.run_until_complete(task)
    assert log == ["of the task"]


# Callbacks


def test_callbacks_run_in_the_context_in_which_they_were_added(loop, impl):
    log = []

    def look(task):
        log.append(variable.get())

    task = impl.Task(reading(), loop=loop, context=context_with("of the task"))
    task.add_done_callback(look)
    context_with("of the one who adds").run(task.add_done_callback, look)
    task.add_done_callback(look, context=context_with("given"))
    loop.run_until_complete(task)
    run_passes(loop)
    task.add_done_callback(look)
    context_with("late").run(task.add_done_callback, look)
    task.add_done_callback(look, context=context_with("given late"))
    run_passes(loop, 2)
    assert log == [
        "default",
        "of the one who adds",
        "given",
        "default",
        "late",
        "given late",
    ]


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_in_the_awaited_future_has_the_context_of_the_task(stock_loop, impl, kind):
    future = future_kinds(impl)[kind](loop=stock_loop)
    context = context_with("of the task")

    async def waiting():
        await future
        return variable.get()

    task = impl.Task(waiting(), loop=stock_loop, context=context)
    run_passes(stock_loop)
    assert future._callbacks[0][1] is context
    context_with("of another").run(future.set_result, None)
    assert stock_loop.run_until_complete(task) == "of the task"


# What can go wrong with one


def test_context_that_is_entered_already(impl, caplog):
    """The loop runs inside the very context of the task, which cannot be entered twice.

    Since 3.12 the exception handler runs in that context as well, so that only the log can tell.
    """

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            context = contextvars.copy_context()
            task = impl.Task(reading(), loop=loop, context=context)
            caplog.clear()
            context.run(run_passes, loop)
            told = reported(reports), [record.levelname for record in caplog.records]
            run_passes(loop, 2)
            end = ending(task)
            task._log_destroy_pending = False
            task.get_coro().close()
            return end, told

    end, (reports, logged) = assert_like_builtin(scenario, impl)
    assert end == "pending"
    assert len(reports) + len(logged) > 0


def test_context_that_the_task_enters_itself(impl):
    """Inside a step the context is entered; to run something in it is an error, told as ever."""

    async def entering():
        return answer(asyncio.current_task().get_context().run, print)

    if not has_get_context:
        pytest.skip("get_context() came with 3.12")

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(entering(), loop=loop)
            return loop.run_until_complete(task)

    outcome = assert_like_builtin(scenario, impl)
    assert outcome[1] is RuntimeError
    assert "is already entered" in outcome[2]


@pytest.mark.parametrize("context", [1, "context", object()])
def test_what_is_no_context(impl, context):
    """The loop finds out at the first step, as it does with any handle."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            coroutine = reading()
            outcome = answer(impl.Task, coroutine, loop=loop, name="T", context=context)
            run_passes(loop)
            coroutine.close()
            if outcome[0] == "returned":
                outcome[1]._log_destroy_pending = False
            return outcome[0], reported(reports)

    how, reports = assert_like_builtin(scenario, impl)
    assert how == "raised" or [message for message, _ in reports] == ["Exception"]


def test_step_by_hand_is_in_whatever_context_the_caller_is(impl):
    """It is the loop that enters the context: the entry itself does not."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            future = loop.create_future()

            async def waiting():
                await future
                return variable.get()

            task = impl.Task(waiting(), loop=loop, context=context_with("of the task"))
            run_passes(loop)
            ((wakeup, _),) = future._callbacks
            future.remove_done_callback(wakeup)
            future.set_result(None)
            loop.call_soon(lambda: context_with("by hand").run(wakeup, future))
            run_passes(loop)
            return ending(task)

    assert assert_like_builtin(scenario, impl) == ("returned", "by hand")


def test_run_within_is_no_step(stock_loop, impl):
    """Code beside the tasks sees no context of theirs."""
    task = impl.Task(asyncio.sleep(0), loop=stock_loop, context=context_with("of the task"))
    assert within(stock_loop, variable.get) == ("returned", "default")
    stock_loop.run_until_complete(task)
