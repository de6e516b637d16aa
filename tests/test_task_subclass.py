"""Subclasses: methods that are overridden, constructors and attributes of their own."""

import asyncio

import pytest
from support import run_passes
from support.tasks import (
    assert_like_builtin,
    described,
    ending,
    forever,
    reported,
    supervised_loop,
)


async def waiting(awaitable):
    return await awaitable


# Methods that are overridden


def test_overridden_result_of_an_awaited_future(loop, impl):
    """It decides whether the awaiter gets an exception; the value comes from the future itself."""

    class Failing(impl.Future):
        def result(self):
            raise LookupError("overridden")

    class Lying(impl.Future):
        def result(self):
            return "overridden"

    async def main():
        outcomes = []
        for kind in (Failing, Lying):
            future = kind(loop=loop)
            loop.call_soon(future.set_result, "result")
            try:
                outcomes.append(await future)
            except LookupError as error:
                outcomes.append(str(error))
        return outcomes

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == ["overridden", "result"]


def test_overridden_add_done_callback_of_an_awaited_future(loop, impl):
    class Counting(impl.Future):
        calls = 0

        def add_done_callback(self, *args, **kwargs):
            self.calls += 1
            super().add_done_callback(*args, **kwargs)

    future = Counting(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    assert future.calls == 1
    future.set_result("result")
    assert loop.run_until_complete(task) == "result"


def test_overridden_add_done_callback_that_does_nothing(stock_loop, impl):
    """The task waits for ever, having believed it."""

    class Forgetting(impl.Future):
        def add_done_callback(self, *args, **kwargs):
            pass

    future = Forgetting(loop=stock_loop)
    task = impl.Task(waiting(future), loop=stock_loop)
    run_passes(stock_loop)
    future.set_result("result")
    run_passes(stock_loop, 3)
    assert not task.done()
    assert task._fut_waiter is future
    task._log_destroy_pending = False


def test_overridden_cancel_of_an_awaited_task(loop, impl):
    class Deaf(impl.Task):
        def cancel(self, msg=None):
            heard.append(msg)
            return False

    heard = []
    future = loop.create_future()
    inner = Deaf(waiting(future), loop=loop)
    task = impl.Task(waiting(inner), loop=loop)
    run_passes(loop, 2)
    task.cancel("why")
    assert heard == ["why"]
    assert task._must_cancel
    future.set_result(None)
    with pytest.raises(asyncio.CancelledError, match="why"):
        loop.run_until_complete(task)
    assert inner.result() is None


def test_overridden_get_loop_of_an_awaited_future(loop, impl):
    class Lying(impl.Future):
        def get_loop(self):
            return "another loop"

    task = impl.Task(waiting(Lying(loop=loop)), loop=loop)
    with pytest.raises(RuntimeError, match="attached to a different loop"):
        loop.run_until_complete(task)


def test_overridden_marker_of_an_awaited_future(loop, impl):
    class NotBlocking(impl.Future):
        _asyncio_future_blocking = False

    class NoFuture(impl.Future):
        _asyncio_future_blocking = None

    task = impl.Task(waiting(NotBlocking(loop=loop)), loop=loop)
    with pytest.raises(RuntimeError, match="yield was used instead of yield from in task"):
        loop.run_until_complete(task)
    task = impl.Task(waiting(NoFuture(loop=loop)), loop=loop)
    with pytest.raises(RuntimeError, match="Task got bad yield: <NoFuture pending>"):
        loop.run_until_complete(task)
    assert not asyncio.isfuture(NoFuture(loop=loop))


def test_overridden_methods_that_a_step_does_not_use(loop, impl):
    """What a task does to itself goes by the class, whatever its subclass says."""

    class Refusing(impl.Task):
        def refuse(self, *_, **__):
            raise AssertionError("was called")

        set_result = set_exception = done = cancelled = get_coro = get_context = refuse
        get_loop = add_done_callback = _make_cancelled_error = refuse

    async def steps():
        await asyncio.sleep(0)
        await waiting(loop.create_task(asyncio.sleep(0)))
        return "result"

    task = Refusing(steps(), loop=loop)
    run_passes(loop, 8)
    assert impl.Task.result(task) == "result"


def test_overridden_done_decides_what_all_tasks_holds(stock_loop, impl):
    class Done(impl.Task):
        def done(self):
            return True

    task = Done(asyncio.sleep(0), loop=stock_loop)
    assert asyncio.all_tasks(stock_loop) == set()
    run_passes(stock_loop, 2)
    assert impl.Task.done(task)


def test_overridden_await(loop, impl):
    class Patient(impl.Future):
        def __await__(self):
            log.append("before")
            result = yield from super().__await__()
            log.append("after")
            return result

    log = []
    future = Patient(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop)
    assert log == ["before"]
    future.set_result("result")
    assert loop.run_until_complete(task) == "result"
    assert log == ["before", "after"]


def test_cancel_that_calls_the_bases(loop, impl):
    class Telling(impl.Task):
        def cancel(self, msg=None):
            return super().cancel(f"told: {msg}")

    task = Telling(forever(), loop=loop)
    outer = impl.Task(waiting(task), loop=loop)
    run_passes(loop, 2)
    outer.cancel("why")
    with pytest.raises(asyncio.CancelledError, match="told: why"):
        loop.run_until_complete(outer)


# Constructors and attributes of their own


def test_constructor_with_other_arguments(loop, impl):
    class Counting(impl.Task):
        def __init__(self, start, stop, **kwargs):
            super().__init__(self.count(start, stop), **kwargs)
            self.start = start

        async def count(self, start, stop):
            for _ in range(start, stop):
                await asyncio.sleep(0)
            return stop

    task = Counting(1, stop=4, loop=loop, name="counting")
    assert (task.start, task.get_name()) == (1, "counting")
    assert loop.run_until_complete(task) == 4


def test_attributes(loop, impl):
    class Labelled(impl.Task):
        kind = "labelled"

    task = Labelled(asyncio.sleep(0), loop=loop)
    task.label = "label"
    task.itself = task
    assert (task.kind, task.label, task.itself) == ("labelled", "label", task)
    loop.run_until_complete(task)
    assert task.label == "label"
    del task.label, task.itself
    assert not hasattr(task, "label")


def test_slots(loop, impl):
    class Slotted(impl.Task):
        __slots__ = ("slot",)

    task = Slotted(asyncio.sleep(0), loop=loop)
    task.slot = "slot"
    loop.run_until_complete(task)
    assert task.slot == "slot"


def test_new_of_its_own(loop, impl):
    class Made(impl.Task):
        def __new__(cls, *args, **kwargs):
            task = super().__new__(cls, *args, **kwargs)
            task.made = True
            return task

    task = Made(asyncio.sleep(0, "result"), loop=loop)
    assert task.made
    assert loop.run_until_complete(task) == "result"


def test_subclass_of_a_subclass_and_a_mixin(loop, impl):
    class Mixin:
        def __init__(self, *args, **kwargs):
            self.mixed = kwargs.pop("mixed")
            super().__init__(*args, **kwargs)

    class Middle(impl.Task):
        pass

    class Special(Mixin, Middle):
        pass

    task = Special(asyncio.sleep(0, "result"), loop=loop, mixed="in")
    assert (task.mixed, loop.run_until_complete(task)) == ("in", "result")
    assert isinstance(task, Middle)


def test_generic_subclass(loop, impl):
    class Special(impl.Task[int]):
        pass

    assert issubclass(Special, impl.Task)
    task = Special(asyncio.sleep(0, 1), loop=loop)
    assert loop.run_until_complete(task) == 1


def test_constructor_that_calls_no_base(impl):
    """Used as if it were a task, it says that it is none."""

    def scenario(impl):
        class Forgetful(impl.Task):
            def __init__(self):
                pass

        with supervised_loop(impl) as (loop, reports):
            task = impl.Task(waiting(Forgetful()), loop=loop)
            run_passes(loop, 2)
            return ending(task), reported(reports)

    (how, error), _ = assert_like_builtin(scenario, impl)
    assert (how, error[:2]) == ("raised", (RuntimeError, ("Future object is not initialized.",)))


def test_constructor_that_fails_before_its_base_is_called(impl):
    def scenario(impl):
        class Failing(impl.Task):
            def __init__(self, coro):
                raise ZeroDivisionError("before")

        with supervised_loop(impl) as (_, reports):
            coroutine = forever()
            try:
                Failing(coroutine)
            except ZeroDivisionError as error:
                coroutine.close()
                return described(error)[:2], reported(reports)

    error, reports = assert_like_builtin(scenario, impl)
    assert (error[1], reports) == (("before",), [])


def test_constructor_that_fails_after_its_base_was_called(impl):
    """The task is made and scheduled: it runs, although its maker never got hold of it."""

    def scenario(impl):
        log = []

        async def logging():
            log.append("ran")

        class Failing(impl.Task):
            def __init__(self, coro, loop):
                super().__init__(coro, loop=loop)
                raise ZeroDivisionError("after")

        with supervised_loop(impl) as (loop, reports):
            try:
                Failing(logging(), loop)
            except ZeroDivisionError as error:
                error.__traceback__ = None
            run_passes(loop, 2)
            return log, reported(reports)

    assert assert_like_builtin(scenario, impl) == (["ran"], [])


# In the place of the interpreter's own


def test_factory_of_a_subclass(loop, impl):
    class Special(impl.Task):
        pass

    loop.set_task_factory(lambda loop, coro, **kwargs: Special(coro, loop=loop, **kwargs))

    async def main():
        task = asyncio.create_task(asyncio.sleep(0, "result"))
        assert type(task) is Special
        async with asyncio.TaskGroup() as group:
            child = group.create_task(asyncio.sleep(0, "child"))
        assert type(child) is Special
        return await asyncio.gather(task, asyncio.sleep(0, "gathered"))

    assert loop.run_until_complete(main()) == ["result", "gathered"]
