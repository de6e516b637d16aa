"""Subclasses written in Python: other arguments, overridden methods, a forgotten super()."""

import abc
import asyncio
import contextvars
import typing

import pytest
from support import answer, run_passes
from support.tasks import assert_like_builtin

# Made in other ways


def test_other_arguments(impl, stock_loop):
    class Promise(impl.Future):
        def __init__(self, first, *rest, loop, **options):
            super().__init__(loop=loop)
            self.first, self.rest, self.options = first, rest, options

    promise = Promise(1, 2, 3, loop=stock_loop, key="value")
    assert (promise.first, promise.rest, promise.options) == (1, (2, 3), {"key": "value"})
    promise.set_result("kept")
    assert promise.result() == "kept"


def test_no_arguments_at_all(impl, stock_loop):
    class Promise(impl.Future):
        def __init__(self):
            super().__init__(loop=stock_loop)

    assert Promise().get_loop() is stock_loop


def test_attributes_before_super(impl, stock_loop):
    class Promise(impl.Future):
        def __init__(self, loop):
            self.early = "early"
            super().__init__(loop=loop)

    assert Promise(stock_loop).early == "early"


def test_new_with_other_arguments(impl, stock_loop):
    class Promise(impl.Future):
        def __new__(cls, label, **options):
            self = super().__new__(cls)
            self.label = label
            return self

        def __init__(self, label, **options):
            super().__init__(**options)

    assert Promise("labelled", loop=stock_loop).label == "labelled"


def test_new_takes_anything(impl):
    # The built-in class leaves the arguments to __init__.
    future = impl.Future.__new__(impl.Future, 1, 2, loop=3, other=4)
    assert type(future) is impl.Future


def test_init_called_twice_by_two_bases(impl, stock_loop):
    class Twice(impl.Future):
        def __init__(self, loop):
            super().__init__(loop=loop)
            self.set_result("first life")
            super().__init__(loop=loop)

    assert not Twice(stock_loop).done()


def test_attributes(impl, stock_loop):
    class Promise(impl.Future):
        shared = "on the class"

    promise = Promise(loop=stock_loop)
    promise.own = "on the instance"
    assert (promise.own, promise.shared) == ("on the instance", "on the class")
    promise.shared = "shadowed"
    assert (promise.shared, Promise.shared) == ("shadowed", "on the class")
    del promise.shared
    assert promise.shared == "on the class"


def test_slots(impl, stock_loop):
    class Promise(impl.Future):
        __slots__ = ("slot",)

    promise = Promise(loop=stock_loop)
    with pytest.raises(AttributeError):
        _ = promise.slot
    promise.slot = "filled"
    assert promise.slot == "filled"
    promise.set_result(1)
    assert promise.result() == 1


@pytest.mark.parametrize("slot", ["__dict__", "__weakref__"])
def test_slots_that_are_there_already(impl, slot):
    def scenario(impl):
        return answer(type, "Promise", (impl.Future,), {"__slots__": (slot,)})[:2]

    assert assert_like_builtin(scenario, impl) == ("raised", TypeError)


def test_several_bases(impl, stock_loop):
    T = typing.TypeVar("T")

    class Mixin:
        def __init__(self, **options):
            super().__init__(**options)
            self.mixed_in = True

    class Promise(Mixin, impl.Future, typing.Generic[T]):
        pass

    promise = Promise[int](loop=stock_loop)
    assert promise.mixed_in
    assert not promise.done()


def test_metaclass(impl, stock_loop):
    def scenario(impl):
        class Promise(impl.Future, metaclass=abc.ABCMeta):
            @abc.abstractmethod
            def promised(self):
                pass

        class Kept(Promise):
            def promised(self):
                return "kept"

        # The built-in class makes instances of abstract subclasses.
        return answer(lambda: Promise(loop=stock_loop).done()), Kept(loop=stock_loop).promised()

    assert_like_builtin(scenario, impl)


def test_subclass_of_a_subclass(impl, stock_loop):
    class One(impl.Future):
        def cancel(self, msg=None):
            return super().cancel(f"one: {msg}")

    class Two(One):
        def cancel(self, msg=None):
            return super().cancel(f"two: {msg}")

    future = Two(loop=stock_loop)
    future.cancel("because")
    with pytest.raises(asyncio.CancelledError, match="one: two: because"):
        future.result()


# Overridden methods: whom they reach


OVERRIDABLE = [
    "add_done_callback",
    "cancel",
    "cancelled",
    "done",
    "exception",
    "get_loop",
    "remove_done_callback",
    "result",
    "set_exception",
    "set_result",
    "_make_cancelled_error",
]


