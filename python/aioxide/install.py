"""Putting the Rust classes in the place of asyncio's own in a process, and taking them out again.

asyncio's modules and everything that looks its classes up there when it needs them follow at once.
The loops of uvloop and rloop look them up only once, when they are imported: those are handled in
`loops.py`.
"""

import asyncio
import threading
from asyncio import coroutines, futures, tasks
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from aioxide import _core, loops
from aioxide.combinators import functions
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
    for module in (asyncio, coroutines, tasks, futures):
        for name, ours in _replacements.items():
            if name in vars(module) and _may_be_replaced(name, vars(module)[name]):
                _replaced.append((module, name, vars(module)[name]))
                setattr(module, name, ours)


def _may_be_replaced(name: str, theirs: object) -> bool:
    """Returns whether `theirs` is a class, or the function that asyncio itself has.

    A function that somebody has put there or wrapped, as instrumentation does, stays in force.
    """
    return name not in functions or theirs is functions[name][0]


def _restore() -> None:
    while _replaced:
        module, name, theirs = _replaced.pop()
        if vars(module).get(name) is _replacements[name]:
            setattr(module, name, theirs)


# By the name that each goes under, in whichever of asyncio's modules have that name. The names that
# say which kind they are, such as `_PyTask` and `_CTask`, keep meaning that kind.
_replacements: dict[str, Any] = {
    "Future": _core.Future,
    "Task": _core.Task,
    "eager_task_factory": eager_task_factory,
    # What `asyncio.gather()` returns, which has to be an `asyncio.Future`.
    "_GatheringFuture": _core._GatheringFuture,
}
_replacements |= {name: ours for name, (_, ours) in functions.items()}
_replacements |= {
    name: getattr(_core, name)
    for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by")
    if hasattr(_core, name)
}
