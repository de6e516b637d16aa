"""Sweeps through all scenarios; prints a line for each and ends with status 1 on a complaint.

To be run with the build for it on the path.
"""

import asyncio
import gc
import sys
import threading
import types

import aioxide
from aioxide import Future, _core
from support import LoopMissing, new_loop

from panics import entry_points
from panics.sweep import World, sweep

# A loop whose queue is known, one that is asked by call_soon(), and one that is asked once for
# several tasks.
KINDS = ("asyncio", "minimal", "uvloop")

# Kept by the class for the interpreter, or data.
NO_ENTRY = {"__module__", "__doc__", "__dict__", "__weakref__"}

# What only this build has.
TOOLS = {"panic_at", "points_passed", "stream_of_numbers"}

# Nobody can change the class, as those written in Python can be (`Py_TPFLAGS_IMMUTABLETYPE`).
IMMUTABLE = 1 << 8


def specimens():
    """An object of each class, also of those that are in no module, and the table of the class."""
    world = World(asyncio.SelectorEventLoop())
    future, task = entry_points.pending(world), entry_points.new_task(world)
    (handle,) = world.loop._ready
    yield future, entry_points.FUTURE
    yield task, entry_points.TASK
    yield iter(future), entry_points.ITERATOR
    yield handle, entry_points.HANDLE
    yield entry_points.resume(world), entry_points.RESUME
    if (several := entry_points.several(world)) is not None:
        yield several, entry_points.SEVERAL
    yield entry_points.gathering(world), entry_points.GATHERING
    yield entry_points.watch(world), entry_points.WATCH
    yield entry_points.done_callback(world), entry_points.DONE_CALLBACK
    drain, stream = world.loop.run_until_complete(drain_and_stream(world.loop))
    yield drain, entry_points.DRAIN
    yield stream, entry_points.STREAM
    world.loop.close()


async def drain_and_stream(loop):
    """What the loop has to watch while the runtime works for it; and an iterator."""
    gate = threading.Event()
    waiting = _core.to_thread(gate.wait)
    watched = [key.data[0]._callback for key in loop._selector.get_map().values()]
    (drain,) = (callback for callback in watched if not isinstance(callback, types.MethodType))
    gate.set()
    await waiting
    return drain, _core.stream_of_numbers()


def classes():
    """All classes of the core that have been used by now."""
    for cls in (*object.__subclasses__(), *Future.__subclasses__()):
        hidden = cls.__module__ == "asyncio.tasks" and cls.__flags__ & IMMUTABLE
        if hidden or cls.__module__ in ("aioxide", "aioxide._core"):
            yield cls
    yield from (value for value in vars(_core).values() if isinstance(value, type))


def missing():
    """The entry points that no table has."""
    known = set()
    for specimen, table in specimens():
        cls = type(specimen)
        known.add(cls)
        names = vars(cls).keys() - NO_ENTRY
        # A setter is told apart from an attribute that cannot be set by trying.
        setters = {f"{name} =" for name in names if can_be_set(specimen, name)}
        yield from (f"{cls.__name__}.{name}" for name in (names | setters) - table.keys())
    yield from (cls.__name__ for cls in set(classes()) - known)
    functions = {name for name, value in vars(_core).items() if callable(value)}
    functions -= {name for name, value in vars(_core).items() if isinstance(value, type)}
    yield from functions - entry_points.MODULE.keys() - TOOLS


def can_be_set(specimen, name):
    descriptor = vars(type(specimen))[name]
    if not isinstance(descriptor, types.GetSetDescriptorType):
        return False
    try:
        descriptor.__set__(specimen, None)
    except AttributeError:
        return False
    except TypeError:
        return True  # it has looked at the value
    return True


def scenarios():
    # First, while the runtime is not used yet.
    for name, ways in entry_points.MODULE.items():
        yield from ((f"{name}()", way, "asyncio") for way in ways)
    for specimen, table in specimens():
        cls = type(specimen)
        for name, ways in table.items():
            if name.removesuffix(" =") in vars(cls):
                yield from ((f"{cls.__name__}.{name}", way, "asyncio") for way in ways)
    yield from ((name, way, "asyncio") for name, way in entry_points.STOCK_LOOP.items())
    for kind in filter(is_installed, KINDS):
        yield from ((f"{name}, {kind}", way, kind) for name, way in entry_points.LOOP.items())


def is_installed(kind):
    try:
        new_loop(kind).close()
    except LoopMissing:
        return False
    return True


def main():
    """Returns whether anything is amiss."""
    failed = False
    for name, scenario, kind in scenarios():
        points, complaints = sweep(scenario, kind)
        print(f"{name}: {points} panics")
        if not points:
            complaints.append("no point was passed")
        for complaint in complaints:
            failed = True
            print(f"{name}: {complaint}")
    # At the end, when every class there is has been used.
    for name in missing():
        failed = True
        print(f"{name}: not in the table")
    return failed


if __name__ == "__main__":
    aioxide.install()
    _core.configure_runtime(blocking_threads=1)
    gc.freeze()  # what is there already is no garbage of the scenarios
    sys.exit(main())
