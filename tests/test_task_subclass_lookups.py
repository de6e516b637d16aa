"""Which attributes of a subclass are looked up, and by whom."""

import asyncio
from typing import ClassVar

import pytest
from support import BuiltinFuture, run_passes
from support.tasks import (
    assert_like_builtin,
    forever,
    reported,
    supervised_loop,
)


async def waiting(awaitable):
    return await awaitable


async def raising(error):
    raise error


def spying(base):
    """A subclass of `base` that keeps in `log` every attribute looked up or set on instances."""

    class Spying(base):
        log: ClassVar[list] = []

        def __getattribute__(self, name):
            Spying.log.append(name)
            return super().__getattribute__(name)

        def __setattr__(self, name, value):
            Spying.log.append(f"{name} = {value}")
            super().__setattr__(name, value)

        def __delattr__(self, name):
            Spying.log.append(f"del {name}")
            super().__delattr__(name)

    return Spying


class Watch:
    """Takes, section by section, what happened to the instances of a spying class."""

    def __init__(self, kind):
        self.kind = kind
        self.sections = {}

    def __call__(self, name):
        # What the base is asked through `super()` and the type itself does not count.
        self.sections[name] = list(self.kind.log)
        self.kind.log.clear()


def life_of_an_awaited_future(impl, base):
    with supervised_loop(impl) as (loop, reports):
        Spying = spying(base(impl))
        watch = Watch(Spying)
        future = Spying(loop=loop)
        watch("made")
        task = impl.Task(waiting(future), loop=loop)
        run_passes(loop)
        watch("awaited")
        base(impl).set_result(future, "result")
        watch("finished")
        run_passes(loop)
        watch("woken up from")
        assert task.result() == "result"

        task = impl.Task(waiting(future), loop=loop)
        run_passes(loop)
        assert task.done()
        watch("awaited when done")

        future = Spying(loop=loop)
        task = impl.Task(waiting(future), loop=loop)
        run_passes(loop)
        Spying.log.clear()
        task.cancel("why")
        watch("cancelled through the task")
        run_passes(loop)
        watch("woken up from when cancelled")

        async def cancelling_itself():
            task.cancel("why")
            await future

        future = Spying(loop=loop)
        task = impl.Task(cancelling_itself(), loop=loop)
        Spying.log.clear()
        run_passes(loop)
        watch("awaited by a task that is to be cancelled")
        run_passes(loop)

        future = Spying(loop=loop)
        repr(future)
        watch("shown")
        return watch.sections, reported(reports)


@pytest.mark.parametrize("base", ["own", "stock"])
def test_what_is_asked_of_an_awaited_future(impl, base):
    """A subclass may override any of it, so that no short way around it may be taken."""
    bases = {"own": lambda impl: impl.Future, "stock": lambda _: BuiltinFuture}
    seen, _ = assert_like_builtin(lambda impl: life_of_an_awaited_future(impl, bases[base]), impl)
    assert seen["made"] == seen["finished"] == seen["awaited when done"] == []
    assert seen["awaited"] == [
        "_asyncio_future_blocking",
        "get_loop",
        "_asyncio_future_blocking = False",
        "add_done_callback",
    ]
    assert seen["woken up from"] == ["result"]
    assert seen["cancelled through the task"] == ["cancel"]
    assert seen["awaited by a task that is to be cancelled"][-1] == "cancel"


def life_of_a_task(impl):
    with supervised_loop(impl) as (loop, reports):
        Spying = spying(impl.Task)
        watch = Watch(Spying)
        future = loop.create_future()
        task = Spying(waiting(future), loop=loop)
        watch("made")
        run_passes(loop)
        watch("first step")
        asyncio.current_task(loop)
        watch("current task")
        asyncio.all_tasks(loop)
        Spying.log.sort()  # which of the two is asked first differs between patch levels
        watch("all tasks")
        future.set_result("result")
        run_passes(loop)
        watch("last step")

        task = Spying(raising(ValueError("message")), loop=loop)
        run_passes(loop)
        watch("failing step")
        impl.Task.exception(task)
        task = Spying(forever(), loop=loop)
        run_passes(loop)
        impl.Task.cancel(task)
        watch("cancelled")
        run_passes(loop)
        watch("step that throws")

        task = Spying(asyncio.sleep(0), loop=loop)
        repr(task)
        watch("shown")
        run_passes(loop, 2)
        watch("bare yields")

        async def awaiting_itself():
            await task

        task = Spying(awaiting_itself(), loop=loop)
        run_passes(loop)
        Spying.log.sort()
        watch("awaiting itself")
        run_passes(loop)
        impl.Task.exception(task)
        return watch.sections, reported(reports)


def test_what_is_asked_of_a_task_by_itself(impl):
    """Its own steps ask nothing: they go by what it is, not by what it says."""
    seen, _ = assert_like_builtin(life_of_a_task, impl)
    for section in ("made", "first step", "last step", "failing step", "step that throws"):
        assert seen[section] == []
    assert seen["cancelled"] == []
    assert seen["bare yields"] == []


def test_awaiting_a_task_that_spies(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            Spying = spying(impl.Task)
            watch = Watch(Spying)
            future = loop.create_future()
            inner = Spying(waiting(future), loop=loop)
            task = impl.Task(waiting(inner), loop=loop)
            run_passes(loop)
            watch("awaited")
            future.set_result(None)
            run_passes(loop, 2)
            watch("woken up from")
            assert task.done()
            return watch.sections, reported(reports)

    seen, _ = assert_like_builtin(scenario, impl)
    assert "add_done_callback" in seen["awaited"]
    assert "result" in seen["woken up from"]
