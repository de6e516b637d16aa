"""`install()`, `uninstall()` and `installed()`: which names change, and that loops follow."""

import asyncio
import asyncio.futures
import asyncio.tasks
import importlib
import pkgutil
import sys
import threading

import aioxide
import pytest
from support import BuiltinFuture, BuiltinTask, implementation, run_child


@pytest.fixture(autouse=True)
def _uninstalled():
    aioxide.uninstall()
    yield
    aioxide.uninstall()


def names_of_asyncio():
    """Returns every name of every module of asyncio, with what it is bound to."""
    modules = [asyncio]
    for found in pkgutil.iter_modules(asyncio.__path__, "asyncio."):
        if "windows" not in found.name and not found.name.endswith("__main__"):
            modules.append(importlib.import_module(found.name))
    return {(m.__name__, name): value for m in modules for name, value in vars(m).items()}


def changed(before, after):
    """Returns the names that are bound to something else, with what they are bound to now."""
    assert before.keys() == after.keys()
    return {key: after[key] for key in before if after[key] is not before[key]}


# Names


def test_nothing_changes_unless_installed():
    assert run_child(
        """
        import _asyncio, asyncio
        assert asyncio.Task is asyncio.tasks.Task is _asyncio.Task
        assert asyncio.Future is asyncio.futures.Future is _asyncio.Future
        async def main():
            assert type(asyncio.current_task()) is _asyncio.Task
            print(asyncio.current_task, asyncio.all_tasks())
        asyncio.run(main())
        """,
        implementation("builtin"),
        setup="import aioxide",
    ) == run_child(
        """
        import asyncio
        async def main():
            print(asyncio.current_task, asyncio.all_tasks())
        asyncio.run(main())
        """.replace("\n", "\n", 1),
        implementation("builtin"),
    )
