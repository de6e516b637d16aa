"""Plugins of pytest, in a pytest of their own: tests that are coroutines, and their fixtures."""

import os
import subprocess
import sys
import textwrap

import pytest

from interop.running import library

# Hardly a matter of the interpreter: one of them is enough.
pytestmark = pytest.mark.once

FIXTURES_AND_TESTS = """
    import asyncio
    import pytest

    @pytest.fixture
    async def resource():
        task = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        yield type(task)
        task.cancel()

    async def test_fixture(resource):
        assert resource is KIND
        assert type(asyncio.current_task()) is KIND

    @pytest.mark.parametrize("number", [1, 2])
    async def test_gather(number):
        assert await asyncio.gather(asyncio.sleep(0, number)) == [number]

    async def test_failing():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            raise ValueError("message")

    async def test_cancelled_from_within():
        with pytest.raises(asyncio.CancelledError):
            asyncio.current_task().cancel()
            await asyncio.sleep(3600)
        asyncio.current_task().uncancel()
"""

CONFTEST = {
    "builtin": "from _asyncio import Task as KIND",
    "rust": "import aioxide\naioxide.install()\nfrom aioxide import Task as KIND",
}

PLUGINS = {
    "anyio": "import pytest\npytestmark = pytest.mark.anyio\n"
    "anyio_backend = pytest.fixture(lambda: 'asyncio')",
    "pytest_asyncio": "",
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_tests_that_are_coroutines(impl, tmp_path, plugin):
    library(plugin)
    (tmp_path / "conftest.py").write_text(CONFTEST[impl.name])
    head = f"from conftest import KIND\n{PLUGINS[plugin]}\n"
    (tmp_path / "test_it.py").write_text(head + textwrap.dedent(FIXTURES_AND_TESTS))
    wanted = {
        "anyio": ["-p", "anyio.pytest_plugin"],
        "pytest_asyncio": ["-p", "pytest_asyncio.plugin", "--asyncio-mode=auto"],
    }[plugin]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *wanted, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 4 passed" in done.stdout, done.stdout
    assert "ValueError: message" in done.stdout
