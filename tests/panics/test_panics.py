"""Builds the extension for it and lets every point of every entry point panic, one at a time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from panics.build import build

HERE = Path(__file__).parent


@pytest.mark.once
@pytest.mark.timeout(900)  # it compiles everything
def test_a_panic_is_an_exception_and_the_loop_runs_on(tmp_path):
    path = os.pathsep.join([str(build(tmp_path)), str(HERE.parent)])
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", HERE / "child.py"],
        env=os.environ | {"PYTHONPATH": path, "RUST_BACKTRACE": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    panics = [int(number) for number in re.findall(r": (\d+) panics$", done.stdout, re.MULTILINE)]
    assert sum(panics) > 1000
    assert done.stderr.count("a deliberate panic") >= sum(panics)


def test_the_installed_extension_has_no_such_points():
    from aioxide import _core

    assert not hasattr(_core, "panic_at")
