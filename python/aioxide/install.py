"""Putting the Rust classes in the place of asyncio's own in a process, and taking them out again.

asyncio's modules and everything that looks its classes up there when it needs them follow at once.
The loops of uvloop and rloop look them up only once, when they are imported: those are handled in
`loops.py`.
"""

import asyncio
import threading
from asyncio import futures, tasks
from collections.abc import Iterator
from contextlib import contextmanager
from types import CellType, FunctionType, ModuleType
from typing import Any

from aioxide import _core, loops
from aioxide.factories import eager_task_factory

# Guards what follows: which names hold our objects now, and what they held before.
_lock = threading.Lock()
_replaced: list[tuple[ModuleType, str, object]] = []


def install() -> None:
    """Makes `asyncio.Task` and `asyncio.Future` the Rust classes in this process, if they are not.

    Tasks and futures that exist stay what they are, and so does a task factory that a loop has.
    """
    with _lock:
        if not _replaced:
            _replace()
            loops.switch()


def uninstall() -> None:
    """Puts back what `install()` has replaced; does nothing where nothing is installed.

    Rust tasks that exist go on to their end. A name that holds something else than what `install()`
    put there is left.
    """
    with _lock:
        if _replaced:
            _restore()
            loops.switch()


@contextmanager
def installed() -> Iterator[None]:
    """A context manager: installed within it, and afterwards only if that was so before."""
    before = bool(_replaced)
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()


def _replace() -> None:
    for module in (asyncio, tasks, futures):
        for name, ours in _replacements.items():
            if name in vars(module):
                _replaced.append((module, name, vars(module)[name]))
                setattr(module, name, ours)


def _restore() -> None:
    while _replaced:
        module, name, theirs = _replaced.pop()
        if vars(module).get(name) is _replacements[name]:
            setattr(module, name, theirs)


def _on_rust(stock: type) -> type:
    """Returns the class `stock`, a subclass of the built-in Future, over the Rust one instead.

    The methods are the same code; only their `__class__`, which `super()` reads, is the new class.
    Instances pass for those of `stock`, as Rust futures pass for built-in ones.
    """
    hidden = ("__dict__", "__weakref__")
    members = {name: value for name, value in vars(stock).items() if name not in hidden}
    members["__class__"] = property(lambda self: stock)
    rust = type(stock.__name__, (_core.Future,), members)
    for name, method in members.items():
        if isinstance(method, FunctionType) and method.__closure__:
            setattr(rust, name, _with_class(method, rust))
    return rust


def _with_class(method: FunctionType, owner: type) -> FunctionType:
    cells = zip(method.__code__.co_freevars, method.__closure__ or (), strict=True)
    closure = tuple(CellType(owner) if name == "__class__" else cell for name, cell in cells)
    copy = FunctionType(
        method.__code__, method.__globals__, method.__name__, method.__defaults__, closure
    )
    copy.__kwdefaults__ = method.__kwdefaults__
    return copy


# By the name that each goes under, in whichever of asyncio's modules have that name. The names that
# say which kind they are, such as `_PyTask` and `_CTask`, keep meaning that kind.
_replacements: dict[str, Any] = {
    "Future": _core.Future,
    "Task": _core.Task,
    "eager_task_factory": eager_task_factory,
    # What `asyncio.gather()` returns, which has to be an `asyncio.Future`.
    "_GatheringFuture": _on_rust(vars(tasks)["_GatheringFuture"]),
} | {
    name: getattr(_core, name)
    for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by")
    if hasattr(_core, name)
}
