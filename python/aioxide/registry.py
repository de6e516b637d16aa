"""How `asyncio.all_tasks()` comes to see Rust tasks.

asyncio keeps tasks that are not of its own kind in a set of weak references, which takes a call in
Python and an object for each of them. Rust tasks are in a list of their own, which takes neither.
So that set is taught to count what is in the list among its members: every `all_tasks()` then sees
Rust tasks, whoever has imported it and when, and `_register_task()` and `_unregister_task()` work
for both.
"""

import weakref
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

from aioxide import _core

# After aioxide._core, which imports asyncio: it must be whole before its C module is asked for.
import _asyncio  # isort: skip


class _TasksOfBothKinds(WeakSet[Any]):
    """asyncio's set of tasks, and the Rust tasks that are registered."""

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        yield from _core.registered_tasks()

    def __len__(self) -> int:
        return super().__len__() + len(_core.registered_tasks())

    def __contains__(self, item: object) -> bool:
        return super().__contains__(item) or any(item is task for task in _core.registered_tasks())

    def add(self, item: Any) -> None:
        if issubclass(type(item), _core.Task):
            _core.register_task(item)
        else:
            super().add(item)

    def discard(self, item: Any) -> None:
        if issubclass(type(item), _core.Task):
            _core.unregister_task(item)
        else:
            super().discard(item)


class _Probe:
    """A foreign task, as far as the registry of asyncio is concerned."""


def _tasks_of_other_kinds() -> Any:
    """Returns the set that asyncio's `_register_task()` writes to; 3.14 has no name for it.

    Each of its members is held by a weak reference, whose callback knows the set.
    """
    probe: Any = _Probe()
    _asyncio._register_task(probe)
    [reference] = weakref.getweakrefs(probe)
    callback: Any = reference.__callback__
    _asyncio._unregister_task(probe)
    return callback.__defaults__[0]()


def share() -> None:
    """Makes asyncio's set of tasks one of both kinds, if it is not."""
    known = _tasks_of_other_kinds()
    if type(known) is WeakSet:
        known.__class__ = _TasksOfBothKinds
