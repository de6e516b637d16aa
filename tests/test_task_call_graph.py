"""Who awaits whom: `_asyncio_awaited_by` and the call graphs made of it."""

import asyncio
import io
import sys

import pytest
from support import normalised, run_passes
from support.tasks import assert_like_builtin, supervised_loop

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="call graphs came with 3.14")


async def waiting(awaitable):
    return await awaitable


async def outer(awaitable):
    return await waiting(awaitable)


# The attribute


def test_awaited_by_follows_the_life_of_the_awaiting(stock_loop, impl):
    future = impl.Future(loop=stock_loop)
    assert future._asyncio_awaited_by is None
    task = impl.Task(waiting(future), loop=stock_loop)
    assert task._asyncio_awaited_by is None
    run_passes(stock_loop)
    assert future._asyncio_awaited_by == {task}
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert not future._asyncio_awaited_by


def test_awaited_by_several(stock_loop, impl):
    future = impl.Future(loop=stock_loop)
    tasks = [impl.Task(waiting(future), loop=stock_loop) for _ in range(3)]
    expected = set()
    for task in tasks:
        assert not task.done()
    run_passes(stock_loop)
    expected = set(tasks)
    assert future._asyncio_awaited_by == expected
    tasks[0].cancel()
    run_passes(stock_loop, 2)
    # The future was cancelled with the first of them, and the others with it.
    assert all(task.cancelled() for task in tasks)
    assert not future._asyncio_awaited_by


def test_awaited_by_cannot_be_changed(stock_loop, impl):
    future = impl.Future(loop=stock_loop)
    task = impl.Task(waiting(future), loop=stock_loop)
    run_passes(stock_loop)
    assert future._asyncio_awaited_by == frozenset({task})
    assert isinstance(future._asyncio_awaited_by, frozenset)
    with pytest.raises(AttributeError):
        future._asyncio_awaited_by = None
    future.set_result(None)
    stock_loop.run_until_complete(task)


def test_awaited_by_a_task_that_is_awaited(stock_loop, impl):
    future = impl.Future(loop=stock_loop)
    inner = impl.Task(waiting(future), loop=stock_loop)
    task = impl.Task(waiting(inner), loop=stock_loop)
    run_passes(stock_loop, 2)
    assert future._asyncio_awaited_by == {inner}
    assert inner._asyncio_awaited_by == {task}
    assert task._asyncio_awaited_by is None
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert not inner._asyncio_awaited_by


def test_awaited_by_a_subclass(stock_loop, impl):
    class Special(impl.Task):
        pass

    class SpecialFuture(impl.Future):
        pass

    future = SpecialFuture(loop=stock_loop)
    inner = Special(waiting(future), loop=stock_loop)
    task = Special(waiting(inner), loop=stock_loop)
    run_passes(stock_loop, 2)
    seen = future._asyncio_awaited_by, inner._asyncio_awaited_by
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert seen == ({inner}, {task})


