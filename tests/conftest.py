"""Fixtures of the contract tests: every test body runs on the interpreter's classes and on ours.

And hooks: a test that hangs ends, and fails.
"""

import asyncio
import faulthandler
import gc
import os
import sys

import pytest
import stopped_clock

if os.environ.get("AIOXIDE_TESTS_STOP_CLOCK") == "1":
    stopped_clock.replace()  # before aioxide is imported

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

STDERR = pytest.StashKey[int]()


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run what takes long as well")
    parser.addini("hang_limit", "seconds a phase of a test may take at all", default="180")


def pytest_configure(config):
    # Standard error as it is outside of tests, whose output is captured.
    config.stash[STDERR] = os.dup(sys.__stderr__.fileno())
    # rloop drops the sockets it wakes itself with, instead of closing them.
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning:rloop.loop")


def pytest_collection_modifyitems(config, items):
    """Leaves out what one version of Python is enough for, when another one has seen to it."""
    if os.environ.get("AIOXIDE_SKIP_ONCE") != "1":
        return
    kept, skipped = [], []
    for item in items:
        (skipped if item.get_closest_marker("once") else kept).append(item)
    config.hook.pytest_deselected(items=skipped)
    items[:] = kept


def end_if_it_hangs(config, item=None):
    """Prints all stacks and ends the process in `hang_limit` seconds, unless called before that.

    An `item` that is given more time by its mark `timeout` gets twice that.

    pytest-timeout interrupts what is written in Python. This ends whatever it cannot reach: code in
    C or Rust that hangs with the GIL held. xdist names the test and goes on with another worker.
    """
    limit = float(config.getini("hang_limit"))
    if item is not None and (timeout := item.get_closest_marker("timeout")):
        limit = max(limit, 2 * timeout.args[0])
    faulthandler.dump_traceback_later(limit, exit=True, file=config.stash[STDERR])


# Each phase anew: pytest takes the timer back when a phase fails.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    end_if_it_hangs(item.config, item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    end_if_it_hangs(item.config, item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    end_if_it_hangs(item.config, item)


def pytest_runtest_logfinish():
    faulthandler.cancel_dump_traceback_later()


# Last, when xdist has seen its workers off: for what is left of the process.
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    end_if_it_hangs(session.config)


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
