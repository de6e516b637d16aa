"""Builds the extension with the feature `fault-injection`, apart from the installed one."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(folder):
    """Makes the package below `folder`; returns what goes into PYTHONPATH to import it."""
    command = [sys.executable, "-m", "maturin", "build", "--quiet", "--profile", "dev"]
    options = ["--features", "fault-injection", "--interpreter", sys.executable]
    # A place of its own, so that the builds of other tests and this one do not undo each other.
    target = {"CARGO_TARGET_DIR": str(ROOT / "target" / "fault-injection")}
    subprocess.run(
        [*command, *options, "--out", folder], cwd=ROOT, env=os.environ | target, check=True
    )
    (wheel,) = Path(folder).glob("*.whl")
    package = Path(folder, "package")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    return package
