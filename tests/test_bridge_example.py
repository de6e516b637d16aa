"""examples/rust-extension is built, installed beside aioxide, and does what it says."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PROGRAM = """
import asyncio
import socket

import aioxide
import echo_extension as echo


async def main():
    port = await echo.serve_echo()
    print(await echo.ask(port, b"hello"))

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        try:
            await echo.ask(unused.getsockname()[1], b"anybody?")
        except ConnectionRefusedError as error:
            print(type(error).__name__, error.errno)

    stopped = []
    future = echo.wait_long(lambda: stopped.append(True))
    print(type(future) is aioxide.Future)
    try:
        await asyncio.wait_for(future, 0.01)
    except TimeoutError:
        print("stopped", stopped)

    print([number async for number in echo.countdown(3, 0.001)])
    print(await echo.repeat(asyncio.sleep(0, "on and "), 3))


for runner in RUNNERS:
    runner(main())
"""

EXPECTED = """\
b'hello'
ConnectionRefusedError 111
True
stopped [True]
[3, 2, 1]
on and on and on and
"""


@pytest.mark.once
@pytest.mark.timeout(1200)
def test_the_example_is_built_installed_and_run(tmp_path):
    pytest.importorskip("maturin")
    environment = dict(os.environ, CARGO_TARGET_DIR=str(ROOT / "target" / "example"))
    environment.pop("VIRTUAL_ENV", None)
    environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    options = ["--quiet", "--no-deps", "--no-build-isolation", f"--target={tmp_path}"]
    options.append("--config-settings=build-args=--profile=dev")
    folder = str(ROOT / "examples" / "rust-extension")
    command = [sys.executable, "-m", "pip", "install", *options, folder]
    subprocess.run(command, env=environment, check=True)
    runners = "import asyncio, uvloop, aioxide\nRUNNERS = asyncio.run, uvloop.run, aioxide.run\n"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", runners + textwrap.dedent(PROGRAM)],
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.replace("on and \n", "on and\n") == EXPECTED * 3
