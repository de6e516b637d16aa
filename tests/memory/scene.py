"""Where an outcome plays: the classes, a loop, and witnesses of what is held."""

import asyncio
import contextvars
import sys

from support import new_loop, run_passes

_END = object()

# What every object can do without knowing: their counts move by themselves a little.
SINGLETONS = {"None": None, "True": True, "False": False}


class Witness:
    """Something to be held by what is tested; as long as it is held, it is found and counted."""

    def called(self, *_):
        """Serves as a callback that holds the witness."""


class Trouble(Exception):
    """What coroutines raise."""


def ignore(*_):
    """Serves as a callback and as an exception handler."""


class Scene:
    """Plays outcomes on the classes of `impl`, side by side on one loop.

    An outcome is a function that takes the scene and is a generator: where it yields, the loop
    runs. It may yield the number of passes that the loop is to make, or a function to be called
    once for all that play side by side.
    """

    variable = contextvars.ContextVar("variable")

    def __init__(self, impl, loop_kind="asyncio", debug=False):
        self.Future, self.Task = impl.Future, impl.Task
        self.SubFuture = type("SubFuture", (impl.Future,), {})
        self.SubTask = type("SubTask", (impl.Task,), {})
        self.loop_kind, self.debug = loop_kind, debug
        # Used by many objects, one after the other: their reference counts are watched.
        self.shared = Witness()
        self.shared_context = contextvars.Context()
        self.shared_name = "a name that is shared"
        self._open()

    def _open(self):
        self.loop = new_loop(self.loop_kind)
        self.loop.set_debug(self.debug)
        self.loop.set_exception_handler(ignore)

    def reopen(self):
        """Closes the loop with all that is scheduled, and goes on with a new one."""
        self.loop.close()
        self._open()

    def close(self):
        self.loop.close()

    def play(self, outcome, count):
        """Plays `count` objects of the outcome side by side, to their end."""
        plays = [outcome(self) for _ in range(count)]
        while True:
            for play in plays:
                pause = next(play, _END)
            if pause is _END:
                return
            if callable(pause):
                pause()
            else:
                self.run(pause or 1)

    def run(self, passes=1):
        run_passes(self.loop, passes)

    def future(self, cls=None):
        return (cls or self.Future)(loop=self.loop)

    def task(self, coro, cls=None, **options):
        return (cls or self.Task)(coro, loop=self.loop, **options)

    def context(self):
        """Returns a new context that holds a witness."""
        context = contextvars.Context()
        context.run(self.variable.set, Witness())
        return context

    def references(self):
        """The reference counts of what outlives every object, by name."""
        watched = {
            "loop": self.loop,
            "shared object": self.shared,
            "shared context": self.shared_context,
            "shared name": self.shared_name,
            "shared callback": ignore,
            "context variable": self.variable,
            "CancelledError": asyncio.CancelledError,
            "InvalidStateError": asyncio.InvalidStateError,
            "Trouble": Trouble,
            "Witness": Witness,
            "SubFuture": self.SubFuture,
            "SubTask": self.SubTask,
            **{cls.__name__: cls for cls in _core_classes(object)},
            **SINGLETONS,
        }
        return {name: sys.getrefcount(value) for name, value in watched.items()}


def _core_classes(base):
    """All classes that the Rust core has made, also those that have no name in the module."""
    for cls in type.__subclasses__(base):
        if cls.__module__ == "aioxide._core":
            yield cls
            yield from _core_classes(cls)
