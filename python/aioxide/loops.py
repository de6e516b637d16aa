"""Loops that look asyncio's classes up when they are imported, not when they make a task.

Such a loop goes on making the tasks and futures that were in force at its import. When others come
into force, its class is given a `create_task()` and a `create_future()` that look them up at each
call, and loses them again when the first are back. Only loops known by name are touched, and only
where the program has imported them: any other needs a task factory.

The methods are written twice: here, and in Rust for the ordinary call, which hands all others over.

What a loop makes for its own use, such as the future that a lookup of a host name waits for, is out
of reach and stays of the class it found.
"""

import asyncio
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeAlias

from aioxide._core import quick_methods

_Coro: TypeAlias = Coroutine[Any, Any, Any]
_Method: TypeAlias = Callable[..., Any]

# Loop classes that look up at each call now: name of each method, the method, and the class's own
# before it, if any.
_overridden: dict[type, list[tuple[str, _Method, _Method | None]]] = {}


def switch() -> None:
    """Brings the imported loops into line, each time that other classes have come into force."""
    for number, (package, (class_name, make_create_task)) in enumerate(_KNOWN.items()):
        loop_class = getattr(sys.modules.get(package), class_name, None)
        if loop_class in _overridden:
            _restore(loop_class)
        elif loop_class is not None:
            # Imported under the classes that were in force until now, so those are what it makes.
            in_python = make_create_task(loop_class.create_task), _create_future
            create_task, create_future = quick_methods(loop_class, number, *in_python)
            _override(loop_class, "create_task", create_task)
            _override(loop_class, "create_future", create_future)


def _override(loop_class: type, name: str, method: _Method) -> None:
    own = vars(loop_class).get(name)
    _overridden.setdefault(loop_class, []).append((name, method, own))
    setattr(loop_class, name, method)


def _restore(loop_class: type) -> None:
    if any(vars(loop_class).get(name) is not method for name, method, _ in _overridden[loop_class]):
        return  # somebody has wrapped ours since: they stay, since they are right at any time
    for name, _, own in _overridden.pop(loop_class):
        if own is None:
            delattr(loop_class, name)
        else:
            setattr(loop_class, name, own)


def _create_future(self: AbstractEventLoop) -> Any:
    """Returns a new future on this loop."""
    future: Any = asyncio.futures.Future(loop=self)
    if future._source_traceback:
        del future._source_traceback[-1]
    return future


def _uvloop_create_task(original: _Method) -> _Method:
    """Returns uvloop's `create_task()`, `original` but for where it finds the class."""

    def create_task(
        self: AbstractEventLoop, coro: _Coro, *, name: str | None = None, **options: Any
    ) -> Any:
        """Schedules `coro` on this loop and returns its task."""
        is_strange = not options.keys() <= {"context", "eager_start"}
        if is_strange or self.is_closed() or self.get_task_factory() is not None:
            return original(self, coro, name=name, **options)
        if sys.version_info < (3, 13):
            options.pop("eager_start", None)  # uvloop takes it there, and leaves it unused
        task: Any = asyncio.tasks.Task(coro, loop=self, **options)
        if task._source_traceback:
            del task._source_traceback[-1]
        if name is not None:
            task.set_name(name)
        return task

    return create_task


def _rloop_create_task(original: _Method) -> _Method:
    """Returns rloop's `create_task()`, `original` but for where it finds the class."""

    def create_task(
        self: AbstractEventLoop,
        coro: _Coro,
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> Any:
        """Schedules `coro` on this loop and returns its task."""
        if self.is_closed() or self.get_task_factory() is not None:
            return original(self, coro, name=name, context=context)
        task: Any = asyncio.tasks.Task(coro, loop=self, name=name, context=context)
        if task._source_traceback:
            del task._source_traceback[-1]
        return task

    create_task.__qualname__ = original.__qualname__  # what errors call it
    return create_task


# Package, its loop class, what makes the `create_task()`.
_KNOWN = {
    "uvloop": ("Loop", _uvloop_create_task),
    "rloop": ("RLoop", _rloop_create_task),
}
