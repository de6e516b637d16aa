"""What can be seen of a task from outside: its repr, its stack, its attributes."""

import asyncio
import collections.abc
import copy
import io
import pickle
import re
import sys
import types
import weakref

import pytest
from support import BuiltinFuture, BuiltinTask, answer, normalised, run_passes
from support.tasks import assert_like_builtin, described, ending, supervised_loop


def callback(_):
    pass


def other_callback(_):
    pass


async def waiting(awaitable):
    return await awaitable


async def raising(error):
    raise error


class Duck(collections.abc.Coroutine):
    """A coroutine of which nothing can be told."""

    def send(self, value):
        raise StopIteration

    def throw(self, kind, value=None, traceback=None):
        raise kind

    def __await__(self):
        return self


# The repr

# What is done with a task before it is shown. Each is given the loop and a function that makes the task.


def scheduled(loop, make):
    return make(waiting(None))


def suspended(loop, make):
    task = make(waiting(loop.create_future()))
    run_passes(loop)
    return task


def about_to_wake_up(loop, make):
    future = loop.create_future()
    task = make(waiting(future))
    run_passes(loop)
    future.set_result("result")
    return task


def between_bare_yields(loop, make):
    task = make(asyncio.sleep(0))
    run_passes(loop)
    return task


def cancelling(loop, make):
    task = suspended(loop, make)
    task.cancel("why")
    return task


def cancelling_before_the_first_step(loop, make):
    task = scheduled(loop, make)
    task.cancel()
    return task


def uncancelled(loop, make):
    task = suspended(loop, make)
    task.cancel()
    task.uncancel()
    return task


def ended(loop, make, body):
    task = make(body)
    run_passes(loop, 3)
    assert task.done()
    return task


def finished(loop, make):
    return ended(loop, make, asyncio.sleep(0, "result"))


def finished_with_nothing(loop, make):
    return ended(loop, make, asyncio.sleep(0))


def finished_with_much(loop, make):
    return ended(loop, make, asyncio.sleep(0, "long " * 1_000))


def failed(loop, make):
    return ended(loop, make, raising(ValueError("message", 42)))


def cancelled(loop, make):
    task = cancelling(loop, make)
    run_passes(loop)
    return task


def waiting_for_a_task(loop, make):
    task = make(waiting(make(waiting(loop.create_future()))))
    run_passes(loop, 2)
    return task


def with_callbacks(count):
    def given(loop, make):
        task = make(waiting(None))
        for number in range(count):
            task.add_done_callback(other_callback if number else callback)
        return task

    given.__name__ = f"with_{count}_callbacks"
    return given


def awaited(loop, make):
    task = make(waiting(loop.create_future()))
    make(waiting(task))
    run_passes(loop)
    return task


def of_a_duck(loop, make):
    return make(Duck())


def of_an_async_generator(loop, make):
    async def items():
        yield

    return make(items().asend(None))


def renamed(loop, make):
    task = make(waiting(None))
    task.set_name("it's \"renamed\"")
    return task


def returning_itself(loop, make):
    async def body():
        return [asyncio.current_task()]

    return ended(loop, make, body())


STATES = [
    scheduled,
    suspended,
    about_to_wake_up,
    between_bare_yields,
    cancelling,
    cancelling_before_the_first_step,
    uncancelled,
    finished,
    finished_with_nothing,
    finished_with_much,
    failed,
    cancelled,
    waiting_for_a_task,
    *[with_callbacks(count) for count in (1, 2, 3, 10)],
    awaited,
    of_a_duck,
    of_an_async_generator,
    renamed,
    returning_itself,
]


def shown(impl, state, show, *, debug=False, base=None):
    """What `show(task)` gives of a task of `impl` in `state`; the task is then brought to its end."""
    with supervised_loop(impl) as (loop, reports):
        loop.set_debug(debug)
        tasks = []

        def make(coro):
            tasks.append((base or impl.Task)(coro, loop=loop, name=f"T{len(tasks)}"))
            return tasks[-1]

        seen = show(state(loop, make))
        for task in tasks:
            task.cancel()
        run_passes(loop, 4)
        for task in tasks:
            answer(task.exception)
        assert reports.take() == []
        return seen


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_repr(impl, state, debug):
    text = assert_like_builtin(
        lambda impl: shown(impl, state, lambda task: normalised(repr(task)), debug=debug), impl
    )
    assert text.startswith("<Task ")
    assert "name=" in text
    assert ("created at" in text) is debug


