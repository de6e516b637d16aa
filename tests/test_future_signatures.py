"""What the methods of a future accept, and what they say of themselves."""

import inspect

import pytest
from support import BuiltinFuture, answer

# What a binding makes of `__await__` and its like is its own affair.
METHODS = [
    name
    for name in dir(BuiltinFuture)
    if not name.startswith("__") and callable(getattr(BuiltinFuture, name))
]


def signature(thing):
    try:
        return inspect.signature(thing)
    except ValueError:
        return None


def test_signature_of_the_class(impl):
    assert signature(impl.Future) == signature(BuiltinFuture)


@pytest.mark.parametrize("name", METHODS)
def test_signature_of_a_method(impl, name):
    expected = signature(getattr(BuiltinFuture, name))
    if expected is None:
        pytest.skip("the built-in method has no signature that can be read")
    assert signature(getattr(impl.Future, name)) == expected


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_documented(impl, name):
    if getattr(BuiltinFuture, name).__doc__:
        assert getattr(impl.Future, name).__doc__


MISUSES = {
    "Future(loop)": lambda cls, loop: cls(loop),
    "Future(lop=)": lambda cls, loop: cls(lop=loop),
    "cancel(1, 2)": lambda cls, loop: cls(loop=loop).cancel(1, 2),
    "cancel(foo=)": lambda cls, loop: cls(loop=loop).cancel(foo=1),
    "set_result()": lambda cls, loop: cls(loop=loop).set_result(),
    "set_result(1, 2)": lambda cls, loop: cls(loop=loop).set_result(1, 2),
    "set_result(result=)": lambda cls, loop: cls(loop=loop).set_result(result=1),
    "set_exception()": lambda cls, loop: cls(loop=loop).set_exception(),
    "set_exception(exception=)": lambda cls, loop: cls(loop=loop).set_exception(
        exception=ValueError()
    ),
    "result(1)": lambda cls, loop: cls(loop=loop).result(1),
    "exception(1)": lambda cls, loop: cls(loop=loop).exception(1),
    "done(1)": lambda cls, loop: cls(loop=loop).done(1),
    "cancelled(1)": lambda cls, loop: cls(loop=loop).cancelled(1),
    "get_loop(1)": lambda cls, loop: cls(loop=loop).get_loop(1),
    "add_done_callback()": lambda cls, loop: cls(loop=loop).add_done_callback(),
    "add_done_callback(1, 2)": lambda cls, loop: cls(loop=loop).add_done_callback(1, 2),
    "add_done_callback(fn=)": lambda cls, loop: cls(loop=loop).add_done_callback(fn=print),
    "remove_done_callback()": lambda cls, loop: cls(loop=loop).remove_done_callback(),
    "remove_done_callback(fn=)": lambda cls, loop: cls(loop=loop).remove_done_callback(fn=print),
    "set_result on the class": lambda cls, loop: cls.set_result(3, 4),
    "result on the class": lambda cls, loop: cls.result(loop),
}


@pytest.mark.parametrize("misuse", MISUSES.values(), ids=MISUSES)
def test_wrong_arguments(impl, stock_loop, misuse):
    assert answer(misuse, BuiltinFuture, stock_loop)[:2] == ("raised", TypeError)
    assert answer(misuse, impl.Future, stock_loop)[:2] == ("raised", TypeError)
