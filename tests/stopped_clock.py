"""`time.monotonic` as a test can stop it.

aioxide takes for the interpreter's clock what has that name when it is imported, and leaves out
passes of a loop only where the loop would ask that one. So a process replaces it before.
"""

import time

_real = time.monotonic
_source = _real


def monotonic():
    return _source()


def replace():
    """Puts it in the place of `time.monotonic`, for good; it tells the time until it is stopped."""
    time.monotonic = monotonic


def is_in_place():
    return time.monotonic is monotonic


def stop(source):
    """From now on the time is what `source()` returns."""
    global _source
    _source = source


def go_on():
    """From now on it tells the time."""
    stop(_real)
