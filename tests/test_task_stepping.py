"""The steps of a task: how many there are, in which order, and in which pass of the loop."""

import asyncio

import pytest
from support import new_loop, run_passes
from support.tasks import (
    FUTURE_KINDS,
    assert_like_builtin,
    ending,
    future_kinds,
    passes_until_done,
    task_kinds,
    within,
)

# How many, and in which order


@pytest.mark.parametrize("yields", [0, 1, 2, 10])
def test_bare_yield_costs_one_pass(stock_loop, impl, yields):
    async def yielding():
        for _ in range(yields):
            await asyncio.sleep(0)

    task = impl.Task(yielding(), loop=stock_loop)
    assert passes_until_done(stock_loop, task) == 1 + yields


def test_tasks_take_turns_in_order_of_creation(loop, impl):
    log = []

    async def counting(name, steps):
        for step in range(steps):
            log.append(f"{name}{step}")
            await asyncio.sleep(0)

    async def main():
        tasks = [impl.Task(counting(name, steps)) for name, steps in (("a", 3), ("b", 1), ("c", 2))]
        for task in tasks:
            await task

    loop.run_until_complete(main())
    assert log == ["a0", "b0", "c0", "a1", "c1", "a2"]


def test_steps_and_calls_keep_the_order_in_which_they_were_scheduled(loop, impl):
    log = []

    async def step():
        log.append("first step")
        loop.call_soon(log.append, "called by the first step")
        await asyncio.sleep(0)
        log.append("second step")

    loop.call_soon(log.append, "before")
    task = impl.Task(step(), loop=loop)
    loop.call_soon(log.append, "after")
    loop.run_until_complete(task)
    assert log == ["before", "first step", "after", "called by the first step", "second step"]


def test_every_step_is_one_call_soon(impl):
    """Nothing goes around a loop that overrides `call_soon()`, and nothing is scheduled twice."""
    loop = new_loop("subclass")
    future = impl.Future(loop=loop)

    async def steps():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await future

    def calls_of(action):
        before = loop.calls
        action()
        return loop.calls - before

    def one_pass():
        loop.stop()
        loop.run_forever()

    tasks = []
    assert calls_of(lambda: tasks.append(impl.Task(steps(), loop=loop))) == 1
    (task,) = tasks
    task.add_done_callback(lambda _: None)
    assert [calls_of(one_pass) for _ in range(4)] == [1, 1, 0, 0]
    assert calls_of(lambda: future.set_result(None)) == 1  # the wake-up
    assert calls_of(one_pass) == 1  # the callback
    assert task.done()
    loop.close()


def test_many_steps(loop, impl):
    async def steps():
        for _ in range(2_000):
            await asyncio.sleep(0)
        return "result"

    assert loop.run_until_complete(impl.Task(steps(), loop=loop)) == "result"


# Awaiting what is done already


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_awaiting_done_futures_costs_no_pass(stock_loop, impl, kind):
    future = future_kinds(impl)[kind](loop=stock_loop)
    future.set_result("result")

    async def waiting():
        return [await future for _ in range(100)]

    task = impl.Task(waiting(), loop=stock_loop)
    assert passes_until_done(stock_loop, task) == 1
    assert task.result() == ["result"] * 100


def test_awaiting_done_tasks_costs_no_pass(stock_loop, impl):
    async def returning():
        return "result"

    done = [kind(returning(), loop=stock_loop) for kind in task_kinds(impl).values()]
    for task in done:
        stock_loop.run_until_complete(task)

    async def waiting():
        return [await task for task in done]

    task = impl.Task(waiting(), loop=stock_loop)
    assert passes_until_done(stock_loop, task) == 1
    assert task.result() == ["result"] * len(done)


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_waking_up_costs_one_pass(stock_loop, impl, kind):
    future = future_kinds(impl)[kind](loop=stock_loop)

    async def waiting():
        return await future

    task = impl.Task(waiting(), loop=stock_loop)
    run_passes(stock_loop, 5)
    assert task._fut_waiter is future
    assert future._asyncio_future_blocking is False
    future.set_result("result")
    assert not task.done()
    assert passes_until_done(stock_loop, task) == 1
    assert task.result() == "result"
    assert task._fut_waiter is None


def test_waking_through_a_chain_costs_a_pass_for_each_task(stock_loop, impl):
    future = stock_loop.create_future()

    async def waiting(awaitable):
        return await awaitable

    tail = impl.Task(waiting(future), loop=stock_loop)
    for _ in range(4):
        tail = impl.Task(waiting(tail), loop=stock_loop)
    run_passes(stock_loop, 1)
    future.set_result("result")
    assert passes_until_done(stock_loop, tail) == 5


def test_nested_coroutines_cost_nothing(stock_loop, impl):
    async def nested(depth):
        return depth if depth == 50 else await nested(depth + 1)

    task = impl.Task(nested(0), loop=stock_loop)
    assert passes_until_done(stock_loop, task) == 1
    assert task.result() == 50


class Scheduled(asyncio.SelectorEventLoop):
    """Keeps the callbacks that it was given."""

    def __init__(self):
        self.callbacks = []
        super().__init__()

    def call_soon(self, callback, *args, context=None):
        self.callbacks.append(callback)
        return super().call_soon(callback, *args, context=context)


def step_after_done(impl, *, woken):
    reports = []
    loop = Scheduled()
    loop.set_exception_handler(lambda _, context: reports.append(context))
    future = impl.Future(loop=loop)

    async def waiting():
        return await future

    task = impl.Task(waiting(), loop=loop, name="T")
    run_passes(loop)
    callback = future._callbacks[0][0] if woken else loop.callbacks[0]
    future.set_result("result")
    run_passes(loop)
    outcome = within(loop, callback, future) if woken else within(loop, callback)
    loop.close()
    return outcome, ending(task), reports


# Steps that nobody expects


@pytest.mark.parametrize("woken", [False, True])
def test_step_after_the_task_is_done(impl, woken):
    outcome, end, reports = assert_like_builtin(
        lambda impl: step_after_done(impl, woken=woken), impl
    )
    assert outcome[1] is asyncio.InvalidStateError
    assert "step(): already done: <Task finished name='T' " in outcome[2]
    assert (end, reports) == (("returned", "result"), [])


def test_step_of_a_waiting_task(impl):
    """The coroutine is resumed although the future it awaits is pending."""

    def scenario(impl):
        loop = Scheduled()
        future = impl.Future(loop=loop)

        async def waiting():
            return await future

        task = impl.Task(waiting(), loop=loop, name="T")
        run_passes(loop)
        outcome = within(loop, loop.callbacks[0])
        waits = task._fut_waiter is future, len(future._callbacks or ())
        run_passes(loop)
        future.set_result("result")
        run_passes(loop, 2)
        loop.close()
        return outcome, waits, ending(task)

    assert_like_builtin(scenario, impl)