@pytest.mark.parametrize("state", [scheduled, suspended, finished, cancelling])
def test_repr_of_a_subclass_has_its_name(impl, state):
    def scenario(impl):
        class Special(impl.Task):
            pass

        return shown(impl, state, lambda task: normalised(repr(task)), base=Special)

    assert assert_like_builtin(scenario, impl).startswith("<Special ")


def test_repr_of_a_running_task(impl):
    async def looking():
        return normalised(repr(asyncio.current_task()))

    def scenario(impl):
        return ended_result(impl, looking())

    assert assert_like_builtin(scenario, impl).startswith("<Task pending name='T' coro=<")


def ended_result(impl, coroutine):
    with supervised_loop(impl) as (loop, _):
        return loop.run_until_complete(impl.Task(coroutine, loop=loop, name="T"))


def test_repr_uses_overridden_methods(stock_loop, impl):
    """The interpreter's own function makes it, of whatever the task says of itself."""

    class Special(impl.Task):
        def get_name(self):
            return "overridden"

        def cancelling(self):
            return 1

    task = Special(waiting(None), loop=stock_loop)
    assert repr(task).startswith("<Special cancelling name='overridden' coro=<")
    task.get_coro().close()
    task._log_destroy_pending = False


def test_repr_of_a_failing_result(impl):
    class Unshowable:
        def __repr__(self):
            raise ZeroDivisionError("not to be shown")

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(asyncio.sleep(0, Unshowable()), loop=loop)
            run_passes(loop, 2)
            said = answer(repr, task)
            return said[0], re.sub("name='.*?'", "", said[1]) if said[0] == "returned" else said

    assert_like_builtin(scenario, impl)


# The stack


async def outer_frame(awaitable):
    return await inner_frame(awaitable)


async def inner_frame(awaitable):
    return await awaitable


async def failing_frame():
    await asyncio.sleep(0)
    await failing_inner_frame()


async def failing_inner_frame():
    raise ValueError("message")


def frames(limit):
    def show(task):
        return [frame.f_code.co_name for frame in task.get_stack(limit=limit)]

    return show


def printed(limit):
    def show(task):
        file = io.StringIO()
        assert task.print_stack(limit=limit, file=file) is None
        return normalised(file.getvalue())

    return show


def in_two_frames(loop, make):
    task = make(outer_frame(loop.create_future()))
    run_passes(loop)
    return task


def failed_in_two_frames(loop, make):
    return ended(loop, make, failing_frame())


@pytest.mark.parametrize("limit", [None, 0, 1, 2, 5, -1])
@pytest.mark.parametrize("show", [frames, printed])
@pytest.mark.parametrize(
    "state",
    [scheduled, in_two_frames, failed_in_two_frames, finished, cancelled, of_a_duck,
     of_an_async_generator],
    ids=lambda state: state.__name__,
)
def test_stack(impl, state, show, limit):
    assert_like_builtin(lambda impl: shown(impl, state, show(limit)), impl)


def test_stack_of_what_is_known(stock_loop, impl):
    assert shown(impl, in_two_frames, frames(None)) == ["outer_frame"]
    assert shown(impl, failed_in_two_frames, frames(None)) == [
        "failing_frame",
        "failing_inner_frame",
    ]
    assert shown(impl, finished, frames(None)) == []
    text = shown(impl, in_two_frames, printed(None))
    assert text.startswith("Stack for <Task pending name='T0' ")
    assert "in outer_frame\n    return await inner_frame(awaitable)" in text
    text = shown(impl, failed_in_two_frames, printed(None))
    assert text.startswith("Traceback for <Task finished name='T0' ")
    assert text.endswith("ValueError: message\n")
    assert shown(impl, finished, printed(None)).startswith("No stack for <Task finished ")


def test_stack_is_printed_to_the_standard_streams_by_default(impl, capsys):
    def scenario(impl):
        shown(impl, in_two_frames, lambda task: task.print_stack())
        out, err = capsys.readouterr()
        return normalised(out), normalised(err)

    out, err = assert_like_builtin(scenario, impl)
    assert out.startswith("Stack for <Task pending")
    assert "in outer_frame" in err


