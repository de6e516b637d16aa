"""Programs of the interoperation tests: on either kind of classes, compared, and real libraries."""

import asyncio
import gc
import importlib
import warnings

import pytest
from support import BuiltinTask, Recorder, collect, implementation


def library(name):
    """Returns the module `name`, ready to use; skips where it is not installed.

    What libraries warn of when they are imported is theirs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name, exc_type=ImportError)
        return importlib.import_module(name)


def run(impl, body, *, prepare=None, make_loop=asyncio.SelectorEventLoop):
    """Runs `body()` on a new loop with the classes of `impl` in force; returns what it returned.

    `prepare(loop)` is called before. Fails where the loop reported anything, or where the task of
    `body` was not of `impl`.
    """
    gc.freeze()  # what was there before is not this program's garbage
    reports = Recorder()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reports)
        assert type(asyncio.current_task()) is impl.Task
        assert impl.name == "builtin" or impl.Task is not BuiltinTask
        return await body()

    with impl.in_force(), asyncio.Runner(loop_factory=make_loop, debug=False) as runner:
        if prepare is not None:
            prepare(runner.get_loop())
        result = runner.run(main())
    collect()
    assert reports.take() == []
    return result


def same(impl, program):
    """Asserts that `program(impl)` gives what it gives on the built-in classes; returns that."""
    expected = program(implementation("builtin"))
    if impl.name != "builtin":
        seen = program(impl)
        assert seen == expected, f"\nbuiltin: {expected}\n{impl.name}: {seen}"
    return expected


def run_same(impl, body, **options):
    """Like `run()`, and asserts that the result is that of the built-in classes."""
    return same(impl, lambda impl: run(impl, body, **options))


async def passes(count):
    """Lets the loop run so many times."""
    for _ in range(count):
        await asyncio.sleep(0)
