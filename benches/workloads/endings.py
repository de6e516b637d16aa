"""Ends that are not results: cancellation, exceptions, deadlines that do not come."""

import asyncio

from benches.rows import Group, Row, same
from benches.sides import BOTH

DEPTH = 10
NEVER = 3600.0


async def cancel(size: int) -> int:
    """Each task waits for a future of its own."""
    loop = asyncio.get_running_loop()

    async def wait() -> None:
        await loop.create_future()

    tasks = [asyncio.create_task(wait()) for _ in range(size)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return sum([task.cancelled() for task in tasks])


async def fail(future: "asyncio.Future[None]", depth: int) -> None:
    if depth == 1:
        await future
    else:
        await fail(future, depth - 1)


async def exceptions(size: int) -> int:
    """A future fails; a task is ten coroutines deep in awaiting it, and is awaited."""
    loop = asyncio.get_running_loop()
    caught = 0
    for _ in range(size):
        future = loop.create_future()
        loop.call_soon(future.set_exception, LookupError())
        try:
            await asyncio.create_task(fail(future, DEPTH))
        except LookupError:
            caught += 1
    return caught


async def wait_for(size: int) -> int:
    for _ in range(size):
        await asyncio.wait_for(asyncio.sleep(0), NEVER)
    return size


async def timeout(size: int) -> int:
    for _ in range(size):
        async with asyncio.timeout(NEVER):
            await asyncio.sleep(0)
    return size


GROUP = Group(
    "Cancellation, exceptions, deadlines",
    (
        Row(
            "cancel",
            "cancel 20,000 waiting tasks",
            cancel,
            size=20_000,
            tiny=200,
            tasks=same,
            futures=same,
        ),
        Row(
            "exceptions",
            f"an exception through {DEPTH} awaits",
            exceptions,
            size=5_000,
            tiny=100,
            tasks=same,
            futures=same,
        ),
        Row("wait-for", "`wait_for` that is in time", wait_for, size=5_000, tiny=100),
        Row("timeout", "`timeout` that does not fire", timeout, size=5_000, tiny=100),
    ),
    BOTH,
)
