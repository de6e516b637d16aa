"""Loops that run within themselves: nest_asyncio, and what pydevd does alike.

They patch asyncio for good, so each program has a process of its own.
"""

import sys

import pytest
from support import implementation, run_child

from interop.running import library

NESTED = """
    import asyncio

    async def inner(number):
        await asyncio.sleep(0)
        if number:
            return asyncio.get_event_loop().run_until_complete(inner(number - 1)) + 1
        return 0

    async def beside(log):
        for _ in range(5):
            log.append(asyncio.current_task().get_name())
            await asyncio.sleep(0)

    async def outer():
        log = []
        other = asyncio.ensure_future(beside(log))
        other.set_name("beside")
        me = asyncio.current_task()
        depth = asyncio.run(inner(3))
        await other
        return depth, log, asyncio.current_task() is me, type(me).__module__

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    IN_FORCE
    print(loop.run_until_complete(outer()))
    loop.close()
"""
APPLY = "import nest_asyncio; nest_asyncio.apply(loop)"
BUILTIN = "from _asyncio import Task; asyncio.Task = asyncio.tasks.Task = Task"
RUST = "import aioxide; aioxide.install()"


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="nest_asyncio loses the current task on 3.14"
)
@pytest.mark.parametrize(
    "order, module",
    [
        ([APPLY], "asyncio.tasks"),
        ([APPLY, BUILTIN], "_asyncio"),
        ([RUST, APPLY], "asyncio.tasks"),
        ([APPLY, RUST], "aioxide"),
    ],
    ids=["alone", "C tasks after it", "Rust tasks before it", "Rust tasks after it"],
)
def test_nest_asyncio(order, module):
    """nest_asyncio puts tasks in Python in force: the Rust ones are back if installed after it.

    All run nested: `_run_once` is replaced, and takes the current task out of its dict.
    """
    library("nest_asyncio")
    outcome = run_child(NESTED.replace("IN_FORCE", "; ".join(order)), implementation("builtin"))
    assert outcome == (0, f"(3, {['beside'] * 5}, True, '{module}')\n", "")


PATCHED_HANDLE = """
    import asyncio
    from asyncio import events, tasks

    def run(self):
        self._context.copy().run(self._callback, *self._args)

    def run_once(loop):
        current = tasks._swap_current_task(loop, None) if hasattr(
            tasks, "_swap_current_task") else tasks._current_tasks.pop(loop)
        try:
            for _ in range(len(loop._ready)):
                handle = loop._ready.popleft()
                if not handle._cancelled:
                    handle._run()
        finally:
            if hasattr(tasks, "_swap_current_task"):
                tasks._swap_current_task(loop, current)
            else:
                tasks._current_tasks[loop] = current

    async def inner():
        await asyncio.sleep(0)
        return "inner"

    async def outer():
        loop = asyncio.get_running_loop()
        task = loop.create_task(inner())
        while not task.done():
            run_once(loop)
        return task.result(), asyncio.current_task().get_name()

    async def main():
        plain = await asyncio.create_task(outer(), name="outer")
        events.Handle._run, original = run, events.Handle._run
        patched = await asyncio.create_task(outer(), name="outer")
        events.Handle._run = original
        print(plain, patched)

    asyncio.run(main())
"""


def test_entries_are_run_in_the_middle_of_a_step(impl):
    """pydevd, nest_asyncio: the queue is worked off by hand within a task."""
    outcome = run_child(PATCHED_HANDLE, impl, "-W", "error")
    assert outcome == (0, "('inner', 'outer') ('inner', 'outer')\n", "")
