"""The attributes of a task that the standard library and others read."""

import asyncio

import pytest
from support import BuiltinTask, answer, normalised, run_passes
from support.task_states import (
    STATES,
    shown,
    waiting,
)
from support.tasks import assert_like_builtin, described, ending, supervised_loop


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_every_attribute_is_what_it_is_on_the_interpreters_class(impl, state, debug):
    names = [name for name in dir(BuiltinTask) if not name.startswith("__")]
    names = [name for name in names if not callable(getattr(BuiltinTask, name))]

    def attributes(task):
        seen = {name: comparable(getattr(task, name)) for name in names}
        # The older frames are those of the test.
        seen["_source_traceback"] = seen["_source_traceback"] and seen["_source_traceback"][1][-3:]
        return seen

    seen = assert_like_builtin(lambda impl: shown(impl, state, attributes, debug=debug), impl)
    assert {"_coro", "_fut_waiter", "_must_cancel", "_log_destroy_pending"} <= seen.keys()


def comparable(value):
    if isinstance(value, BaseException):
        return described(value)
    if isinstance(value, list | set | tuple):
        return type(value).__name__, [comparable(item) for item in value]
    return value if isinstance(value, bool | int | None) else normalised(repr(value))


@pytest.mark.parametrize(
    "name",
    ["_coro", "_fut_waiter", "_must_cancel", "_loop", "_state", "_result", "_exception"],
)
def test_attributes_that_cannot_be_written(stock_loop, impl, name):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    with pytest.raises(AttributeError):
        setattr(task, name, None)
    with pytest.raises(AttributeError):
        delattr(task, name)
    stock_loop.run_until_complete(task)


@pytest.mark.parametrize("value", [True, False, 1, 0, None, "text", []])
def test_log_destroy_pending_is_a_flag(stock_loop, impl, value):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    assert task._log_destroy_pending is True
    task._log_destroy_pending = value
    assert task._log_destroy_pending is bool(value)
    stock_loop.run_until_complete(task)


def test_log_destroy_pending_cannot_be_deleted(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)

    def deleting(task):
        del task._log_destroy_pending

    other = BuiltinTask(asyncio.sleep(0), loop=stock_loop)
    assert answer(deleting, task)[:2] == answer(deleting, other)[:2]
    stock_loop.run_until_complete(asyncio.wait([task, other]))


def test_coroutine(loop, impl):
    coroutine = asyncio.sleep(0)
    task = impl.Task(coroutine, loop=loop)
    assert task.get_coro() is coroutine
    assert task._coro is coroutine
    loop.run_until_complete(task)
    assert task.get_coro() is coroutine


def test_source_traceback_ends_where_the_task_was_made(stock_loop, impl):
    stock_loop.set_debug(True)
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    *_, last = task._source_traceback
    assert last.name == "test_source_traceback_ends_where_the_task_was_made"
    assert last.line == "task = impl.Task(asyncio.sleep(0), loop=stock_loop)"
    stock_loop.run_until_complete(task)


def test_source_traceback_of_create_task(impl):
    """Those who make tasks for others take themselves off the end."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _), impl.in_force():
            loop.set_task_factory(None)
            loop.set_debug(True)

            async def main():
                task = asyncio.create_task(asyncio.sleep(0))
                names = [frame.name for frame in task._source_traceback]
                await task
                return names[names.index("main") :]

            return loop.run_until_complete(main())

    names = assert_like_builtin(scenario, impl)
    assert names[0] == "main"


def test_no_source_traceback_without_debug(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    assert task._source_traceback is None
    stock_loop.run_until_complete(task)


def test_handles_show_the_task_and_not_the_step(impl):
    """The loop's slow-callback warning names the task of a callback: its `__self__`."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            future = loop.create_future()
            task = impl.Task(waiting(future), loop=loop, name="T")
            (step,) = loop._ready
            seen = [step._callback.__self__ is task]
            # The very function that the warning is made with.
            shown = [asyncio.base_events._format_handle(step)]
            run_passes(loop)
            future.set_result(None)
            (wakeup,) = loop._ready
            seen.append(wakeup._callback.__self__ is task)
            shown.append(asyncio.base_events._format_handle(wakeup))
            run_passes(loop)
            return seen, ending(task), [normalised(text) for text in shown]

    seen, _, texts = assert_like_builtin(scenario, impl)
    assert seen == [True, True]
    assert all(text.startswith("<Task pending name='T'") for text in texts)
