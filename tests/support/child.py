"""Programs in an interpreter of their own, where a crash is a failure and not the tests' end."""

import subprocess
import sys
import textwrap
from typing import NamedTuple

from support.oracle import normalised


class Outcome(NamedTuple):
    """What is seen of a program from outside; equal for equal behaviour."""

    status: int
    stdout: str
    stderr: str


def run_child(program, impl, *flags, timeout=120, setup=""):
    """Runs `program` (source, may be indented) on the classes of `impl`; returns its Outcome.

    `flags` go to the interpreter, `timeout` is in seconds; `setup` runs before the classes are
    put in force.
    A status below zero is the number of the signal that killed the child.
    """
    install = "" if impl.name == "builtin" else "import aioxide; aioxide.install()"
    # One line, so that line numbers in tracebacks are the same on both.
    source = f"{setup}; {install}".strip("; ") + "\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, *flags, "-c", source],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Outcome(done.returncode, normalised(done.stdout), normalised(done.stderr))
