"""Runs a program in a process of its own, on either implementation, always in the same conditions.

The tests and `examples/demo.py` share it; it needs the standard library alone.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

IMPLEMENTATIONS = ("builtin", "rust")
LOOPS = ("asyncio", "uvloop")

HERE = Path(__file__).resolve().parent
EXAMPLES_FOLDER = HERE.parents[1] / "examples"
EXAMPLES = sorted(EXAMPLES_FOLDER.glob("[0-9][0-9]_*.py"))

# Seconds after which a program is taken to hang.
TIME_LIMIT = 60

STATS = re.compile(r"aioxide: (\d+) tasks? and (\d+) futures? ran on the Rust classes")
FRAME = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What is seen of a program from outside.

    `status` is None if the program had to be stopped at the time limit, and below zero if a signal
    killed it. `stderr` is without the line of `--stats`, whose first number is `rust_tasks`: None
    if there was no such line.
    """

    status: int | None
    stdout: str
    stderr: str
    rust_tasks: int | None
    seconds: float

    @property
    def final_line(self):
        """The last line on stderr, which names the exception that ended the program; or ""."""
        return self.stderr.rstrip("\n").rpartition("\n")[2]

    def frames(self, file):
        """Returns the lines of the tracebacks that lie in `file`: (line number, function)."""
        return [
            (int(line), name)
            for path, line, name in FRAME.findall(self.stderr)
            if path == str(file)
        ]


def run(program, implementation, loop="asyncio", time_setting="virtual"):
    """Runs `program`, warnings being errors, and returns its Outcome.

    `time_setting` is a value of AIOXIDE_EXAMPLES_TIME, see `shortened/sitecustomize.py`.
    """
    begin = time.perf_counter()
    try:
        done = subprocess.run(
            command(program, implementation, loop),
            env=environment(time_setting),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(None, "", "", None, time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    stderr, rust_tasks = without_stats(done.stderr)
    return Outcome(done.returncode, done.stdout, stderr, rust_tasks, seconds)


def command(program, implementation, loop):
    """Returns the command line that runs `program` on an implementation and a loop."""
    launchers = {
        ("builtin", "asyncio"): [],
        ("builtin", "uvloop"): [HERE / "on_uvloop.py"],
        ("rust", loop): ["-m", "aioxide", "--stats", "--loop", loop],
    }
    words = [sys.executable, "-W", "error", *launchers[implementation, loop], program]
    return [str(word) for word in words]


def environment(time_setting):
    """Returns the environment of every program: whatever would change its output is taken out."""
    unwanted = {"PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONWARNINGS", "PYTHONVERBOSE"}
    env = {name: value for name, value in os.environ.items() if name not in unwanted}
    python_path = [str(HERE / "shortened"), *filter(None, [env.get("PYTHONPATH")])]
    return env | {
        "AIOXIDE_EXAMPLES_TIME": str(time_setting),
        "PYTHONPATH": os.pathsep.join(python_path),
        "PYTHONIOENCODING": "utf-8",
        "PYTHON_COLORS": "0",
    }


def without_stats(stderr):
    """Returns `stderr` without the line of `--stats` at its end, and the tasks that line counts."""
    rest, _, last = stderr.rstrip("\n").rpartition("\n")
    match = STATS.fullmatch(last)
    if match is None:
        return stderr, None
    return rest + "\n" if rest else "", int(match[1])
