"""Comparing with the interpreter's own classes, the oracle."""

import re

from support.implementations import BuiltinFuture


def answer(call, *args, **kwargs):
    """Returns what `call(*args, **kwargs)` did, in a form that is equal for equal behaviour.

    ("returned", value) or ("raised", type, message, type of __cause__, type of __context__).
    """
    try:
        return "returned", _comparable(call(*args, **kwargs))
    except BaseException as error:
        chain = type(error.__cause__), type(error.__context__)
        return "raised", type(error), normalised(str(error)), *chain


def _comparable(value):
    if isinstance(value, BaseException):
        return type(value), value.args
    return normalised(value) if isinstance(value, str) else value


def normalised(text):
    """Returns `text` without what differs by nature: addresses, and the module of the classes."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x…", text)
    return re.sub(r"\b(_asyncio|asyncio|aioxide(\._core)?)\.(Future|Task)\b", r"\3", text)


def same_as_builtin(impl, loop, act, **kwargs):
    """Asserts that `act(future)` does with a new future what it does with a built-in one.

    Returns the answer, for what the caller knows about it beyond that.
    """
    expected = answer(act, BuiltinFuture(loop=loop), **kwargs)
    assert answer(act, impl.Future(loop=loop), **kwargs) == expected
    return expected
