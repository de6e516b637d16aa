"""The states in which a task can be looked at, each brought about by a function of its name."""

import asyncio
import collections.abc

from support.loops import run_passes
from support.oracle import answer
from support.tasks import supervised_loop


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


# What is done with a task before it is shown. Each is given the loop and a function that makes
# the task.


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
    task.set_name('it\'s "renamed"')
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
    """What `show(task)` gives of a task of `impl` in `state`; the task is brought to its end."""
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
