"""The event loops, by name."""

import asyncio
import importlib
import subprocess
import sys

LOOPS = {"stock": None, "uvloop": "uvloop", "rloop": "rloop"}
"""The module that each comes from; the stock one needs none."""


def import_loop(name: str) -> None:
    """Imports the module of a loop; ImportError where it is not there."""
    if module := LOOPS[name]:
        importlib.import_module(module)


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Returns a new loop of that name."""
    if module := LOOPS[name]:
        loop: asyncio.AbstractEventLoop = importlib.import_module(module).new_event_loop()
        return loop
    return asyncio.SelectorEventLoop()


def why_missing(name: str) -> str | None:
    """Returns why a loop cannot be used here, tried in another process, or None if it can."""
    return _why_it_fails(f"import_loop({name!r}); new_loop({name!r}).close()")


def why_not_eager(name: str) -> str | None:
    """Returns why a loop cannot make eager tasks, tried in another process, or None if it can.

    To be asked where Python has eager tasks. uvloop gives the factory
    an argument that the one of 3.13.0 does not know.
    """
    return _why_it_fails(f"make_eager_task({name!r})")


def make_eager_task(name: str) -> None:
    """Makes one, or raises what keeps the loop from it."""

    async def nothing() -> None:
        """Ends in its first step."""

    loop = new_loop(name)
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
    coroutine = nothing()
    try:
        loop.run_until_complete(coroutine)
    finally:
        coroutine.close()
        loop.close()


def _why_it_fails(statement: str) -> str | None:
    program = f"from benches.loops import *; {statement}"
    tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else None
