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
    program = f"from benches.loops import *; import_loop({name!r}); new_loop({name!r}).close()"
    tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else None
