"""One step after the other, and what they cost without any scheduler: the floor."""

import asyncio
from collections import deque

from benches.rows import Group, Row
from benches.sides import BOTH

TASKS = 100


async def stepper(steps: int) -> int:
    sleep = asyncio.sleep
    for _ in range(steps):
        await sleep(0)
    return steps


async def step(size: int) -> int:
    tasks = [asyncio.create_task(stepper(size)) for _ in range(TASKS)]
    return sum([await task for task in tasks])


def floor(size: int) -> int:
    """Drives the same coroutines to their end, in C and with nothing in between."""
    for _ in range(TASKS):
        deque(stepper(size).__await__(), maxlen=0)
    return TASKS * size


def _steps(size: int) -> int:
    return TASKS * size


STEPS = Row(
    "steps",
    f"a step by `sleep(0)`, {TASKS} tasks",
    step,
    size=300,
    tiny=50,
    result=_steps,
    operations=_steps,
    tasks=lambda size: TASKS,
)
FLOOR = Row(
    "floor",
    "the floor: the same coroutines, no scheduler",
    floor,
    size=1000,
    tiny=50,
    result=_steps,
    operations=_steps,
    compared=False,
)

GROUP = Group("Steps", (STEPS, FLOOR), BOTH)
