"""Comparing the two sides of a setting on a program."""

import difflib
import pprint

from fuzz.interpret import run
from fuzz.settings import setting
from fuzz.shrink import shrunk, size


def agree(program, setting):
    """Tells whether the program does the same on both sides."""
    # As text, since True equals 1.
    return repr(run(program, setting.reference)) == repr(run(program, setting.tested))


def difference(program, setting):
    """Returns the lines in which the traces differ, as in a diff; an empty list for none."""
    expected, seen = run(program, setting.reference), run(program, setting.tested)
    if repr(expected) == repr(seen):
        return []
    sides = [[pprint.pformat(event, width=100) for event in trace] for trace in (expected, seen)]
    lines = [[line for event in side for line in event.splitlines()] for side in sides]
    return list(difflib.unified_diff(*lines, "built-in", "rust", lineterm="", n=3))


def explain(program, name, tries=3000):
    """Returns, as lines of text, how the sides of a setting differ on a program made smaller.

    An empty list if they do not. `tries` bounds how many smaller programs are run.
    """
    here = setting(name)
    if not difference(program, here):
        return []
    small = shrunk(program, lambda candidate: not agree(candidate, here), tries)
    return [
        f"shrunk from {size(program)} nodes to {size(small)}:",
        pprint.pformat(small, width=100),
        *(difference(small, here) or ["which did not happen again"]),
        f'replay: python tests/fuzz/run.py --setting "{name}" --program "{small}"',
    ]
