"""Tasks that are made and awaited, one at a time."""

import asyncio
from dataclasses import replace

from benches.rows import Group, Row, same
from benches.sides import BOTH


async def nothing(value: int) -> int:
    return value


async def create_and_await(size: int) -> int:
    create_task = asyncio.create_task
    for _ in range(size):
        await create_task(nothing(1))
    return size


CREATE = Row("create", "create and await", create_and_await, size=20_000, tiny=200, tasks=same)
EAGER = replace(
    CREATE, key="create-eager", title="create and await, eager", eager=True, since=(3, 12)
)

GROUP = Group("Creation", (CREATE, EAGER), BOTH)
