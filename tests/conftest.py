"""Fixtures of the contract tests: every test body runs on the interpreter's classes and on ours."""

import asyncio
import gc
import os

import pytest
from support import (
    IMPLEMENTATIONS,
    LOOP_KINDS,
    LoopMissing,
    Recorder,
    adopt,
    collect,
    implementation,
    new_loop,
)
from support.extension import ExtensionMissing
from support.extension import probe as build_probe


def pytest_configure(config):
    # rloop drops the sockets it wakes itself with, instead of closing them.
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning:rloop.loop")


def pytest_collection_modifyitems(items):
    if os.environ.get("AIOXIDE_SKIP_ONCE") == "1":
        skip = pytest.mark.skip(reason="done for one interpreter (AIOXIDE_SKIP_ONCE=1)")
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(skip)


@pytest.fixture(params=IMPLEMENTATIONS)
def impl(request):
    """The classes under test, an `Implementation`: without aioxide the test fails, not skips."""
    return implementation(request.param)


@pytest.fixture
def errors():
    """The Recorder that is the exception handler of `loop` and `stock_loop`."""
    return Recorder()


@pytest.fixture(params=LOOP_KINDS)
def loop_kind(request):
    """The name of a kind of loop, for `new_loop()`."""
    return request.param


@pytest.fixture
def loop(loop_kind, impl, errors):
    """A loop of every kind in turn, making tasks and futures of `impl`."""
    yield from _supervised(loop_kind, impl, errors)


@pytest.fixture
def strict_loop(loop, loop_kind):
    """A loop of every kind that refuses calls once it is closed, and that SystemExit leaves."""
    if loop_kind == "rloop":
        pytest.skip("rloop takes calls when it is closed, and only reports SystemExit")
    return loop


@pytest.fixture
def stock_loop(impl, errors):
    """A stock loop, for tests where the kind of loop does not matter."""
    yield from _supervised("asyncio", impl, errors)


@pytest.fixture
def probe():
    """The extension that the tests of the bridge use, with its counters at zero."""
    try:
        module = build_probe()
    except ExtensionMissing as missing:
        pytest.skip(str(missing))
    module.reset_counts()
    module.close_gate()
    return module


def _supervised(kind, impl, errors):
    """Gives a loop, closes it, and fails where it reported what the test did not take."""
    # What was there before the test is not its garbage: leave it out of the collections below.
    gc.freeze()
    try:
        loop = adopt(new_loop(kind), impl)
    except LoopMissing as missing:
        pytest.skip(str(missing))
    asyncio.set_event_loop(None)
    loop.set_exception_handler(errors)
    yield loop
    collect()
    if not loop.is_closed():
        loop.close()
    collect()
    assert errors.take() == []
