"""exception() of a task that ended well is None."""

import asyncio


async def work():
    await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(work())
    await task
    print(task.exception())


asyncio.run(main())
