"""Starting `child.py` and reading its record: how one module of tests went on some classes."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from conformance.modules import full_name

BUILT_IN, RUST = "built-in", "aioxide"
CHILD = Path(__file__).with_name("child.py")
# What the interpreter's own test command runs its tests with.
FLAGS = ("-E", "-W", "default", "-bb", "-X", "faulthandler")
GRACE = 20  # seconds over the timeout, after which a child is killed that has not ended itself


class Result(NamedTuple):
    """How a test went: "passed", "failed" or "skipped", and the traceback or the reason."""

    outcome: str
    details: str = ""
    rust_tasks: int = 0
    rust_futures: int = 0
    built_in_tasks: int = 0


@dataclass
class Run:
    """How a module of tests went on some classes."""

    module: str
    classes: str
    seconds: float = 0.0
    tests: dict[str, Result] = field(default_factory=dict)
    # `Case.attribute` of the test cases that were bound to the classes.
    bound: set[str] = field(default_factory=set)
    output: str = ""
    complete: bool = False

    def count(self, outcome: str) -> int:
        return sum(test.outcome == outcome for test in self.tests.values())

    def total(self, number: str) -> int:
        """Returns how many objects all the tests made: `number` is a field of `Result`."""
        return sum(getattr(test, number) for test in self.tests.values())


async def run(module: str, classes: str, *, pattern: str = "*", timeout: float = 300) -> Run:
    """Runs a module of tests, or those of it whose names match, in a process of its own.

    It has an empty folder for its files and `timeout` seconds. A process that ends too early or
    badly is a failure of the test that it was in.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        record, output, here = Path(folder, "record"), Path(folder, "output"), Path(folder, "here")
        record.touch()
        here.mkdir()
        with output.open("wb") as printed:
            arguments = (CHILD, full_name(module), classes, pattern, str(timeout), record)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *FLAGS, *arguments),
                cwd=here,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )
            status = await _end_of(process, timeout + GRACE)
        result = Run(module, classes, time.monotonic() - began)
        result.output = output.read_text(errors="replace")
        _read(record, result, status)
    return result


async def _end_of(process: asyncio.subprocess.Process, timeout: float) -> int:
    """Waits for the process and kills what is left of its session; returns its status."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return process.returncode


def _read(record: Path, result: Run, status: int) -> None:
    current = "(before the first test)"
    for line in record.read_text(encoding="utf-8").splitlines():
        match json.loads(line):
            case {"bound": bound}:
                result.bound = set(bound)
            case {"started": test}:
                current = test
            case {"test": test, "outcome": outcome, "details": details, "made": made}:
                numbers = (made["tasks"], made["futures"], made["built-in tasks"])
                result.tests[test] = Result(outcome, details, *numbers)
                current = f"(after {test})"
            case {"finished": _}:
                current = "(at exit)"
    result.complete = status == 0 and current == "(at exit)"
    if not result.complete:
        end = f"the process ended with status {status}; it had printed:\n{result.output[-4000:]}"
        result.tests[current] = Result("failed", end)
