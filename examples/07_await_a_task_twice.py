"""Awaiting a task gives what its coroutine returned, and gives it again as often as one likes."""

import asyncio


async def greet():
    print("the coroutine runs")
    await asyncio.sleep(1)
    return "hello from the task"


async def main():
    task = asyncio.create_task(greet())
    print(await task)
    print(await task)


asyncio.run(main())
