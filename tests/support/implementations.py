"""The two implementations that every contract test runs on: the interpreter's own and ours."""

import asyncio
import contextlib

# Taken from the C module, which `aioxide.install()` leaves alone: always the interpreter's own.
from _asyncio import Future as BuiltinFuture
from _asyncio import Task as BuiltinTask
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

IMPLEMENTATIONS = ("builtin", "rust")


@dataclass(frozen=True)
class Implementation:
    """One pair of classes, and the ways to make a loop or the whole process use them."""

    name: str
    Future: type
    Task: type
    task_factory: Callable[..., Any]
    # None where the interpreter has no eager tasks and the implementation does not add them.
    eager_task_factory: Callable[..., Any] | None
    # A context manager: within it `asyncio.Task` and `asyncio.Future` are these classes.
    in_force: Callable[[], contextlib.AbstractContextManager]

    def __repr__(self):
        return self.name


def implementation(name):
    """Returns the implementation called `name`; ImportError where aioxide is not installed."""
    return {"builtin": _builtin, "rust": _rust}[name]()


def _builtin():
    return Implementation(
        name="builtin",
        Future=BuiltinFuture,
        Task=BuiltinTask,
        task_factory=_builtin_task_factory,
        eager_task_factory=getattr(asyncio, "eager_task_factory", None),
        in_force=contextlib.nullcontext,
    )


def _builtin_task_factory(loop, coro, **kwargs):
    return BuiltinTask(coro, loop=loop, **kwargs)


def _rust():
    import aioxide

    return Implementation(
        name="rust",
        Future=aioxide.Future,
        Task=aioxide.Task,
        task_factory=aioxide.task_factory,
        eager_task_factory=aioxide.eager_task_factory,
        in_force=aioxide.installed,
    )
