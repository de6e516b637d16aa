"""`run()`: `asyncio.run()` on Rust tasks, with the process left as it is."""

import asyncio
import sys
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from aioxide.factories import eager_task_factory, task_factory

_T = TypeVar("_T")
if sys.version_info >= (3, 14):
    _Main: TypeAlias = Awaitable[_T]
else:
    _Main: TypeAlias = Coroutine[Any, Any, _T]

# Read before anything can have been installed in its place.
_ASYNCIO_EAGER_TASK_FACTORY = getattr(asyncio, "eager_task_factory", None)


def run(
    main: _Main[_T],
    *,
    debug: bool | None = None,
    loop_factory: Callable[[], AbstractEventLoop] | None = None,
) -> _T:
    """Runs `main` on a new event loop whose tasks are Rust tasks, and returns its result.

    All else is as `asyncio.run()` has it in this version of Python: what it takes and refuses,
    Ctrl-C, what is cancelled and closed at the end. `loop_factory` makes the loop, also on 3.11. A
    loop that comes with a task factory keeps it, but for asyncio's eager one, which becomes the
    eager one of this package.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
        _use_rust_tasks(runner.get_loop())
        return runner.run(main)


def _use_rust_tasks(loop: AbstractEventLoop) -> None:
    present = loop.get_task_factory()
    if present is None:
        loop.set_task_factory(task_factory)
    elif present is _ASYNCIO_EAGER_TASK_FACTORY:
        loop.set_task_factory(eager_task_factory)
