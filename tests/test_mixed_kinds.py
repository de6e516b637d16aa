"""Tasks and futures of both implementations, and strangers, on one loop.

They await, wake and cancel each other. With the interpreter's classes in the place of ours
everything must come out the same, in the same pass.
"""

import asyncio
import itertools
from asyncio.futures import _chain_future

import pytest
from support import BuiltinFuture, BuiltinTask, run_passes
from support.tasks import (
    FUTURE_KINDS,
    assert_like_builtin,
    described,
    ending,
    forever,
    future_kinds,
    passes_until_done,
    reported,
    supervised_loop,
    task_kinds,
)

TASKS = ("own", "stock", "python")
FUTURES = ("own", "stock", "python")


async def waiting(awaitable):
    return await awaitable


# Chains: a task that awaits a task that awaits a task that awaits a future


async def link(number, awaitable, log, swallow):
    try:
        return await awaitable
    except BaseException as error:
        log.append((number, described(error)))
        if swallow == number:
            return f"swallowed by {number}"
        raise


EVENTS = {
    "result": lambda future, tasks: future.set_result("result"),
    "exception": lambda future, tasks: future.set_exception(ValueError("message")),
    "future cancelled": lambda future, tasks: future.cancel("why"),
    "top cancelled": lambda future, tasks: tasks[-1].cancel("why"),
    "middle cancelled": lambda future, tasks: tasks[1].cancel("why"),
    "bottom cancelled": lambda future, tasks: tasks[0].cancel("why"),
    "top cancelled twice": lambda future, tasks: [tasks[-1].cancel(n) for n in ("why", "again")],
    "all cancelled": lambda future, tasks: [
        task.cancel(f"why {n}") for n, task in enumerate(tasks)
    ],
    "result, then top cancelled": lambda future, tasks: (
        future.set_result("result"),
        tasks[-1].cancel("why"),
    ),
    "bottom cancelled, then result": lambda future, tasks: (
        tasks[0].cancel("why"),
        future.done() or future.set_result("result"),
    ),
}


def chain(impl, loop, future_kind, task_kinds_used, event, swallow=None):
    """All that can be seen of a chain, pass by pass."""
    log = []
    kinds = task_kinds(impl)
    future = awaitable = future_kinds(impl)[future_kind](loop=loop)
    tasks = []
    for number, kind in enumerate(task_kinds_used):
        awaitable = kinds[kind](link(number, awaitable, log, swallow), loop=loop, name=f"T{number}")
        tasks.append(awaitable)
    run_passes(loop, len(tasks))
    waits = [future, *tasks[:-1]]
    assert [task._fut_waiter for task in tasks] == waits

    EVENTS[event](future, tasks)
    for _ in range(len(tasks) + 3):
        log.append([state(task, waits) for task in tasks])
        run_passes(loop)
    return log, [ending(each) for each in (future, *tasks)]


def state(task, waits):
    waiter = task._fut_waiter
    position = None if waiter is None else [each is waiter for each in waits].index(True)
    return task._state, task._must_cancel, task.cancelling(), position


@pytest.mark.parametrize("future", FUTURES)
@pytest.mark.parametrize("event", EVENTS)
def test_chain_of_three_tasks(impl, future, event):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            courses = {
                (kinds, swallow): chain(impl, loop, future, kinds, event, swallow)
                for kinds in itertools.product(TASKS, repeat=3)
                for swallow in (None, 0, 1, 2)
            }
            return courses, reported(reports)

    courses, _ = assert_like_builtin(scenario, impl)
    ends = {kinds: end for (kinds, swallow), (_, end) in courses.items() if swallow is None}
    # Which kinds they are makes no difference to how it ends.
    assert all(
        [how for how, *_ in end] == [how for how, *_ in ends[("own",) * 3]] for end in ends.values()
    )


# Many waiters on one future


@pytest.mark.parametrize("future", FUTURE_KINDS)
def test_waiters_of_all_kinds_wake_in_order(stock_loop, impl, future):
    awaited = future_kinds(impl)[future](loop=stock_loop)
    kinds = itertools.cycle(task_kinds(impl).values())
    log = []

    async def logging(number):
        log.append((number, await awaited))

    tasks = []
    for number in range(40):
        tasks.append(next(kinds)(logging(number), loop=stock_loop))
        run_passes(stock_loop)
    awaited.set_result("result")
    run_passes(stock_loop)
    assert log == [(number, "result") for number in range(40)]
    assert all(task.done() for task in tasks)


