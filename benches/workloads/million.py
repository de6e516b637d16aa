"""A million tasks that are alive at once: how long that takes, and how much memory."""

import asyncio
import os
from dataclasses import replace

from benches.rows import Group, Row, same
from benches.sides import BOTH

MILLION = 1_000_000


async def alive_at_once(size: int) -> int:
    """All of them wait for one future, which is completed when the last one does."""
    return (await _alive_at_once(size))[0]


async def bytes_each(size: int) -> float:
    """Returns the memory for each task while all of them wait, coroutine and all."""
    return (await _alive_at_once(size))[1] / size


async def _alive_at_once(size: int) -> tuple[int, int]:
    """Returns the sum of what the tasks returned, and the bytes that they took."""
    gate = asyncio.get_running_loop().create_future()

    async def wait() -> int:
        result: int = await gate
        return result

    before = _resident()
    tasks = [asyncio.create_task(wait()) for _ in range(size)]
    await asyncio.sleep(0)
    taken = _resident() - before
    gate.set_result(1)
    return sum([await task for task in tasks]), taken


def _resident() -> int:
    """Returns how many bytes of memory this process has in use, as Linux counts them."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


TIME = Row(
    "million",
    "a task of 1,000,000 that are alive at once",
    alive_at_once,
    size=MILLION,
    tiny=200,
    quick_size=50_000,
    tasks=same,
    heavy=True,
)
BYTES = replace(
    TIME,
    key="million-bytes",
    title="… and the memory it takes",
    body=bytes_each,
    unit="B",
    compared=False,
)

GROUP = Group("A million tasks", (TIME, BYTES), BOTH)
