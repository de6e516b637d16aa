"""Both kinds in one program: on the built-in side all is built-in, on ours half of it."""

import _asyncio
import asyncio

from benches.rows import Group, Row
from benches.sides import BOTH
from benches.workloads.awaiting import play


async def play_with_builtin(
    table: list["asyncio.Future[None]"], me: int, other: int, rounds: int
) -> int:
    """`play()`, with futures of the built-in class."""
    loop = asyncio.get_running_loop()
    for _ in range(rounds):
        await table[me]
        table[me] = _asyncio.Future(loop=loop)
        table[other].set_result(None)
    return rounds


async def half_the_futures(size: int) -> int:
    loop = asyncio.get_running_loop()
    table: list[asyncio.Future[None]] = [loop.create_future(), _asyncio.Future(loop=loop)]
    first = asyncio.create_task(play(table, 0, 1, size))
    second = asyncio.create_task(play_with_builtin(table, 1, 0, size))
    table[0].set_result(None)
    return await first + await second


async def half_the_tasks(size: int) -> int:
    loop = asyncio.get_running_loop()
    table = [loop.create_future(), loop.create_future()]
    first = asyncio.create_task(play(table, 0, 1, size))
    second: asyncio.Task[int] = _asyncio.Task(play(table, 1, 0, size), loop=loop)
    table[0].set_result(None)
    return await first + await second


def _twice(size: int) -> int:
    return 2 * size


GROUP = Group(
    "Both kinds in one program",
    (
        Row(
            "half-futures",
            "ping-pong, half of the futures built-in",
            half_the_futures,
            size=10_000,
            tiny=100,
            result=_twice,
            operations=_twice,
            tasks=lambda size: 2,
            futures=lambda size: size,
        ),
        Row(
            "half-tasks",
            "ping-pong, one of the tasks built-in",
            half_the_tasks,
            size=10_000,
            tiny=100,
            result=_twice,
            operations=_twice,
            tasks=lambda size: 1,
            futures=_twice,
        ),
    ),
    BOTH,
)