@pytest.mark.parametrize("outer", TASKS)
@pytest.mark.parametrize("inner", TASKS)
def test_task_with_awaiters_of_all_kinds(stock_loop, impl, outer, inner):
    kinds = task_kinds(impl)
    gate = stock_loop.create_future()
    awaited = kinds[inner](waiting(gate), loop=stock_loop)
    awaiters = [kinds[outer](waiting(awaited), loop=stock_loop) for _ in range(3)]
    run_passes(stock_loop, 2)
    gate.set_result("result")
    assert passes_until_done(stock_loop, awaiters[-1]) == 2
    assert [awaiter.result() for awaiter in awaiters] == ["result"] * 3


# One task acting on another


@pytest.mark.parametrize("actor", TASKS)
@pytest.mark.parametrize("target", TASKS)
@pytest.mark.parametrize("first", ["actor", "target"])
def test_one_cancels_another_from_within(impl, actor, target, first):
    """Whichever of them was made first, and so takes its steps first."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            kinds = task_kinds(impl)
            log = []

            async def being_cancelled():
                try:
                    await loop.create_future()
                except asyncio.CancelledError as error:
                    log.append(described(error))
                    raise

            async def acting():
                await asyncio.sleep(0)
                log.append(tasks["target"].cancel("why"))
                log.append(tasks["target"]._must_cancel)
                try:
                    await tasks["target"]
                except asyncio.CancelledError as error:
                    log.append(described(error))
                return asyncio.current_task() in (None, tasks["actor"])

            tasks = {}
            makers = {
                "actor": lambda: kinds[actor](acting(), loop=loop),
                "target": lambda: kinds[target](being_cancelled(), loop=loop),
            }
            for name in sorted(makers, key=lambda name: name != first):
                tasks[name] = makers[name]()
            passes = passes_until_done(loop, tasks["actor"])
            return passes, log, [ending(tasks[name]) for name in makers], reported(reports)

    _, log, (end, target_end), _ = assert_like_builtin(scenario, impl)
    assert log[0] is True
    assert end == ("returned", True)
    assert target_end[0] == "cancelled"


# Futures of one kind bound to those of another


@pytest.mark.parametrize("source", FUTURES)
@pytest.mark.parametrize("target", FUTURES)
@pytest.mark.parametrize("event", ["result", "exception", "cancelled", "target cancelled"])
def test_chained_futures(impl, source, target, event):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            kinds = future_kinds(impl)
            futures = kinds[source](loop=loop), kinds[target](loop=loop)
            _chain_future(*futures)
            if event == "result":
                futures[0].set_result("result")
            elif event == "exception":
                futures[0].set_exception(ValueError("message"))
            else:
                futures[event == "target cancelled"].cancel()
            passes = passes_until_done(loop, futures[event != "target cancelled"])
            return passes, [ending(future) for future in futures], reported(reports)

    passes, ends, _ = assert_like_builtin(scenario, impl)
    assert passes == 1
    assert ends[0][0] == ends[1][0]


@pytest.mark.parametrize("source", FUTURES)
@pytest.mark.parametrize("target", FUTURES)
def test_future_that_finishes_another_in_a_callback(stock_loop, impl, source, target):
    kinds = future_kinds(impl)
    first, second = kinds[source](loop=stock_loop), kinds[target](loop=stock_loop)
    first.add_done_callback(lambda future: second.set_result(future))
    task = impl.Task(waiting(second), loop=stock_loop)
    run_passes(stock_loop)
    first.set_result("result")
    assert passes_until_done(stock_loop, task) == 2
    assert task.result() is first


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_future_as_the_result_of_another(stock_loop, impl, kind):
    outer, inner = impl.Future(loop=stock_loop), future_kinds(impl)[kind](loop=stock_loop)

    async def twice():
        return await (await outer)

    task = impl.Task(twice(), loop=stock_loop)
    run_passes(stock_loop)
    outer.set_result(inner)
    run_passes(stock_loop)
    assert task._fut_waiter is inner
    inner.set_result("result")
    assert stock_loop.run_until_complete(task) == "result"


# The combinators over both kinds


def alternating(impl, loop):
    """Makes `loop` create tasks of the two implementations in turn."""
    kinds = itertools.cycle([impl.Task, BuiltinTask])
    loop.set_task_factory(lambda loop, coro, **kwargs: next(kinds)(coro, loop=loop, **kwargs))


def test_gather_over_both_kinds(loop, impl):
    alternating(impl, loop)
    futures = [kind(loop=loop) for kind in future_kinds(impl).values()]

    async def numbered(number):
        await asyncio.sleep(0)
        return number

    async def main():
        for number, future in enumerate(futures):
            loop.call_soon(future.set_result, f"future {number}")
        return await asyncio.gather(*map(numbered, range(6)), *futures)

    assert loop.run_until_complete(main()) == [*range(6), *[f"future {n}" for n in range(5)]]


def test_gather_over_both_kinds_is_cancelled(loop, impl):
    alternating(impl, loop)

    async def main():
        children = [loop.create_task(forever()) for _ in range(4)]
        assert {type(child) for child in children} == {impl.Task, BuiltinTask}
        gathering = loop.create_task(waiting(asyncio.gather(*children)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gathering.cancel("why")
        with pytest.raises(asyncio.CancelledError):
            await gathering
        return [child.cancelled() for child in children]

    assert loop.run_until_complete(main()) == [True] * 4


def test_wait_over_both_kinds(loop, impl):
    alternating(impl, loop)

    async def main():
        children = [loop.create_task(asyncio.sleep(0, n)) for n in range(4)]
        children += [kind(loop=loop) for kind in (impl.Future, BuiltinFuture)]
        loop.call_soon(children[-1].set_result, None)
        loop.call_soon(children[-2].cancel)
        done, pending = await asyncio.wait(children)
        return done == set(children), pending

    assert loop.run_until_complete(main()) == (True, set())


def test_group_over_both_kinds(loop, impl):
    alternating(impl, loop)
    log = []

    async def failing():
        await asyncio.sleep(0)
        raise ValueError("message")

    async def cancelled():
        try:
            await forever()
        except asyncio.CancelledError:
            log.append(type(asyncio.current_task()))
            raise

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(cancelled())
            group.create_task(failing())

    with pytest.raises(ExceptionGroup):
        loop.run_until_complete(main())
    assert sorted(log, key=repr) == sorted([impl.Task, BuiltinTask] * 2, key=repr)


def test_queue_between_both_kinds(loop, impl):
    alternating(impl, loop)

    async def main():
        queue = asyncio.Queue(1)

        async def producing(number):
            for item in range(5):
                await queue.put((number, item))

        async def consuming():
            return [await queue.get() for _ in range(5)]

        consumers = [loop.create_task(consuming()) for _ in range(2)]
        producers = [loop.create_task(producing(number)) for number in range(2)]
        await asyncio.gather(*producers)
        return sorted(itertools.chain(*await asyncio.gather(*consumers)))

    assert loop.run_until_complete(main()) == [(n, item) for n in range(2) for item in range(5)]


def test_timeouts_of_both_kinds(loop, impl):
    alternating(impl, loop)

    async def timing_out():
        try:
            async with asyncio.timeout(0):
                await forever()
        except TimeoutError:
            return asyncio.current_task().cancelling()

    async def main():
        return await asyncio.gather(*[timing_out() for _ in range(4)])

    assert loop.run_until_complete(main()) == [0] * 4


# Changing in the middle


def test_put_in_force_while_tasks_are_running(impl):
    """What was made before stays what it is, and goes on beside what is made afterwards."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            loop.set_task_factory(None)
            gate = BuiltinFuture(loop=loop)

            async def counting(number):
                await gate
                await asyncio.sleep(0)
                return number, type(asyncio.current_task()) in (impl.Task, BuiltinTask)

            async def main():
                before = asyncio.create_task(counting(1))
                await asyncio.sleep(0)
                with impl.in_force():
                    during = asyncio.create_task(counting(2))
                    assert type(during) is impl.Task
                    await asyncio.sleep(0)
                after = asyncio.create_task(counting(3))
                assert type(before) is type(after) is BuiltinTask
                await asyncio.sleep(0)
                gate.set_result(None)
                return await asyncio.gather(before, during, after)

            return loop.run_until_complete(main()), reported(reports)

    results, _ = assert_like_builtin(scenario, impl)
    assert results == [(1, True), (2, True), (3, True)]
