"""The Rust extension: the classes, and the functions that go with them.

The classes are declared as subclasses of asyncio's, as type checkers should see them: instances are
taken wherever asyncio's are, and `isinstance()` says yes. In memory they have nothing of asyncio's,
and `issubclass()` says no.
"""

import asyncio
import sys
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from os import PathLike
from traceback import StackSummary
from types import FrameType, GenericAlias
from typing import Any, Generic, Literal, ParamSpec, Self, TextIO, TypeAlias, TypeVar, final

from typing_extensions import Buffer, disjoint_base

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_P = ParamSpec("_P")

_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]

# A generator does on 3.11 only; but loops are declared to call their task factory with either.
_Coro: TypeAlias = Coroutine[Any, Any, _T_co] | Generator[Any, None, _T_co]

__all__ = [
    "Future",
    "Task",
    "Watch",
    "_GatheringFuture",
    "__version__",
    "configure_runtime",
    "counts",
    "create_task",
    "ensure_future",
    "gather",
    "quick_methods",
    "read_file",
    "register_task",
    "registered_tasks",
    "shield",
    "to_thread",
    "unregister_task",
    "write_file",
]
if sys.version_info >= (3, 14):
    __all__ += ["future_add_to_awaited_by", "future_discard_from_awaited_by"]

__version__: str

def counts() -> tuple[int, int]:
    """Returns how many tasks, and how many other futures, this process has made so far."""

def configure_runtime(
    *, worker_threads: int | None = None, blocking_threads: int | None = None
) -> None:
    """Says how many threads the runtime gets for Rust futures and, at most, for blocking calls.

    By default one a processor core, and 512. RuntimeError once the runtime has been used,
    ValueError below 1.
    """

