"""asyncio's Task and Future, written in Rust.

`install()` puts the two classes in the place of asyncio's own in the whole process and
`uninstall()` takes them out again; `installed()` does both around a `with` block. `run()` is
`asyncio.run()` on Rust tasks and leaves the process as it is; `task_factory` and
`eager_task_factory` are for one loop, by `loop.set_task_factory()`. `python -m aioxide program.py`
runs a program that knows nothing of all this.

`to_thread()`, `read_file()` and `write_file()` are futures that Rust completes, on any loop;
`configure_runtime()` says how many threads there are for that.
"""

from typing import NamedTuple

from aioxide import registry
from aioxide._core import (
    Future,
    Task,
    __version__,
    configure_runtime,
    counts,
    read_file,
    to_thread,
    write_file,
)
from aioxide.factories import eager_task_factory, task_factory
from aioxide.install import install, installed, uninstall
from aioxide.runners import run

__all__ = [
    "Future",
    "Stats",
    "Task",
    "__version__",
    "configure_runtime",
    "eager_task_factory",
    "install",
    "installed",
    "read_file",
    "run",
    "stats",
    "task_factory",
    "to_thread",
    "uninstall",
    "write_file",
]


registry.share()


class Stats(NamedTuple):
    """How many tasks and futures the Rust classes and their subclasses have made."""

    tasks: int
    futures: int
    """Futures that are not tasks."""


def stats() -> Stats:
    """Returns how many tasks and futures the Rust classes have made since this process began."""
    return Stats(*counts())
