"""A short run of the memory check: `make memory` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

from memory.outcomes import SUBJECTS

RUN = Path(__file__).with_name("run.py")


def run(*arguments):
    done = subprocess.run(
        [sys.executable, RUN, *arguments], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("subject", SUBJECTS)
def test_nothing_is_left_behind(subject):
    status, output = run("--things", "500", "--only", f"{subject}:")
    assert status == 0, output
    assert output.endswith("outcomes that leave something behind: none\n")


def test_what_leaks_is_told():
    status, output = run(
        "--things", "500", "--only", "futures: result", "--classes", "keeps the result"
    )
    assert status == 1
    assert "futures: result: +500 memory.scene.Witness" in output
    assert output.endswith("outcomes that leave something behind: 1\n")


@pytest.mark.parametrize("arguments", [("--classes", "none"), ("--things", "many")])
def test_bad_usage(arguments):
    done = subprocess.run([sys.executable, RUN, *arguments], capture_output=True, check=False)
    assert done.returncode == 2