@pytest.mark.parametrize(
    "call",
    [
        lambda task: task.get_stack(1),
        lambda task: task.print_stack(1),
        lambda task: task.get_stack(limit="one"),
        lambda task: task.get_stack(nonsense=1),
    ],
)
def test_wrong_arguments_of_the_stack(impl, call):
    def scenario(impl):
        return shown(impl, in_two_frames, lambda task: answer(call, task)[:2])

    assert assert_like_builtin(scenario, impl) == ("raised", TypeError)


def test_stack_of_the_running_task(impl):
    async def looking():
        return [frame.f_code.co_name for frame in asyncio.current_task().get_stack()][-1]

    assert ended_result(impl, looking()) == "looking"


# Attributes


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

    seen = assert_like_builtin(
        lambda impl: shown(impl, state, attributes, debug=debug), impl
    )
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
            run_passes(loop)
            future.set_result(None)
            (wakeup,) = loop._ready
            seen.append(wakeup._callback.__self__ is task)
            # The very function that the warning is made with.
            shown = [asyncio.base_events._format_handle(handle) for handle in (step, wakeup)]
            run_passes(loop)
            return seen, ending(task), [normalised(text) for text in shown]

    seen, _, texts = assert_like_builtin(scenario, impl)
    assert seen == [True, True]
    assert all(text.startswith("<Task pending name='T'") for text in texts)


# What it is


def test_is_an_instance_of_the_interpreters_classes(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    for kind in (impl.Task, impl.Future, BuiltinTask, BuiltinFuture, collections.abc.Awaitable):
        assert isinstance(task, kind)
    assert asyncio.isfuture(task)
    assert asyncio.ensure_future(task) is task
    assert not asyncio.iscoroutine(task)
    assert issubclass(impl.Task, impl.Future)
    assert type(task) is impl.Task
    stock_loop.run_until_complete(task)


def test_class_of_a_subclass_is_the_subclass(stock_loop, impl):
    class Special(impl.Task):
        pass

    task = Special(asyncio.sleep(0), loop=stock_loop)
    assert type(task) is Special
    assert task.__class__ is Special
    assert isinstance(task, Special)
    assert isinstance(task, impl.Task)
    assert isinstance(task, impl.Future)
    stock_loop.run_until_complete(task)


def test_name_of_the_class(impl):
    assert impl.Task.__name__ == impl.Task.__qualname__ == "Task"
    assert impl.Task.__mro__[1] is impl.Future


def test_what_the_class_has_is_what_the_interpreters_class_has(impl):
    def public(kind):
        return {name for name in dir(kind) if not name.startswith("__")}

    ours, theirs = public(impl.Task), public(BuiltinTask)
    assert theirs <= ours
    if sys.version_info >= (3, 12):
        assert ours == theirs
    special = {"__await__", "__iter__", "__del__", "__class_getitem__", "__repr__", "__init__"}
    assert special <= set(dir(impl.Task))


def test_generic_alias(impl):
    alias = impl.Task[int]
    assert isinstance(alias, types.GenericAlias)
    assert alias.__origin__ is impl.Task
    assert alias.__args__ == (int,)


@pytest.mark.parametrize("call", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("state", [scheduled, finished])
def test_neither_copied_nor_pickled(impl, state, call):
    def without_module(task):
        how, *what = answer(call, task)
        if how == "returned":
            return "returned"
        return how, what[0], re.sub(r"'[\w.]*\bTask'", "'Task'", what[1])

    assert assert_like_builtin(lambda impl: shown(impl, state, without_module), impl) != "returned"


def test_weak_references(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    gone = []
    references = weakref.ref(task), weakref.ref(task, gone.append), weakref.proxy(task)
    stock_loop.run_until_complete(task)
    assert references[0]() is task
    assert references[2].done()
    del task
    assert references[0]() is None
    assert gone == [references[1]]


def test_equal_to_itself_alone(stock_loop, impl):
    tasks = [impl.Task(asyncio.sleep(0), loop=stock_loop) for _ in range(2)]
    assert tasks[0] == tasks[0]
    assert tasks[0] != tasks[1]
    assert len({*tasks, *tasks}) == 2
    with pytest.raises(TypeError):
        _ = tasks[0] < tasks[1]
    stock_loop.run_until_complete(asyncio.wait(tasks))


def test_new_attributes(stock_loop, impl):
    """Plain tasks take them as well."""
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    task.extra = 42
    stock_loop.run_until_complete(task)
    assert task.extra == 42
    del task.extra
    assert not hasattr(task, "extra")
