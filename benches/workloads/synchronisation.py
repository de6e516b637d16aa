"""asyncio's locks and queues, with tasks that have to wait for them."""

import asyncio

from benches.rows import Group, Row, same
from benches.sides import BOTH

TASKS = 20


async def queue(size: int) -> int:
    """The queue has one place, so that each side waits for the other at every item."""
    items: asyncio.Queue[int] = asyncio.Queue(maxsize=1)

    async def produce() -> None:
        for _ in range(size):
            await items.put(1)

    producer = asyncio.create_task(produce())
    total = 0
    for _ in range(size):
        total += await items.get()
    await producer
    return total


async def _enter(scope: asyncio.Lock | asyncio.Semaphore, times: int) -> int:
    sleep = asyncio.sleep
    for _ in range(times):
        async with scope:
            await sleep(0)
    return times


async def _contend(scope: asyncio.Lock | asyncio.Semaphore, size: int) -> int:
    tasks = [asyncio.create_task(_enter(scope, size)) for _ in range(TASKS)]
    return sum([await task for task in tasks])


async def lock(size: int) -> int:
    return await _contend(asyncio.Lock(), size)


async def semaphore(size: int) -> int:
    return await _contend(asyncio.Semaphore(TASKS // 4), size)


async def event(size: int) -> int:
    """All wait, all are woken, `size` times."""
    happened = asyncio.Event()

    async def wait() -> int:
        return sum([await happened.wait() for _ in range(size)])

    tasks = [asyncio.create_task(wait()) for _ in range(TASKS)]
    await asyncio.sleep(0)
    for _ in range(size):
        happened.set()
        happened.clear()
        await asyncio.sleep(0)  # runs after those that were woken
    return sum([await task for task in tasks])


def _each(size: int) -> int:
    return TASKS * size


def _tasks(size: int) -> int:
    return TASKS


GROUP = Group(
    "Synchronisation",
    (
        Row(
            "queue",
            "an item through a `Queue` of one place",
            queue,
            size=5_000,
            tiny=100,
            tasks=lambda size: 1,
            futures=same,
        ),
        Row(
            "lock",
            f"enter a `Lock` that {TASKS} tasks want",
            lock,
            size=200,
            tiny=10,
            result=_each,
            operations=_each,
            tasks=_tasks,
            futures=lambda size: TASKS * (size - 1),
        ),
        Row(
            "semaphore",
            f"enter a `Semaphore` of {TASKS // 4} that {TASKS} tasks want",
            semaphore,
            size=200,
            tiny=10,
            result=_each,
            operations=_each,
            tasks=_tasks,
            futures=lambda size: TASKS * (size - 1) // 2,
        ),
        Row(
            "event",
            f"wake up from an `Event` that {TASKS} tasks wait for",
            event,
            size=400,
            tiny=10,
            result=_each,
            operations=_each,
            tasks=_tasks,
            futures=_each,
        ),
    ),
    BOTH,
)
