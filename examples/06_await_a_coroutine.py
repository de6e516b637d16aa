"""Awaiting a coroutine gives what it returns, without a task."""

import asyncio


async def greet():
    await asyncio.sleep(1)
    return "hello from the coroutine"


async def main():
    value = await greet()
    print(value)


asyncio.run(main())