def to_thread(func: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
    """Calls `func` in a thread of the runtime, in a copy of the current context.

    Returns a future of what it returns or raises. A call that has begun goes on when the future is
    cancelled.
    """

def read_file(path: _Path, /) -> Future[bytes]:
    """Returns a future of the content of the file; it raises OSError as `open()` does."""

def write_file(path: _Path, data: Buffer, /) -> Future[int]:
    """Writes the file anew; returns a future of the number of bytes.

    It raises OSError as `open()` does.
    """

_bridge_api: Any  # the capsule for other extensions

def quick_methods(
    loop_class: type,
    package: int,
    create_task: Callable[..., Any],
    create_future: Callable[..., Any],
    /,
) -> tuple[Any, Any]:
    """Returns a `create_task` and a `create_future` to be put into `loop_class`.

    They call the ones given where a call is not an ordinary one. `package` says which package the
    class is of: 0 for uvloop, 1 for rloop.
    """

def register_task(task: Task[Any], /) -> None:
    """Makes `task` known to `asyncio.all_tasks()`, which does not keep it alive."""

def unregister_task(task: Task[Any], /) -> None:
    """Makes `task` unknown again."""

def registered_tasks() -> list[Task[Any]]:
    """Returns the tasks that are known, of every loop, but for some that are done."""

@disjoint_base
class Future(asyncio.Future[_T]):
    """A result that is not there yet: pending, then finished or cancelled, once.

    `loop` is the event loop that runs its callbacks; by default the one that `asyncio.Future`
    takes.
    """

    def __init__(self, *, loop: AbstractEventLoop | None = None) -> None: ...
    def __del__(self) -> None:
        """Reports an exception that nobody has asked for to the loop's exception handler."""

    def __class_getitem__(cls, key: Any, /) -> GenericAlias: ...
    def __iter__(self) -> Generator[Any, None, _T]: ...
    def __await__(self) -> Generator[Any, None, _T]: ...
    def get_loop(self) -> AbstractEventLoop:
        """Returns the event loop that this future belongs to."""

    def result(self) -> _T:
        """Returns the result or raises the exception.

        CancelledError where the future is cancelled, InvalidStateError where it is pending.
        """

    def exception(self) -> BaseException | None:
        """Returns the exception, or None where there is a result.

        CancelledError where the future is cancelled, InvalidStateError where it is pending.
        """

    def set_result(self, result: _T, /) -> None:
        """Finishes the future with a result; InvalidStateError where it is done already."""

    def set_exception(self, exception: type[Any] | BaseException, /) -> None:
        """Finishes the future with an exception; a class is called to make one.

        InvalidStateError where it is done already, TypeError for what is no exception or cannot be
        raised into one who awaits: StopIteration.
        """

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancels the future and returns True, or returns False where it is done already.

        `msg` becomes the argument of the CancelledError.
        """

    def cancelled(self) -> bool:
        """Returns whether the future has been cancelled."""

    def done(self) -> bool:
        """Returns whether the future is finished or cancelled."""

    def add_done_callback(
        self, fn: Callable[[Self], object], /, *, context: Context | None = None
    ) -> None:
        """Has the loop call `fn(self)` when the future is done, soon where it is done already.

        The call is made in `context`, by default in a copy of the current one.
        """

    def remove_done_callback(self, fn: Callable[[Self], object], /) -> int:
        """Removes every callback that equals `fn` and returns how many there were."""

    _state: str
    """Where in its life the future is: `PENDING`, `CANCELLED` or `FINISHED`; cannot be set."""

    @property
    def _result(self) -> Any:
        """The result, or None."""

    @property
    def _exception(self) -> BaseException | None:
        """The exception, or None; to read it here does not count as having asked for it."""

    @property
    def _loop(self) -> AbstractEventLoop:
        """What `get_loop()` returns."""

    @property
    def _callbacks(self) -> Any:
        """A list of pairs (callback, context), or None where there are none."""

    @property
    def _source_traceback(self) -> StackSummary | None:
        """In debug mode the calls that made the future, a list that may be shortened; else None."""

    @property
    def _log_traceback(self) -> bool:
        """Whether the exception is reported if nobody asks for it; can be set to False only."""

    @_log_traceback.setter
    def _log_traceback(self, val: Literal[False]) -> None: ...

    _cancel_message: Any
    """What `cancel()` was given."""

    _asyncio_future_blocking: bool
    """Set by `await` before it yields the future, to tell that from a bare `yield`."""

    def _make_cancelled_error(self) -> asyncio.CancelledError:
        """Returns the CancelledError to raise, with the message that `cancel()` was given."""

    if sys.version_info >= (3, 14):
        @property
        def _asyncio_awaited_by(self) -> frozenset[asyncio.Future[Any]] | None:
            """The futures, mostly tasks, that wait for this one; None where there are none."""

# To be ignored: that asyncio.Task, too, has a memory layout of its own; and that a task gives only
# what it is declared for, while a future also takes it: `set_result()` of a task only raises.
@disjoint_base
class Task(Future[_T_co], asyncio.Task[_T_co], Generic[_T_co]):  # type: ignore[misc, type-var]
    """A future that runs a coroutine on an event loop.

    `loop` is the running loop by default, `name` is `Task-N`, `context` a copy of the current one.
    With `eager_start` and its loop running, the coroutine runs at once to its first suspension;
    `eager_start` works on 3.11 as well.
    """

    def __init__(
        self,
        coro: _Coro[_T_co],
        *,
        loop: AbstractEventLoop | None = None,
        name: object = None,
        context: Context | None = None,
        eager_start: bool = False,
    ) -> None: ...
    def __del__(self) -> None:
        """Reports a task that is pending still, and an exception that nobody has asked for."""

    def set_result(self, result: object, /) -> None:
        """RuntimeError: a task's result is its coroutine's."""

    def set_exception(self, exception: object, /) -> None:
        """RuntimeError: a task's exception is its coroutine's."""

    def cancel(self, msg: Any | None = None) -> bool:
        """Has CancelledError raised in the coroutine, with the argument `msg`, and returns True.

        Returns False where the task is done already. The coroutine may catch the error and go on.
        """

    def cancelling(self) -> int:
        """Returns how many requests to cancel there are that `uncancel()` has not taken back."""

    def uncancel(self) -> int:
        """Takes back one request to cancel and returns how many are left."""

    if sys.version_info >= (3, 12):
        def get_coro(self) -> Coroutine[Any, Any, _T_co] | None:
            """Returns the coroutine that the task runs.

            None where the task was started eagerly and ended at once.
            """
    else:
        def get_coro(self) -> _Coro[_T_co]:
            """Returns the coroutine that the task runs."""

    def get_context(self) -> Context:
        """Returns the context that the coroutine runs in."""

    def get_name(self) -> str:
        """Returns the name of the task."""

    def set_name(self, value: object, /) -> None:
        """Names the task `str(value)`."""

    def get_stack(self, *, limit: int | None = None) -> list[FrameType]:
        """Returns the frames of the suspended coroutine, or of the exception's traceback.

        Outermost first; nothing where the task has ended well or is cancelled. `limit` is the most
        to return: the innermost of a stack, the outermost of a traceback.
        """

    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None:
        """Prints what `get_stack()` returns, to standard error unless there is a `file`."""

    @property
    def _coro(self) -> Any:
        """What `get_coro()` returns."""

    @property
    def _fut_waiter(self) -> asyncio.Future[Any] | None:
        """The future that the coroutine waits for."""

    @property
    def _must_cancel(self) -> bool:
        """Whether CancelledError is raised in the coroutine at its next step."""

    _log_destroy_pending: bool
    """Whether the task is reported if it is gone while it is pending."""

@disjoint_base
class _GatheringFuture(Future[list[Any]]):
    """What `gather()` returns: done when its children are, and they are what `cancel()` cancels."""

    def __init__(self, children: Any, *, loop: AbstractEventLoop) -> None: ...
    def cancel(self, msg: Any | None = None) -> bool:
        """Cancels the children and returns True, or False where there was nothing to cancel."""

    _children: Any
    """The futures in the order of the arguments of `gather()`, some of them several times."""

    _cancel_requested: bool
    """Whether `cancel()` has found children to cancel."""

def gather(
    *coros_or_futures: Awaitable[Any], return_exceptions: bool = False
) -> asyncio.Future[list[Any]]:
    """Is `asyncio.gather()`; what it does not do itself it has asyncio's own function do."""

def shield(arg: Awaitable[_T]) -> asyncio.Future[_T]:
    """Is `asyncio.shield()`; what it does not do itself it has asyncio's own function do."""

if sys.version_info >= (3, 14):
    def create_task(coro: _Coro[_T], **kwargs: Any) -> asyncio.Task[_T]:
        """Is `asyncio.create_task()`; has asyncio's own function do what it does not do itself."""

else:
    def create_task(
        coro: _Coro[_T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[_T]:
        """Is `asyncio.create_task()`; has asyncio's own function do what it does not do itself."""

def ensure_future(
    coro_or_future: Awaitable[_T], *, loop: AbstractEventLoop | None = None
) -> asyncio.Future[_T]:
    """Is `asyncio.ensure_future()`; all but what is a future already is left to asyncio's own."""

@final
class Watch:
    """Watches futures for `asyncio.wait()`.

    `waiter` gets the result None, and `timeout_handle` is cancelled, when what `return_when` names
    has happened to the futures.
    """

    def __new__(
        cls,
        futures: set[asyncio.Future[Any]],
        waiter: asyncio.Future[None],
        timeout_handle: asyncio.Handle | None,
        return_when: str,
        /,
    ) -> Self: ...
    def start(self) -> None:
        """Begins to watch."""

    def stop(self) -> None:
        """Watches no more."""

    def sort(self) -> tuple[set[asyncio.Future[Any]], set[asyncio.Future[Any]]]:
        """Returns the futures that are done, and those that are not."""

if sys.version_info >= (3, 14):
    def future_add_to_awaited_by(fut: asyncio.Future[Any], waiter: asyncio.Future[Any], /) -> None:
        """Notes that `waiter` waits for `fut`; does nothing for what is no future."""

    def future_discard_from_awaited_by(
        fut: asyncio.Future[Any], waiter: asyncio.Future[Any], /
    ) -> None:
        """Notes that `waiter` no longer waits for `fut`."""
