"""How much there is: live objects, references to what stays, and memory of three kinds."""

import ctypes
import gc
import resource
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from memory.scene import SINGLETONS

# What may differ though nothing leaks: free lists, tables that grow, fragments. Of objects and of
# references to what only the outcome uses, nothing may. `resident` may grow by an arena of the
# interpreter's, which is a mebibyte, and some fragments; a page for each object would be more.
SLACK = {"blocks": 100, "malloc": 250_000, "resident": 1_300_000, "total": 200}
# Bytes of `malloc` for each object; no piece it hands out takes less than 32. The most, above, is
# what glibc keeps for a thread of pieces that were freed, and counts as handed out.
_SLACK_OF_ONE, _SLACK_OF_ALL = 8, 8_000
# On 3.11 the interpreter gives up some two hundred references to None at once, now and then and
# however much is played. One for each object, either way, is still found: 500 is the least.
_SLACK_OF_SINGLETONS = 300

_PAGE = resource.getpagesize()


class _Mallinfo(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _find_mallinfo():
    """glibc's `mallinfo2`, where it is: what Rust and large objects take is seen there."""
    try:
        function = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return None
    function.restype = _Mallinfo
    return function


_mallinfo = _find_mallinfo()
_total_references = getattr(sys, "gettotalrefcount", None)


@dataclass(frozen=True)
class Reading:
    """What was there at one moment. None: this interpreter or system does not say."""

    # Objects that the garbage collector knows, by class; without those that are frozen.
    objects: Counter
    references: dict[str, int]
    # Pieces of memory that Python's own allocator has handed out.
    blocks: int
    # Bytes that `malloc` has handed out.
    malloc: int | None
    # Bytes of the process that are in memory.
    resident: int
    # All references of the process: a debug build counts them.
    total: int | None


def take(references):
    """Collects the garbage and reads. `references()` counts those to what stays."""
    for _ in range(3):  # what finalisers let go of, too
        gc.collect()
    return Reading(
        # In this order: what is read later counts what was read before.
        total=_total_references and _total_references(),
        blocks=sys.getallocatedblocks(),
        malloc=_mallinfo and _mallinfo().uordblks,
        resident=_resident(),
        references=references(),
        objects=Counter(map(_class_name, gc.get_objects())),
    )


def _class_name(thing):
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _resident():
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:  # no Linux: the most there ever was will do, it does not shrink
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True)
class Growth:
    """What has come between two readings: numbers for a table, and what of it is a leak."""

    objects: int
    references: int
    amounts: dict[str, int | None]
    leaks: list[str]


def compare(before, after, things, unknown=()):
    """Returns the `Growth` from one `Reading` to another, while `things` objects were played.

    Amounts called `unknown` are left out.
    """
    malloc = min(SLACK["malloc"], _SLACK_OF_ALL + _SLACK_OF_ONE * things)
    objects = _differences(before.objects, after.objects)
    references = _differences(before.references, after.references)
    amounts = {name: _difference(getattr(before, name), getattr(after, name)) for name in SLACK}
    amounts.update(dict.fromkeys(unknown))
    leaks = [f"{more:+,} {name}" for name, more in objects.items() if more > 0]
    leaks += [
        f"{more:+,} references to {name}"
        for name, more in references.items()
        if abs(more) > (_SLACK_OF_SINGLETONS if name in SINGLETONS else 0)
    ]
    for name, slack in {**SLACK, "malloc": malloc}.items():
        if (amounts[name] or 0) > slack:
            leaks.append(f"{name} {amounts[name]:+,}")
    own = [abs(more) for name, more in references.items() if name not in SINGLETONS]
    return Growth(sum(objects.values()), max(own, default=0), amounts, leaks)


def _difference(before, after):
    return None if before is None or after is None else after - before


def _differences(before, after):
    names = sorted({*before, *after})
    return {name: after[name] - before[name] for name in names if after[name] != before[name]}
