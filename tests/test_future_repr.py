"""`repr(future)`: what it is, how it ended, and who waits for it."""

import functools
import sys

import pytest
from support import same_as_builtin


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


def line_of(function):
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


def callback(future):
    pass


def test_pending(future):
    assert repr(future) == "<Future pending>"
    assert str(future) == "<Future pending>"
    assert f"{future}" == "<Future pending>"


@pytest.mark.parametrize(
    "result", [None, 7, "text", (1, 2), [], list(range(100)), "long" * 100, {"key": ["value"]}]
)
def test_result(impl, stock_loop, result):
    def act(future):
        future.set_result(result)
        return repr(future)

    _, text = same_as_builtin(impl, stock_loop, act)
    assert text.startswith("<Future finished result=")


def test_result_is_shortened(future):
    future.set_result("x" * 1000)
    assert len(repr(future)) < 100


def test_exception(future):
    future.set_exception(ValueError("x" * 100))
    future.exception()
    assert repr(future) == f"<Future finished exception={ValueError('x' * 100)!r}>"


def test_cancelled(future):
    future.cancel("because")
    assert repr(future) == "<Future cancelled>"


@pytest.mark.parametrize("count", range(6))
def test_callbacks(impl, stock_loop, count):
    def act(future):
        for number in range(count):
            future.add_done_callback(functools.partial(callback, number))
        return repr(future)

    _, text = same_as_builtin(impl, stock_loop, act)
    assert text.count("callback(") == min(count, 2)


def test_one_callback(future):
    future.add_done_callback(callback)
    assert repr(future) == f"<Future pending cb=[callback() at {line_of(callback)}]>"


def test_four_callbacks(future):
    for _ in range(4):
        future.add_done_callback(callback)
    shown = f"callback() at {line_of(callback)}"
    assert repr(future) == f"<Future pending cb=[{shown}, <2 more>, {shown}]>"


def test_done_future_shows_no_callbacks(future):
    future.add_done_callback(callback)
    future.cancel()
    assert repr(future) == "<Future cancelled>"


class Callable:
    def method(self, future):
        pass

    def __call__(self, future):
        pass

    def __repr__(self):
        return "<a callable>"


CALLBACKS = {
    "builtin": print,
    "method": Callable().method,
    "method of a builtin": [].append,
    "object": Callable(),
    "class": Callable,
    "lambda": lambda future: None,
    "partial": functools.partial(callback, 1, two=2),
    "partial of partial": functools.partial(functools.partial(callback, 1), 2),
    "partial of an object": functools.partial(Callable(), "x" * 100),
    "wrapped": functools.wraps(callback)(lambda future: None),
    "not callable": 3,
}


@pytest.mark.parametrize("shown", CALLBACKS.values(), ids=CALLBACKS)
def test_kinds_of_callbacks(impl, stock_loop, shown):
    def act(future):
        future.add_done_callback(shown)
        return repr(future)

    _, text = same_as_builtin(impl, stock_loop, act)
    assert "cb=[" in text


def test_future_that_is_its_own_result(impl, stock_loop):
    def act(future):
        future.set_result(future)
        return repr(future)

    _, text = same_as_builtin(impl, stock_loop, act)
    assert text == "<Future finished result=...>"


def test_future_deep_in_its_own_result(impl, stock_loop):
    def act(future):
        future.set_result([future, {"key": future}])
        return repr(future)

    _, text = same_as_builtin(impl, stock_loop, act)
    assert "..." in text


def test_future_in_its_own_exception(impl, stock_loop):
    def act(future):
        future.set_exception(ValueError(future))
        future.exception()
        return repr(future)

    same_as_builtin(impl, stock_loop, act)


def test_future_in_its_own_callback(impl, stock_loop):
    def act(future):
        future.add_done_callback(functools.partial(callback, future))
        return repr(future)

    same_as_builtin(impl, stock_loop, act)


def test_repr_of_the_result_fails(impl, stock_loop):
    class Unshowable:
        def __repr__(self):
            raise LookupError("nothing to show")

    def act(future):
        future.set_result(Unshowable())
        return repr(future)

    same_as_builtin(impl, stock_loop, act)


def test_repr_of_the_exception_fails(impl, stock_loop):
    class Unshowable(Exception):
        def __repr__(self):
            raise LookupError("nothing to show")

    def act(future):
        future.set_exception(Unshowable())
        future.exception()
        return repr(future)

    _, error, *_ = same_as_builtin(impl, stock_loop, act)
    assert error is LookupError


# Subclasses


def test_name_of_a_subclass(impl, stock_loop):
    class Promise(impl.Future):
        pass

    assert repr(Promise(loop=stock_loop)) == "<Promise pending>"


def test_subclass_with_a_repr_of_its_own(impl, stock_loop):
    class Promise(impl.Future):
        def __repr__(self):
            return "mine, after " + super().__repr__()

    assert repr(Promise(loop=stock_loop)) == "mine, after <Promise pending>"


def test_subclass_that_changes_what_is_shown(impl, stock_loop):
    class Promise(impl.Future):
        _state = property(lambda self: "KEPT")

    assert repr(Promise(loop=stock_loop)) == "<Promise kept>"


# Debug mode


def test_place_of_birth_in_debug_mode(impl, stock_loop):
    stock_loop.set_debug(True)
    future = impl.Future(loop=stock_loop)
    line = sys._getframe().f_lineno - 1
    assert repr(future) == f"<Future pending created at {__file__}:{line}>"
    future.add_done_callback(callback)
    assert repr(future) == (
        f"<Future pending cb=[callback() at {line_of(callback)}] created at {__file__}:{line}>"
    )
    future.set_result(1)
    assert repr(future) == f"<Future finished result=1 created at {__file__}:{line}>"


def test_place_of_birth_after_the_last_frame_was_deleted(impl, stock_loop):
    # What the stock loop's create_future() does, so that its caller is shown.
    stock_loop.set_debug(True)
    future = impl.Future(loop=stock_loop)
    first = future._source_traceback[-2]
    del future._source_traceback[-1]
    assert repr(future) == f"<Future pending created at {first.filename}:{first.lineno}>"
    future._source_traceback.clear()
    assert repr(future) == "<Future pending>"
