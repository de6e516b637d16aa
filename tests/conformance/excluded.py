"""Tests that do not count on the Rust classes: by version of Python, the test and the reason.

Only for a test that asserts that a class is the built-in one, by its name or by its layout. At most
ten a version. They run all the same, and one that passes is reported, so that it leaves this list.
"""

import sys

EXCLUDED: dict[tuple[int, int], dict[str, str]] = {
    (3, 11): {},
    (3, 12): {},
    (3, 13): {},
    (3, 14): {},
}


def excluded(version: tuple[int, int] = sys.version_info[:2]) -> dict[str, str]:
    """Returns the excluded tests of a version of Python, each `module.Class.test`, with reasons."""
    return EXCLUDED.get(version, {})
