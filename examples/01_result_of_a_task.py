"""A task that has finished hands out what its coroutine returned."""

import asyncio


async def compute():
    await asyncio.sleep(1)
    return 99


async def main():
    task = asyncio.create_task(compute())
    await task
    print(task.result())


asyncio.run(main())
