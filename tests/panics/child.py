"""Sweeps through all scenarios; prints a line for each and ends with status 1 on a complaint.

To be run with the build for it on the path.
"""

import asyncio
import gc
import sys
import types

import aioxide
from aioxide import Future, Task, _core

from panics import entry_points
from panics.sweep import sweep

# A loop whose queue is known, and one that is asked by call_soon().
KINDS = ("asyncio", "minimal")

# Kept by the class for the interpreter, or data.
NO_ENTRY = {"__module__", "__doc__", "__dict__", "__weakref__"}

# What only this build has.
TOOLS = {"panic_at", "points_passed"}


def specimens():
    """An object of each class, also of those that are in no module, and the table of the class."""
    loop = asyncio.SelectorEventLoop()
    future = Future(loop=loop)
    task = Task(asyncio.sleep(0), loop=loop)
    (handle,) = loop._ready
    loop.run_until_complete(task)
    loop.close()
    return (
        (future, entry_points.FUTURE),
        (task, entry_points.TASK),
        (iter(future), entry_points.ITERATOR),
        (handle, entry_points.HANDLE),
    )


def missing():
    """The entry points that no table has."""
    for specimen, table in specimens():
        cls = type(specimen)
        names = vars(cls).keys() - NO_ENTRY
        # A setter is told apart from an attribute that cannot be set by trying.
        setters = {f"{name} =" for name in names if can_be_set(specimen, name)}
        yield from (f"{cls.__name__}.{name}" for name in (names | setters) - table.keys())
    functions = {name for name in vars(_core) if callable(getattr(_core, name))}
    yield from functions - entry_points.MODULE.keys() - {"Future", "Task", *TOOLS}


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
    for specimen, table in specimens():
        cls = type(specimen)
        for name, ways in table.items():
            if name.removesuffix(" =") in vars(cls):
                yield from ((f"{cls.__name__}.{name}", way, "asyncio") for way in ways)
    for name, ways in entry_points.MODULE.items():
        yield from ((f"{name}()", way, "asyncio") for way in ways)
    for kind in KINDS:
        yield from ((f"{name}, {kind}", way, kind) for name, way in entry_points.LOOP.items())


def main():
    """Returns whether anything is amiss."""
    failed = False
    for name in missing():
        failed = True
        print(f"{name}: not in the table")
    for name, scenario, kind in scenarios():
        points, complaints = sweep(scenario, kind)
        print(f"{name}: {points} panics")
        if not points:
            complaints.append("no point was passed")
        for complaint in complaints:
            failed = True
            print(f"{name}: {complaint}")
    return failed


if __name__ == "__main__":
    aioxide.install()
    gc.freeze()  # what is there already is no garbage of the scenarios
    sys.exit(main())
