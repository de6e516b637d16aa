"""The extension that the tests of the bridge use, built when it is first asked for."""

import functools
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


class ExtensionMissing(Exception):
    """There is no cargo to build it with."""


@functools.cache
def probe_path():
    """Builds `bridge_probe` and returns the file of it; ExtensionMissing without cargo.

    cargo keeps what is built already, and lets one of several processes build at a time. The file
    is a copy: the next interpreter that the tests run on builds over the original.
    """
    if shutil.which("cargo") is None:
        raise ExtensionMissing("cargo is not installed")
    environment = {**os.environ, "PYO3_PYTHON": sys.executable}
    environment.pop("VIRTUAL_ENV", None)
    command = ["cargo", "build", "--package=bridge-probe", "--message-format=json", "--quiet"]
    built = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise RuntimeError(f"the extension does not build:\n{built.stderr}")
    artifacts = map(json.loads, built.stdout.splitlines())
    (library,) = (
        name
        for artifact in artifacts
        if artifact.get("target", {}).get("name") == "bridge_probe"
        for name in artifact.get("filenames", ())
    )
    folder = Path(tempfile.mkdtemp(prefix="bridge-probe-"))
    return shutil.copy(library, folder / f"bridge_probe{sysconfig.get_config_var('EXT_SUFFIX')}")


@functools.cache
def probe():
    """Returns the module `bridge_probe`."""
    loader = importlib.machinery.ExtensionFileLoader("bridge_probe", str(probe_path()))
    spec = importlib.util.spec_from_file_location("bridge_probe", probe_path(), loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules["bridge_probe"] = module
    return module
