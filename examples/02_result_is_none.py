"""A coroutine that returns nothing gives its task the result None."""

import asyncio


async def pause():
    await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(pause())
    await task
    print(task.result())


asyncio.run(main())
