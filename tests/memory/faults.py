"""Classes with one deliberate leak each: a reference too many, or memory that nobody frees."""

import ctypes
import dataclasses
import itertools
import sys

import aioxide
from support import implementation

# What a lost `Py_DECREF` looks like from outside: a reference that belongs to nobody.
_keep = ctypes.pythonapi.Py_IncRef
_keep.argtypes = [ctypes.py_object]
_keep.restype = None
_malloc = ctypes.CDLL(None).malloc
_malloc.argtypes = [ctypes.c_size_t]
_malloc.restype = ctypes.c_void_p

FAULTS = {}


def fault(cls):
    """Registers the class under its description; the other one of the two stays right."""
    classes = {
        base.__name__: cls for base in (aioxide.Future, aioxide.Task) if base in cls.__bases__
    }
    FAULTS[cls.__doc__] = lambda: dataclasses.replace(implementation("rust"), **classes)


@fault
class _(aioxide.Task):
    """keeps the task"""

    def __init__(self, coro, **options):
        super().__init__(coro, **options)
        _keep(self)


@fault
class _(aioxide.Task):
    """keeps one task of a hundred"""

    numbers = itertools.count()

    def __init__(self, coro, **options):
        super().__init__(coro, **options)
        if next(self.numbers) % 100 == 0:
            _keep(self)


@fault
class _(aioxide.Task):
    """keeps the coroutine"""

    def __init__(self, coro, **options):
        super().__init__(coro, **options)
        _keep(coro)


@fault
class _(aioxide.Task):
    """keeps the context"""

    def __init__(self, coro, *, context=None, **options):
        super().__init__(coro, context=context, **options)
        if context is not None:
            _keep(context)


@fault
class _(aioxide.Task):
    """keeps the name"""

    def __init__(self, coro, *, name=None, **options):
        super().__init__(coro, name=name, **options)
        if name is not None:
            _keep(self.get_name())


@fault
class _(aioxide.Task):
    """keeps the result of a task"""

    def result(self):
        result = super().result()
        _keep(result)
        return result


@fault
class _(aioxide.Task):
    """keeps what a task waits for"""

    def cancel(self, msg=None):
        if self._fut_waiter is not None:
            _keep(self._fut_waiter)
        return super().cancel(msg)


@fault
class _(aioxide.Task):
    """keeps the loop"""

    def __init__(self, coro, **options):
        super().__init__(coro, **options)
        _keep(self.get_loop())


@fault
class _(aioxide.Task):
    """keeps the class"""

    def __init__(self, coro, **options):
        super().__init__(coro, **options)
        _keep(type(self))


@fault
class _(aioxide.Future):
    """keeps the future"""

    def __init__(self, **options):
        super().__init__(**options)
        _keep(self)


@fault
class _(aioxide.Future):
    """keeps the result"""

    def set_result(self, result):
        super().set_result(result)
        _keep(result)


@fault
class _(aioxide.Future):
    """keeps the exception"""

    def set_exception(self, exception):
        super().set_exception(exception)
        _keep(self._exception)


@fault
class _(aioxide.Future):
    """keeps the callback"""

    def add_done_callback(self, function, **options):
        super().add_done_callback(function, **options)
        _keep(function)


@fault
class _(aioxide.Future):
    """keeps the callback that is removed"""

    def remove_done_callback(self, function):
        _keep(function)
        return super().remove_done_callback(function)


@fault
class _(aioxide.Future):
    """keeps the context of a callback"""

    def add_done_callback(self, function, *, context=None):
        super().add_done_callback(function, context=context)
        if context is not None:
            _keep(context)


@fault
class _(aioxide.Future):
    """keeps the message"""

    def cancel(self, msg=None):
        _keep(msg)
        return super().cancel(msg)


@fault
class _(aioxide.Future):
    """keeps the iterator"""

    def __await__(self):
        iterator = super().__await__()
        _keep(iterator)
        return iterator

    __iter__ = __await__


@fault
class _(aioxide.Future):
    """keeps an attribute"""

    def __setattr__(self, name, value):
        _keep(value)
        super().__setattr__(name, value)


@fault
class _(aioxide.Future):
    """keeps memory that Python knows nothing of"""

    def __init__(self, **options):
        super().__init__(**options)
        _malloc(16)


if sys.version_info < (3, 12):  # from then on it has no count

    @fault
    class _(aioxide.Future):
        """keeps None"""

        def __init__(self, **options):
            super().__init__(**options)
            _keep(None)
