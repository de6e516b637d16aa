"""What futures and tasks ask of their loop: documented methods, and no way around them."""

import asyncio
import weakref

import pytest
from support import (
    adopt,
    new_loop,
    run_passes,
)
from support.tasks import assert_like_builtin


async def value(result):
    return result


async def waiting(future):
    return await future


def test_every_step_goes_through_call_soon_of_a_subclass(impl):
    loop = adopt(new_loop("subclass"), impl)
    future = impl.Future(loop=loop)

    async def main():
        await future
        await asyncio.sleep(0)

    task = impl.Task(main(), loop=loop)
    assert loop.calls == 1  # the first step
    run_passes(loop, 1)
    before = loop.calls
    future.set_result(None)
    assert loop.calls == before + 1  # the wake-up
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert loop.calls == before + 3  # the stop, and the step after sleep(0)
    loop.run_until_complete(task)
    loop.close()


def test_steps_go_through_call_soon_that_was_replaced_on_the_instance(impl):
    loop = adopt(new_loop("asyncio"), impl)
    calls, call_soon = [], loop.call_soon

    def counting(callback, *arguments, **keywords):
        calls.append(callback)
        return call_soon(callback, *arguments, **keywords)

    loop.call_soon = counting
    future = impl.Future(loop=loop)

    async def main():
        await asyncio.sleep(0)
        return await future

    task = impl.Task(main(), loop=loop)
    future.set_result(None)
    loop.run_until_complete(task)
    assert len(calls) == 3
    del loop.call_soon
    loop.close()


def test_steps_go_through_call_soon_that_was_replaced_on_the_class(impl, monkeypatch):
    calls, call_soon = [], asyncio.BaseEventLoop.call_soon

    def counting(self, callback, *arguments, **keywords):
        calls.append(callback)
        return call_soon(self, callback, *arguments, **keywords)

    loop = adopt(new_loop("asyncio"), impl)
    # A task before, a task while, and a task after it was replaced.
    loop.run_until_complete(impl.Task(value(1), loop=loop))
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.BaseEventLoop, "call_soon", counting)
        loop.run_until_complete(impl.Task(value(2), loop=loop))
        assert len(calls) == 2
    loop.run_until_complete(impl.Task(value(3), loop=loop))
    assert len(calls) == 2
    loop.close()


class SpyLoop:
    """Answers `get_debug()` and `call_soon()`, and notes whatever else is asked of it."""

    def __init__(self):
        self.asked = set()
        self.calls = []

    def __getattr__(self, name):
        self.asked.add(name)
        raise AttributeError(name)

    def get_debug(self):
        return False

    def call_soon(self, callback, *arguments, context):
        self.calls.append((callback, arguments, context))

    def run(self):
        asyncio._set_running_loop(self)
        while self.calls:
            callback, arguments, context = self.calls.pop(0)
            context.run(callback, *arguments)
        asyncio._set_running_loop(None)


def test_unknown_loop_is_asked_for_documented_methods_alone(impl):
    loop = SpyLoop()
    future = impl.Future(loop=loop)
    future.add_done_callback(lambda future: None)
    task = impl.Task(waiting(future), loop=loop)
    loop.run()
    future.set_result("result")
    loop.run()
    assert task.result() == "result"
    cancelled = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
    loop.run()
    cancelled.cancel()
    loop.run()
    assert cancelled.cancelled()
    assert {name for name in loop.asked if name.startswith("_")} == set()


def test_unknown_loop_may_be_unhashable_and_equal_to_everything(impl):
    class Odd(SpyLoop):
        def __eq__(self, other):
            return True

        __hash__ = None

    def scenario(impl):
        loop = Odd()
        future = impl.Future(loop=loop)
        future.add_done_callback(lambda future: None)
        future.set_result("result")
        loop.run()
        return future.result()

    assert_like_builtin(scenario, impl)


def test_what_an_unknown_loop_calls_tells_whose_it_is(impl):
    loop = SpyLoop()
    future = impl.Future(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    ((step, _, _),) = loop.calls
    assert step.__self__ is task
    loop.run()
    future.set_result("result")
    ((wakeup, _, _),) = loop.calls
    assert wakeup.__self__ is task
    assert wakeup.__name__ == "task_wakeup"
    assert wakeup.__qualname__ == "Task.task_wakeup"
    assert repr(wakeup).startswith("<built-in method task_wakeup of ")
    loop.run()
    assert task.result() == "result"


def test_what_an_unknown_loop_calls_refuses_nonsense_and_loses_nothing(impl):
    loop = SpyLoop()
    task = impl.Task(value("result"), loop=loop)
    ((step, _, _),) = loop.calls
    with pytest.raises(TypeError):
        step(1, 2)
    with pytest.raises(AttributeError):
        step.nonsense  # noqa: B018
    assert weakref.ref(task)() is task
    loop.run()
    assert task.result() == "result"
