"""Task factories, for `loop.set_task_factory()`: one loop on Rust tasks, and no other."""

import asyncio
import sys
from asyncio import AbstractEventLoop
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any, TypeAlias, TypeVar

from aioxide._core import Task

_T = TypeVar("_T")
_Coro: TypeAlias = Coroutine[Any, Any, _T] | Generator[Any, None, _T]


def task_factory(loop: AbstractEventLoop, coro: _Coro[_T], **kwargs: Any) -> Task[_T]:
    """Returns a new Rust task that runs `coro` on `loop`.

    `kwargs` are those of `Task`: `name`, `context`, `eager_start`; loops differ in which of them
    they pass.
    """
    task = Task(coro, loop=loop, **kwargs)
    _hide_makers(task, loop)
    return task


def _hide_makers(task: Task[Any], loop: AbstractEventLoop) -> None:
    """Ends the task's source traceback where that of a task made by the loop itself ends."""
    if not (calls := task._source_traceback):
        return
    del calls[-1]
    # None where it is not written in Python and so has no line there.
    create_task = getattr(type(loop).create_task, "__code__", None)
    if create_task and calls and calls[-1].filename == create_task.co_filename:
        del calls[-1]


if sys.version_info >= (3, 12):
    # Made by asyncio's own maker: libraries know an eager factory by the code object that all of
    # those share.
    eager_task_factory = asyncio.create_eager_task_factory(Task)
else:

    def eager_task_factory(
        loop: AbstractEventLoop,
        coro: _Coro[_T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> Task[_T]:
        """Returns a new Rust task on `loop` that has run `coro` to its first suspension already."""
        return Task(coro, loop=loop, name=name, context=context, eager_start=True)