def test_edges_by_hand(impl):
    """With the functions that `asyncio.gather()` and its kin use while the classes are in force."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, _), impl.in_force():
            add = asyncio.future_add_to_awaited_by
            discard = asyncio.future_discard_from_awaited_by
            one, two = (impl.Future(loop=loop) for _ in range(2))
            edges = [one._asyncio_awaited_by]
            for function, arguments in (
                (add, (one, two)),
                (add, (one, two)),
                (discard, (one, two)),
                (discard, (one, two)),
                (add, (one, one)),
                (add, (one, object())),
                (add, (object(), one)),
                (discard, (None, one)),
                (add, (one, None)),
            ):
                returned = function(*arguments)
                assert returned is None
                edges.append(
                    None
                    if one._asyncio_awaited_by is None
                    else ["itself" if fut is one else "other" for fut in one._asyncio_awaited_by]
                )
            discard(one, one)
            return edges

    edges = assert_like_builtin(scenario, impl)
    assert edges[1] == ["other"]
    assert not edges[4]


# The graphs


def names(graph):
    """A call graph as names: the future's, its frames', and those who await it, in order."""
    future = graph.future.get_name() if isinstance(graph.future, asyncio.Task) else "future"
    frames = [entry.frame.f_code.co_name for entry in graph.call_stack]
    return future, frames, sorted(names(awaiter) for awaiter in graph.awaited_by)


def graph_in_force(impl, program):
    """Runs `program(loop, look)` as a task; returns what each call of `look(future)` saw."""
    seen = []

    def look(future=None):
        graph = asyncio.capture_call_graph(future)
        seen.append(names(graph) if graph else graph)
        # Those who await one future are a set: their order is not the same each time.
        seen.append(sorted(normalised(asyncio.format_call_graph(future)).splitlines()))

    with supervised_loop(impl) as (loop, reports), impl.in_force():
        loop.set_task_factory(None)
        main = loop.create_task(program(loop, look), name="main")
        loop.run_until_complete(main)
        assert reports.take() == []
    return seen


def assert_same_graph(impl, program):
    return assert_like_builtin(lambda impl: graph_in_force(impl, program), impl)


def test_graph_of_the_current_task(impl):
    async def program(loop, look):
        async def inner():
            look()

        await inner()

    graph, text = assert_same_graph(impl, program)
    assert graph[0] == "main"
    assert graph[1][-2:] == ["inner", "program"]
    assert "* Task(name='main', id=0x…)" in text


def test_graph_of_tasks_that_await_each_other(impl):
    async def program(loop, look):
        async def deepest():
            look()
            await asyncio.sleep(0)
            look()

        async def middle():
            await asyncio.create_task(deepest(), name="deepest")

        await asyncio.create_task(middle(), name="middle")

    graph, _, again, _ = assert_same_graph(impl, program)
    assert graph[0] == "deepest"
    ((middle, frames, ((main, _, _),)),) = graph[2]
    assert (middle, frames, main) == ("middle", ["middle"], "main")
    assert again[2] == graph[2]


def test_graph_of_another_task(impl):
    async def program(loop, look):
        future = loop.create_future()
        task = asyncio.create_task(outer(future), name="waiter")
        await asyncio.sleep(0)
        look(task)
        look(future)
        future.set_result(None)
        await task
        look(task)

    of_task, _, of_future, _, after, _ = assert_same_graph(impl, program)
    assert of_task == ("waiter", ["waiting", "outer"], [])
    assert of_future[0] == "future"
    assert [awaiter[0] for awaiter in of_future[2]] == ["waiter"]
    assert after == ("waiter", [], [])


COMBINATORS = {
    "gather": lambda tasks: asyncio.gather(*tasks),
    "wait": lambda tasks: asyncio.wait(tasks),
    "wait for the first": lambda tasks: asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED),
    "shield": lambda tasks: asyncio.shield(tasks[0]),
    "wait_for": lambda tasks: asyncio.wait_for(tasks[0], 60),
    "as_completed": lambda tasks: next(iter(asyncio.as_completed(tasks))),
}


@pytest.mark.parametrize("combinator", COMBINATORS)
def test_graph_through_a_combinator(impl, combinator):
    async def program(loop, look):
        future = loop.create_future()
        tasks = [asyncio.create_task(waiting(future), name=f"child {n}") for n in range(2)]

        async def combining():
            await COMBINATORS[combinator](tasks)

        task = asyncio.create_task(combining(), name="combining")
        for _ in range(3):
            await asyncio.sleep(0)
        for child in tasks:
            look(child)
        look(future)
        future.set_result(None)
        await asyncio.wait([task, *tasks])
        for child in tasks:
            look(child)

    seen = assert_same_graph(impl, program)
    assert [awaiter[0] for awaiter in seen[0][2]] == ["combining"]
    assert seen[-2][2] == []


def test_graph_through_a_task_group(impl):
    async def program(loop, look):
        future = loop.create_future()

        async def grouping():
            async with asyncio.TaskGroup() as group:
                tasks.extend(
                    group.create_task(waiting(future), name=f"child {n}") for n in range(2)
                )

        tasks = []
        task = asyncio.create_task(grouping(), name="grouping")
        for _ in range(3):
            await asyncio.sleep(0)
        for child in tasks:
            look(child)
        future.set_result(None)
        await task
        look(tasks[0])

    seen = assert_same_graph(impl, program)
    assert [awaiter[0] for awaiter in seen[0][2]] == ["grouping"]
    assert seen[-2][2] == []


def test_graph_of_a_cancelled_task(impl):
    async def program(loop, look):
        future = loop.create_future()
        task = asyncio.create_task(outer(future), name="waiter")
        await asyncio.sleep(0)
        task.cancel()
        look(task)
        look(future)
        await asyncio.wait([task])
        look(task)
        look(future)

    seen = assert_same_graph(impl, program)
    assert seen[-2] == ("future", [], [])


def test_graph_is_printed(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _), impl.in_force():
            loop.set_task_factory(None)
            file = io.StringIO()

            async def inner():
                asyncio.print_call_graph(file=file)

            async def main():
                await asyncio.create_task(inner(), name="inner")

            loop.run_until_complete(loop.create_task(main(), name="main"))
            return normalised(file.getvalue())

    text = assert_like_builtin(scenario, impl)
    assert text.startswith("* Task(name='inner', id=0x…)")
    assert "+ Awaited by:" in text
    assert "* Task(name='main', id=0x…)" in text


@pytest.mark.parametrize("limit", [None, 0, 1, 2, -1])
def test_graph_with_a_limit(impl, limit):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _), impl.in_force():
            future = impl.Future(loop=loop)
            task = impl.Task(outer(future), loop=loop, name="waiter")
            run_passes(loop)
            seen = names(asyncio.capture_call_graph(task, limit=limit))
            text = normalised(asyncio.format_call_graph(future, limit=limit))
            future.set_result(None)
            loop.run_until_complete(task)
            return seen, text

    assert_like_builtin(scenario, impl)


def test_graph_without_anything_in_force(stock_loop, impl):
    """Own tasks that await own futures are seen although nothing is installed."""
    future = impl.Future(loop=stock_loop)
    inner = impl.Task(waiting(future), loop=stock_loop, name="inner")
    task = impl.Task(outer(inner), loop=stock_loop, name="outer")
    run_passes(stock_loop, 2)
    graph = names(asyncio.capture_call_graph(future))
    assert graph[2][0][0] == "inner"
    assert graph[2][0][2][0][0] == "outer"
    future.set_result(None)
    stock_loop.run_until_complete(task)
