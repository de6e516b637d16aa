"""A coroutine runs once: a second task made of a finished one ends in RuntimeError."""

import asyncio


async def work():
    await asyncio.sleep(1)


async def main():
    first = asyncio.create_task(work())
    await first
    print(f"done: {first.done()}")
    second = asyncio.create_task(first.get_coro())
    await second


asyncio.run(main())
