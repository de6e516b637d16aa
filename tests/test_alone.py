"""The tests of loops once more, in a process in which no other thread is.

Only there are passes of a loop left out: pytest-xdist has threads in its workers.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def run_alone(paths, **environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *map(str, paths)],
        cwd=FOLDER.parent,
        env={**inherited, "AIOXIDE_TESTS_ALONE": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return int(re.search(r"(\d+) passed", done.stdout)[1])


@pytest.mark.timeout(150)
def test_all_of_them():
    assert run_alone(sorted(FOLDER.glob("test_loops*.py"))) > 300


@pytest.mark.timeout(60)
def test_timers_by_a_clock_that_stands_still():
    assert run_alone([FOLDER / "test_loops_timers.py"], AIOXIDE_TESTS_STOP_CLOCK="1") > 20


@pytest.mark.timeout(60)
def test_passes_are_left_out_of_random_programs():
    """The fuzzer compares what users get."""
    program = """
import stopped_clock
stopped_clock.replace()
import asyncio, aioxide, sys
from fuzz.clock import StockLoop
aioxide.install()
run_once, passes = asyncio.BaseEventLoop._run_once.__code__, []
def profile(frame, event, _):
    if event == "call" and frame.f_code is run_once:
        passes.append(1)
sys.setprofile(profile)
async def main():
    for _ in range(1000):
        await asyncio.sleep(0)
stock = StockLoop([])
stock.loop.create_task(main())
assert stock.run()
stock.close()
print(len(passes))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 100
