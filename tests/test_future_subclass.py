"""Subclasses of Future written in Python: other arguments, overridden methods, a forgotten super()."""

import abc
import asyncio
import contextvars
import gc
import typing
import weakref

import pytest
from support import BuiltinFuture, answer, implementation, run_passes


def as_builtin(impl, scenario):
    """Asserts that `scenario(impl)` gives what it gives on the built-in classes; returns that."""
    expected = scenario(implementation("builtin"))
    assert scenario(impl) == expected
    return expected


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


def test_attributes_and_vars(impl, stock_loop):
    class Promise(impl.Future):
        shared = "on the class"

    promise = Promise(loop=stock_loop)
    promise.own = "on the instance"
    assert vars(promise) == {"own": "on the instance"}
    assert promise.shared == "on the class"
    weakref.ref(promise)


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

    assert as_builtin(impl, scenario) == ("raised", TypeError)


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
    class Promise(impl.Future, metaclass=abc.ABCMeta):
        @abc.abstractmethod
        def promised(self):
            pass

    class Kept(Promise):
        def promised(self):
            return "kept"

    assert answer(Promise, loop=stock_loop)[:2] == ("raised", TypeError)
    assert Kept(loop=stock_loop).promised() == "kept"


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

    as_builtin(impl, scenario)


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

    as_builtin(impl, scenario)


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

    log, _ = as_builtin(impl, scenario)
    assert ("cancel", 0, ["msg"]) in log


def test_repr_calls_no_overridden_method(impl, stock_loop):
    def scenario(impl):
        log = []
        future = watched(impl.Future, log)(loop=stock_loop)
        future.add_done_callback(print)
        return repr(future), log

    as_builtin(impl, scenario)


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

    as_builtin(impl, scenario)


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

    as_builtin(impl, scenario)


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


# A forgotten super().__init__()

NAMES = [name for name in dir(BuiltinFuture) if name not in dir(object)]

ATTEMPTS = {
    **{
        f"get {name}": lambda future, name=name: getattr(future, name)
        for name in NAMES
        if not callable(getattr(BuiltinFuture, name))
    },
    **{
        f"set {name} to {value}": lambda future, name=name, value=value: setattr(
            future, name, value
        )
        for name in NAMES
        for value in (None, False, True)
        if not callable(getattr(BuiltinFuture, name))
    },
    **{
        f"{name}()": lambda future, name=name: getattr(future, name)()
        for name in [*OVERRIDABLE, "__await__", "__iter__", "__del__"]
        if name not in ("add_done_callback", "remove_done_callback", "set_result", "set_exception")
    },
    "add_done_callback(print)": lambda future: future.add_done_callback(print),
    "add_done_callback(print, context=)": lambda future: future.add_done_callback(
        print, context=contextvars.Context()
    ),
    "remove_done_callback(print)": lambda future: future.remove_done_callback(print),
    "set_result(1)": lambda future: future.set_result(1),
    "set_exception(error)": lambda future: future.set_exception(ValueError()),
    "set_exception(class)": lambda future: future.set_exception(ValueError),
    "set_exception(3)": lambda future: future.set_exception(3),
    "cancel('because')": lambda future: future.cancel("because"),
    "repr": repr,
    "str": str,
    "bool": bool,
    "next(iter)": lambda future: next(iter(future)),
    "isfuture": asyncio.isfuture,
    "ensure_future": lambda future: asyncio.ensure_future(future) is future,
    "gather": lambda future: asyncio.gather(future),
    "dir": lambda future: "result" in dir(future),
    "extra attribute": lambda future: (setattr(future, "extra", 1), future.extra),
    "weakref": lambda future: weakref.ref(future)() is future,
    "referents": lambda future: type(gc.get_referents(future)),
}


def forgetful(base):
    class Forgetful(base):
        def __init__(self):
            pass

    return Forgetful()


def made_by_new_alone(base):
    return base.__new__(base)


MAKE = pytest.mark.parametrize("make", [forgetful, made_by_new_alone])


@MAKE
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_uninitialised(impl, make, attempt):
    expected = answer(attempt, make(BuiltinFuture))
    assert answer(attempt, make(impl.Future)) == expected


@MAKE
def test_uninitialised_future_says_so(impl, make):
    future = make(impl.Future)
    for ask in (future.cancel, future.get_loop, future.__await__, future.__repr__):
        with pytest.raises(RuntimeError, match="not initialized"):
            ask()


@MAKE
def test_uninitialised_future_is_awaited(impl, stock_loop, make):
    def scenario(impl):
        async def waiter():
            await make(impl.Future)

        return answer(stock_loop.run_until_complete, waiter())

    assert as_builtin(impl, scenario)[1] is RuntimeError


@MAKE
def test_uninitialised_future_is_initialised_late(impl, stock_loop, make):
    future = make(impl.Future)
    answer(future.cancel)
    impl.Future.__init__(future, loop=stock_loop)
    future.set_result("better late")
    assert future.result() == "better late"


@MAKE
def test_uninitialised_future_is_dropped(impl, make):
    reference = weakref.ref(make(impl.Future))
    assert reference() is None


@pytest.mark.parametrize("loop", [3, None], ids=["no loop", "loop whose flag fails"])
def test_init_that_failed_leaves_an_uninitialised_future(impl, stock_loop, loop):
    class Failing:
        def get_debug(self):
            raise LookupError("no flag")

    def scenario(impl):
        future = impl.Future.__new__(impl.Future)
        first = answer(future.__init__, loop=loop or Failing())
        impl.Future.__init__(future, loop=stock_loop)
        future.set_result(1)
        return first, future.result()

    as_builtin(impl, scenario)
