"""A soak of a moment: all that is made is finished or dropped, and nothing fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_nothing_is_left_over():
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--seconds=1", "--seed=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "0 futures left over, 0 failures"
