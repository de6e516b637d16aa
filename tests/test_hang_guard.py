"""A test that hangs with the GIL held ends, its stack is told, and the run goes on and fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HANGING = """
import ctypes

def hang_with_the_gil_held():
    ctypes.PyDLL(None).sleep(3600)

def test_that_passes():
    pass

def test_that_hangs():
    hang_with_the_gil_held()

def test_that_fails_and_hangs_afterwards(request):
    request.addfinalizer(hang_with_the_gil_held)
    raise AssertionError("failed before")
"""


@pytest.mark.once
@pytest.mark.skipif(sys.platform == "win32", reason="needs a sleep() to call")
def test_hanging_tests(tmp_path):
    (tmp_path / "test_hanging.py").write_text(HANGING)
    options = ("-n", "2", "-p", "conftest", "-o", "hang_limit=10", "--rootdir", str(tmp_path))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "FAILED test_hanging.py::test_that_hangs" in run.stdout
    assert "FAILED test_hanging.py::test_that_fails_and_hangs_afterwards" in run.stdout
    assert run.stderr.count("in hang_with_the_gil_held") == 2
    assert "1 passed" in run.stdout
