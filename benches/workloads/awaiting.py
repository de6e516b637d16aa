"""Futures that somebody completes and somebody awaits."""

import asyncio

from benches.rows import Group, Row, same
from benches.sides import BOTH


async def play(table: list["asyncio.Future[None]"], me: int, other: int, rounds: int) -> int:
    """Waits for its own future, puts a new one there and completes the other's."""
    loop = asyncio.get_running_loop()
    for _ in range(rounds):
        await table[me]
        table[me] = loop.create_future()
        table[other].set_result(None)
    return rounds


async def ping_pong(size: int) -> int:
    """`size` rounds of two players: twice as many futures."""
    loop = asyncio.get_running_loop()
    table = [loop.create_future(), loop.create_future()]
    players = [asyncio.create_task(play(table, me, 1 - me, size)) for me in (0, 1)]
    table[0].set_result(None)
    return await players[0] + await players[1]


async def completed_soon(size: int) -> int:
    loop = asyncio.get_running_loop()
    total = 0
    for _ in range(size):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        total += await future
    return total


async def completed_before(size: int) -> int:
    future = asyncio.get_running_loop().create_future()
    future.set_result(1)
    total = 0
    for _ in range(size):
        total += await future
    return total


async def many_callbacks(size: int) -> int:
    loop = asyncio.get_running_loop()
    called: list[asyncio.Future[None]] = []
    future = loop.create_future()
    for _ in range(size):
        future.add_done_callback(called.append)
    future.set_result(None)
    await asyncio.sleep(0)
    return len(called)


GROUP = Group(
    "Futures",
    (
        Row(
            "ping-pong",
            "ping-pong of two tasks over futures",
            ping_pong,
            size=10_000,
            tiny=100,
            result=lambda size: 2 * size,
            operations=lambda size: 2 * size,
            tasks=lambda size: 2,
            futures=lambda size: 2 * size,
        ),
        Row(
            "call-soon-set-result",
            "await what `call_soon(set_result)` completes",
            completed_soon,
            size=10_000,
            tiny=200,
            futures=same,
        ),
        Row("done", "await a future that is done", completed_before, size=100_000, tiny=1000),
        Row(
            "callbacks",
            "a callback of a future that has 10,000",
            many_callbacks,
            size=10_000,
            tiny=500,
            futures=lambda size: 1,
        ),
    ),
    BOTH,
)
