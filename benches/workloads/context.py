"""What the loop takes by itself, with no task in play."""

import asyncio

from benches.rows import Group, Row
from benches.sides import BOTH


async def call_soon(size: int) -> int:
    """A callback that schedules itself."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = size

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(again)
        else:
            done.set_result(None)

    loop.call_soon(again)
    await done
    return size - left


GROUP = Group(
    "For comparison",
    (
        Row(
            "call-soon",
            "a callback by `call_soon`, no task",
            call_soon,
            size=20_000,
            tiny=200,
            compared=False,
        ),
    ),
    BOTH,
)
