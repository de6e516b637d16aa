"""Comparing the two sides of a setting on a program."""

import difflib
import pprint

from fuzz.interpret import run
from fuzz.settings import setting


def difference(program, setting_name):
    """Returns the lines in which the traces differ, as in a diff; an empty list for none."""
    here = setting(setting_name)
    expected, seen = run(program, here.reference), run(program, here.tested)
    if expected == seen:
        return []
    sides = [[pprint.pformat(event, width=100) for event in trace] for trace in (expected, seen)]
    lines = [[line for event in side for line in event.splitlines()] for side in sides]
    return list(difflib.unified_diff(*lines, "built-in", "rust", lineterm="", n=3))


def differs(program, setting_name):
    here = setting(setting_name)
    return run(program, here.reference) != run(program, here.tested)