def watched(base, log):
    """Returns a subclass of `base` whose methods write their name to `log` before they act."""

    def watch(name):
        method = getattr(base, name)

        def wrapper(self, *arguments, **keywords):
            log.append((name, len(arguments), sorted(keywords)))
            return method(self, *arguments, **keywords)

        return wrapper

    return type("Watched", (base,), {name: watch(name) for name in OVERRIDABLE})


ENDS = {
    "result": lambda future: future.set_result("result"),
    "exception": lambda future: future.set_exception(LookupError("failed")),
    "cancelled": lambda future: future.cancel("because"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_awaiting_calls_what_it_calls_on_the_builtin_class(impl, stock_loop, end):
    def scenario(impl):
        log = []
        future = watched(impl.Future, log)(loop=stock_loop)

        async def waiter():
            return await future

        task = impl.Task(waiter(), loop=stock_loop)
        run_passes(stock_loop)
        log.append("suspended")
        end(future)
        log.append("ended")
        run_passes(stock_loop)
        return log, answer(task.result)

    assert_like_builtin(scenario, impl)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_awaiting_a_done_one_calls_what_it_calls_on_the_builtin_class(impl, stock_loop, end):
    def scenario(impl):
        log = []
        future = watched(impl.Future, log)(loop=stock_loop)
        end(future)

        async def waiter():
            return await future

        task = impl.Task(waiter(), loop=stock_loop)
        run_passes(stock_loop)
        return log, answer(task.result)

    assert_like_builtin(scenario, impl)


def test_cancelling_the_waiter_calls_what_it_calls_on_the_builtin_class(impl, stock_loop):
    def scenario(impl):
        log = []
        future = watched(impl.Future, log)(loop=stock_loop)

        async def waiter():
            return await future

        task = impl.Task(waiter(), loop=stock_loop)
        run_passes(stock_loop)
        log.append("suspended")
        task.cancel("because")
        run_passes(stock_loop)
        return log, answer(task.result)

    log, _ = assert_like_builtin(scenario, impl)
    assert "cancel" in {entry[0] for entry in log}


def test_repr_calls_no_overridden_method(impl, stock_loop):
    def scenario(impl):
        log = []
        future = watched(impl.Future, log)(loop=stock_loop)
        future.add_done_callback(print)
        return repr(future), log

    assert_like_builtin(scenario, impl)


def test_overridden_result_reaches_the_waiter(impl, stock_loop):
    def scenario(impl):
        class Promise(impl.Future):
            def result(self):
                return "overridden: " + super().result()

        future = Promise(loop=stock_loop)

        async def waiter():
            return await future

        task = impl.Task(waiter(), loop=stock_loop)
        run_passes(stock_loop)
        future.set_result("kept")
        run_passes(stock_loop)
        return future.result(), task.result()

    assert_like_builtin(scenario, impl)


def test_overridden_result_that_fails(impl, stock_loop):
    def scenario(impl):
        class Promise(impl.Future):
            def result(self):
                raise LookupError("not for you")

        future = Promise(loop=stock_loop)

        async def waiter():
            return await future

        task = impl.Task(waiter(), loop=stock_loop)
        run_passes(stock_loop)
        future.set_result("kept")
        run_passes(stock_loop)
        return answer(task.result)

    assert_like_builtin(scenario, impl)


def test_overridden_add_done_callback_gets_the_context_of_the_task(impl, stock_loop):
    contexts = []

    class Promise(impl.Future):
        def add_done_callback(self, fn, *, context=None):
            contexts.append(context)
            super().add_done_callback(fn, context=context)

    future, context = Promise(loop=stock_loop), contextvars.Context()

    async def waiter():
        return await future

    task = impl.Task(waiter(), loop=stock_loop, context=context)
    run_passes(stock_loop)
    assert len(contexts) == 1
    assert contexts[0] is context
    future.set_result("woken")
    run_passes(stock_loop)
    assert task.result() == "woken"


def test_overridden_await(impl, stock_loop):
    class Promise(impl.Future):
        def __await__(self):
            return "before", (yield from super().__await__())

    future = Promise(loop=stock_loop)

    async def waiter():
        return await future

    stock_loop.call_soon(future.set_result, "result")
    assert stock_loop.run_until_complete(waiter()) == ("before", "result")


def test_equality_of_a_subclass(impl, stock_loop):
    class Same(impl.Future):
        def __eq__(self, other):
            return True

        __hash__ = impl.Future.__hash__

    class Unhashable(impl.Future):
        def __eq__(self, other):
            return True

    assert Same(loop=stock_loop) == 3
    hash(Same(loop=stock_loop))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Unhashable(loop=stock_loop))


def test_getattribute_of_a_subclass(impl, stock_loop):
    class Watched(impl.Future):
        def __getattribute__(self, name):
            if name == "secret":
                return "shown"
            return super().__getattribute__(name)

    future = Watched(loop=stock_loop)
    assert future.secret == "shown"
    future.set_result(1)
    assert stock_loop.run_until_complete(future) == 1
