"""Passes of a loop that are left out, which they are only in a process without other threads."""

import asyncio
import contextlib
import ctypes
import os
import sys

import pytest

alone = pytest.mark.skipif(
    os.environ.get("AIOXIDE_TESTS_ALONE") != "1",
    reason="there may be other threads: test_alone.py runs it where there are none",
)


def looks(loop):
    """How often uvloop's loop has looked at its files: `loop_count` of libuv's `uv_metrics_t`."""
    from uvloop.loop import libuv_get_loop_t_ptr

    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    internal = ctypes.c_uint64.from_address(address(libuv_get_loop_t_ptr(loop), None) + 40).value
    return ctypes.c_uint64.from_address(internal + 8).value


@contextlib.contextmanager
def passes_of(loop):
    """Gives a list that has the number of passes in the end."""
    counted = []
    if not isinstance(loop, asyncio.BaseEventLoop):
        before = looks(loop)
        yield counted
        counted.append(looks(loop) - before)
        return
    calls = []
    run_once = asyncio.BaseEventLoop._run_once.__code__

    def profile(frame, event, _):
        if event == "call" and frame.f_code is run_once:
            calls.append(1)

    sys.setprofile(profile)
    try:
        yield counted
    finally:
        sys.setprofile(None)
        counted.append(len(calls))
