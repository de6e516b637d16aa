"""Where programs run: on which classes, made by whom, on which loop. Two sides that must agree."""

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import aioxide
from support.implementations import BuiltinFuture, BuiltinTask

EAGER = sys.version_info >= (3, 12)
EAGER_BY_LOOP = sys.version_info >= (3, 14)
CALL_GRAPH = sys.version_info >= (3, 14)


@dataclass
class Side:
    """The classes that the objects of a program are of."""

    Task: type
    Future: type
    other_task: type
    other_future: type
    loop: str = "asyncio"
    # A context manager in which `asyncio.Task` and `.Future` are what the loop is to find there.
    in_force: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext
    task_factory: Callable | None = None
    eager_task_factory: Callable | None = None
    # Whether all tasks without a name are of one class, so that their numbers can be compared.
    numbered: bool = True
    # Whether both sides keep the call graph.
    graph: bool = CALL_GRAPH
    # Whether tasks remember where they were made just as on the other side.
    debug: bool = True
    SubTask: type = field(init=False)
    SubFuture: type = field(init=False)

    def __post_init__(self):
        self.SubTask = type("SubTask", (self.Task,), {})
        self.SubFuture = type("SubFuture", (self.Future,), {})


@dataclass(frozen=True)
class Setting:
    """A side that is right by definition, and one that is to be like it."""

    reference: Side
    tested: Side


def _builtin(**options):
    if EAGER:
        options["eager_task_factory"] = asyncio.eager_task_factory
    return Side(BuiltinTask, BuiltinFuture, BuiltinTask, BuiltinFuture, **options)


def _installed(loop):
    """Everything is Rust but for some objects that programs ask for by class."""
    # In an eager step that uvloop's create_task() has begun, the task was made by aioxide's
    # create_task() for it; afterwards that is forgotten.
    debug = not (loop == "uvloop" and EAGER_BY_LOOP)
    rust = Side(
        aioxide.Task,
        aioxide.Future,
        BuiltinTask,
        BuiltinFuture,
        loop=loop,
        debug=debug,
        in_force=aioxide.installed,
        eager_task_factory=aioxide.eager_task_factory,
    )
    return Setting(_builtin(loop=loop, debug=debug), rust)


def _factory(loop):
    """Tasks are Rust, the futures of the loop and of asyncio's functions are built in."""
    options = {"loop": loop, "numbered": False, "graph": False, "debug": False}
    rust = Side(
        aioxide.Task,
        BuiltinFuture,
        BuiltinTask,
        aioxide.Future,
        task_factory=aioxide.task_factory,
        eager_task_factory=aioxide.eager_task_factory,
        **options,
    )
    return Setting(_builtin(task_factory=_builtin_factory, **options), rust)


def _builtin_factory(loop, coro, **kwargs):
    # Loops name the tasks of factories in ways of their own: there is one on both sides.
    return BuiltinTask(coro, loop=loop, **kwargs)


# What makes each setting, by name.
SETTINGS = {
    "installed": partial(_installed, "asyncio"),
    "factory": partial(_factory, "asyncio"),
    "own selector": partial(_installed, "own selector"),
    "subclass": partial(_installed, "subclass"),
}
if importlib.util.find_spec("uvloop"):
    SETTINGS["uvloop"] = partial(_installed, "uvloop")
    SETTINGS["uvloop factory"] = partial(_factory, "uvloop")
# Those that the programs of a long run are run in by turns: the usual one more often.
ROTATION = [
    "installed",
    "factory",
    "installed",
    "uvloop",
    "own selector",
    "subclass",
    "uvloop factory",
]
ROTATION = [name for name in ROTATION if name in SETTINGS]


@cache
def setting(name):
    """Returns the setting of that name."""
    return SETTINGS[name]()
