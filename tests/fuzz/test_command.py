"""The command: what it says of a difference, and its exit status."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


def run(*arguments):
    done = subprocess.run(
        [sys.executable, RUN, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_no_difference():
    status, output = run("--programs", "40", "--seed", "3")
    assert status == 0
    assert "40 of 40 programs" in output
    assert output.endswith("differences: none; seed 3\n")


def test_a_seed_is_chosen_and_told():
    _, output = run("--programs", "1", "--seed", "")
    assert re.search(r"^1 programs, seed \d+, .*; seed \d+$", output, re.DOTALL)


def test_a_difference_is_shown_small_and_replays():
    status, output = run("--programs", "20", "--seed", "3", "--setting", "cancel says no")
    assert status == 1
    assert "--- built-in\n+++ rust\n" in output
    assert int(re.search(r"shrunk from \d+ nodes to (\d+):", output)[1]) < 10
    number = re.search(r"--only (\d+) ", output)[1]
    program = re.search(r'--program "(.*)"\n', output)[1]
    for again in (("--seed", "3", "--only", number), ("--program", program)):
        assert run(*again, "--setting", "cancel says no")[0] == 1
        assert run(*again, "--setting", "right rust") == (0, "right rust: no difference\n")


@pytest.mark.parametrize("arguments", [("--setting", "nowhere"), ("--programs", "many")])
def test_bad_usage(arguments):
    done = subprocess.run([sys.executable, RUN, *arguments], capture_output=True, check=False)
    assert done.returncode == 2
