"""Futures whose `__init__` never ran: an exception from every method, and no crash."""

import asyncio
import contextvars
import gc
import weakref

import pytest
from support import BuiltinFuture, answer
from support.tasks import assert_like_builtin

METHODS_WITHOUT_ARGUMENTS = [
    "cancel",
    "cancelled",
    "done",
    "exception",
    "get_loop",
    "result",
    "_make_cancelled_error",
    "__await__",
    "__iter__",
    "__del__",
]
ATTRIBUTES = [
    name
    for name in dir(BuiltinFuture)
    if name.startswith("_") and not name.startswith("__")
    if not callable(getattr(BuiltinFuture, name))
]

NAMES = [name for name in dir(BuiltinFuture) if name not in dir(object)]


def get(name):
    return lambda future: getattr(future, name)


def put(name, value):
    return lambda future: setattr(future, name, value)


def call(name):
    return lambda future: getattr(future, name)()


ATTEMPTS = {
    **{f"get {name}": get(name) for name in ATTRIBUTES},
    **{f"set {name} to {v}": put(name, v) for name in ATTRIBUTES for v in (None, False, True)},
    **{f"{name}()": call(name) for name in METHODS_WITHOUT_ARGUMENTS},
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

    assert assert_like_builtin(scenario, impl)[1] is RuntimeError


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

    assert_like_builtin(scenario, impl)
