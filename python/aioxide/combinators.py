"""Which of asyncio's functions are exchanged: for ones in Rust, a coroutine, and a short question.

`asyncio.wait()` itself stays: a coroutine function of asyncio's, whose coroutines have their names
and frames. What it calls inside is exchanged, and what it asks of each of its futures.
"""

import dis
from asyncio import AbstractEventLoop, Future, Handle, coroutines, tasks
from collections.abc import Coroutine
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeAlias

from aioxide import _core

_Futures: TypeAlias = set[Future[Any]]

_release_waiter = vars(tasks)["_release_waiter"]
_asyncio_wait = vars(tasks)["_wait"]
_asyncio_iscoroutine = vars(coroutines)["iscoroutine"]

_OURS = frozenset((_core.Future, _core.Task, _core._GatheringFuture))


def wait(
    fs: _Futures, timeout: float | None, return_when: str, loop: AbstractEventLoop
) -> Coroutine[Any, Any, tuple[_Futures, _Futures]]:
    """Returns a coroutine that waits for `fs` and returns the done ones and the others."""
    if not fs or type(fs) is not set or loop.get_debug():
        # Debug mode tells where in asyncio's code a future was made.
        return _asyncio_wait(fs, timeout, return_when, loop)  # type: ignore[no-any-return]
    return _wait(fs, timeout, return_when, loop)


# By this name it is seen in tracebacks and among the frames of a task.
async def _wait(
    fs: _Futures, timeout: float | None, return_when: str, loop: AbstractEventLoop
) -> tuple[_Futures, _Futures]:
    waiter = loop.create_future()
    handle: Handle | None = None
    if timeout is not None:
        handle = loop.call_later(timeout, _release_waiter, waiter)
    watch = _core.Watch(fs, waiter, handle, return_when)
    watch.start()
    try:
        await waiter
    finally:
        if handle is not None:
            handle.cancel()
        watch.stop()
    return watch.sort()


def _where_it_waits(code: CodeType) -> int:
    """Returns the line of the `await` in a function that has one."""
    return next(
        step.positions.lineno or 0
        for step in dis.get_instructions(code)
        if step.opname == "GET_AWAITABLE" and step.positions
    )


def _in_the_place_of(code: CodeType, theirs: CodeType) -> CodeType:
    """Returns `code` with its `await` in the file and on the line where `theirs` has it.

    That is where tracebacks and the call graph show a coroutine that waits.
    """
    shift = _where_it_waits(theirs) - _where_it_waits(code)
    return code.replace(co_filename=theirs.co_filename, co_firstlineno=code.co_firstlineno + shift)


def iscoroutine(obj: object) -> bool:
    """Return True if obj is a coroutine object."""
    # The abstract class that is asked about all others looks at them from many sides.
    return type(obj) not in _OURS and _asyncio_iscoroutine(obj)


iscoroutine.__annotations__ = {}  # it shows the signature that asyncio's has


# Module of asyncio's, name in there, what takes its place, and the functions inside asyncio's: with
# others inside it is that of a release whose ways are not known here.
_KNOWN: list[tuple[ModuleType, str, Any, set[str]]] = [
    (tasks, "gather", _core.gather, {"_done_callback"}),
    (tasks, "shield", _core.shield, {"_inner_done_callback", "_outer_done_callback"}),
    (tasks, "_wait", wait, {"_on_completion"}),
    (tasks, "create_task", _core.create_task, set()),
    (tasks, "ensure_future", _core.ensure_future, set()),
    (coroutines, "iscoroutine", iscoroutine, set()),
]
_ALSO_INSIDE = {"_clear_awaited_by_callback", "_wrap_awaitable"}


def _inside(function: object, module: ModuleType) -> set[str] | None:
    """Returns the names of the functions inside one of asyncio's; None for somebody else's."""
    if not isinstance(function, FunctionType) or function.__globals__ is not vars(module):
        return None
    constants = function.__code__.co_consts
    return {code.co_name for code in constants if isinstance(code, CodeType)} - _ALSO_INSIDE


# By name: asyncio's own, and what takes its place where nobody else's function is.
functions: dict[str, tuple[object, Any]] = {
    name: (vars(module)[name], ours)
    for module, name, ours, inside in _KNOWN
    if _inside(vars(module)[name], module) == inside
}
if "_wait" in functions:
    _wait.__code__ = _in_the_place_of(_wait.__code__, _asyncio_wait.__code__)
