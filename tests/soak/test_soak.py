"""A few rounds, and that the command finds faults which show now and then."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


def run(*arguments):
    done = subprocess.run(
        [sys.executable, RUN, "--seed", "1", "--jobs", "1000", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_nothing_is_lost(kind):
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    status, output, errors = run("--rounds", "2", "--loop", kind)
    assert (status, errors) == (0, "")
    assert "2 rounds  jobs sent 2,000, ended 2,000 " in output
    assert output.endswith("nothing was lost; seed 1\n")


@pytest.mark.parametrize(
    ("fault", "lost"),
    [("loses cancellations", ("cancellation", "cancelled_relay")), ("skips wake-ups", ("",))],
)
def test_what_is_lost_is_found_and_named(fault, lost):
    status, output, errors = run("--rounds", "1", "--loop", "asyncio", "--classes", fault)
    assert (status, errors) == (1, "")
    assert any(f"round 0 on asyncio: lost: {kind}" in output for kind in lost)
    assert output.endswith("again: --seed 1 --only 0, and the same options\n")


def test_standstill():
    options = ("--rounds", "1", "--loop", "asyncio", "--standstill", "3")
    status, output, errors = run(*options, "--classes", "stands still")
    assert status == 1
    assert "seed 1" in output
    assert "in set_result" in errors  # among the stacks of all threads
