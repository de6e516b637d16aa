"""`task_factory` and `eager_task_factory`: one loop on Rust tasks."""

import asyncio
import contextvars
import inspect
import re
import sys

import aioxide
import pytest
from support import LOOP_KINDS, BuiltinTask, LoopMissing, new_loop

variable = contextvars.ContextVar("variable", default="outer")


def builtin_task_factory(loop, coro, **kwargs):
    return BuiltinTask(coro, loop=loop, **kwargs)


@pytest.fixture(params=LOOP_KINDS)
def any_loop(request):
    """A loop of every kind, as it comes."""
    try:
        loop = new_loop(request.param)
    except LoopMissing as missing:
        pytest.skip(str(missing))
    yield loop
    loop.close()


@pytest.fixture
def stock():
    """A stock loop, as it comes."""
    loop = new_loop("asyncio")
    yield loop
    loop.close()


async def read(log=None):
    if log is not None:
        log.append("started")
    await asyncio.sleep(0)
    return variable.get()


def inner_context():
    context = contextvars.copy_context()
    context.run(variable.set, "inner")
    return context


def without_number(name):
    return re.sub(r"^Task-\d+$", "Task-N", name)


# task_factory


def test_every_task_of_the_loop_is_a_rust_task(any_loop):
    any_loop.set_task_factory(aioxide.task_factory)

    async def main():
        async with asyncio.TaskGroup() as group:
            made = [
                asyncio.current_task(),
                asyncio.create_task(read()),
                any_loop.create_task(read()),
                asyncio.ensure_future(read()),
                group.create_task(read()),
            ]
            await asyncio.gather(*made[1:4], read())
        return {type(task) for task in made}

    assert any_loop.run_until_complete(main()) == {aioxide.Task}
    assert type(any_loop.get_task_factory()) is type(read)
    assert asyncio.Task is BuiltinTask


def test_other_loops_keep_their_tasks(stock):
    stock.set_task_factory(aioxide.task_factory)
    other = new_loop("asyncio")
    task = other.create_task(read())
    assert type(task) is BuiltinTask
    other.run_until_complete(task)
    other.close()


def test_task_starts_at_the_next_pass(stock):
    stock.set_task_factory(aioxide.task_factory)
    log = []

    async def main():
        task = asyncio.create_task(read(log))
        assert log == []
        return await task

    assert stock.run_until_complete(main()) == "outer"
    assert log == ["started"]


@pytest.mark.parametrize("options", [{}, {"name": "named"}, {"name": None}, {"name": 7}], ids=str)
@pytest.mark.parametrize("with_context", [False, True], ids=["", "context"])
def test_name_and_context_are_as_with_builtin_tasks(any_loop, options, with_context):
    if with_context:
        options = options | {"context": inner_context()}

    def made_by(factory):
        any_loop.set_task_factory(factory)
        task = any_loop.create_task(read(), **options)
        # Some loops name a task "None" where they have a factory.
        return type(task), without_number(task.get_name()), any_loop.run_until_complete(task)

    kind, *expected = made_by(builtin_task_factory)
    assert kind is BuiltinTask
    assert made_by(aioxide.task_factory) == (aioxide.Task, *expected)


def test_factory_takes_what_a_task_takes(stock):
    log = []

    async def main():
        context = inner_context()
        task = aioxide.task_factory(
            stock, read(log), name="named", context=context, eager_start=True
        )
        assert log == ["started"]
        return type(task), task.get_name(), task.get_context() is context, await task

    assert stock.run_until_complete(main()) == (aioxide.Task, "named", True, "inner")
    coro = read()
    with pytest.raises(TypeError):
        aioxide.task_factory(stock, coro, nonsense=1)
    coro.close()


def end_of_source_traceback(loop, factory, create_task):
    """Returns file and line of the innermost call that a task's source traceback shows."""
    loop.set_task_factory(factory)
    loop.set_debug(True)

    async def main():
        task = create_task(read())
        await task
        return task._source_traceback[-1][:2]

    try:
        return loop.run_until_complete(main())
    finally:
        loop.set_debug(False)


# rloop has no debug mode; the minimal loop does not shorten the tracebacks of its tasks.
@pytest.mark.parametrize("any_loop", ["asyncio", "uvloop", "subclass"], indirect=True)
@pytest.mark.parametrize("by_loop", [False, True], ids=["asyncio", "loop"])
def test_source_traceback_ends_where_it_does_without_a_factory(any_loop, by_loop):
    create_task = any_loop.create_task if by_loop else asyncio.create_task
    expected = end_of_source_traceback(any_loop, None, create_task)
    assert (expected[0] == __file__) is by_loop
    assert end_of_source_traceback(any_loop, aioxide.task_factory, create_task) == expected


# eager_task_factory


def eager_log(loop, factory, **options):
    """Returns the order in which things happen with tasks that start eagerly."""
    log = []

    async def at_once():
        log.append("at once")
        return without_number(asyncio.current_task().get_name()), variable.get()

    async def suspended(name):
        log.append(f"{name} starts in {without_number(asyncio.current_task().get_name())}")
        await asyncio.sleep(0)
        log.append(f"{name} goes on")
        return variable.get()

    async def main():
        asyncio.current_task().set_name("main")
        done = loop.create_task(at_once(), **options)
        log.append(("done", done.done()))
        first = loop.create_task(suspended("first"), **options)
        loop.call_soon(log.append, "call_soon")
        second = loop.create_task(suspended("second"), name="named")
        log.append(asyncio.current_task().get_name())
        return await asyncio.gather(done, first, second)

    loop.set_task_factory(factory)
    log.append(loop.run_until_complete(main()))
    return log


@pytest.mark.parametrize(
    "options", [{"name": "n"}, {"name": "n", "context": inner_context()}], ids=["", "context"]
)
@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio has no eager tasks here")
def test_eager_tasks_are_as_asyncio_has_them(stock, options):
    expected = eager_log(stock, asyncio.eager_task_factory, **options)
    assert ("done", True) in expected
    assert eager_log(stock, aioxide.eager_task_factory, **options) == expected


def test_eager_tasks_start_at_once(stock):
    log = eager_log(stock, aioxide.eager_task_factory, context=inner_context())
    assert log[0] == "at once"
    assert log[1] == ("done", True)
    assert log[2].startswith("first starts in ")
    assert log[3].startswith("second starts in ")
    assert log[4:-1] == ["main", "first goes on", "call_soon", "second goes on"]
    assert log[-1][1:] == ["inner", "outer"]


def test_eager_tasks_are_rust_tasks(any_loop):
    async def returning():
        return type(asyncio.current_task())

    async def main():
        task = aioxide.eager_task_factory(any_loop, returning())
        assert task.done()
        return type(task), task.result()

    any_loop.set_task_factory(aioxide.task_factory)
    assert any_loop.run_until_complete(main()) == (aioxide.Task, aioxide.Task)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio has no eager tasks here")
def test_eager_factory_is_one_of_asyncios():
    # What libraries look at to know that tasks of a loop start eagerly.
    assert aioxide.eager_task_factory.__code__ is asyncio.eager_task_factory.__code__


def test_eager_factory_takes_name_and_context():
    parameters = inspect.signature(aioxide.eager_task_factory).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == ["loop", "coro"]
    keywords = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    assert takes_any or keywords == {"name", "context"}
