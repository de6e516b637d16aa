"""exception() of a cancelled task raises CancelledError, which ends this program."""

import asyncio


async def work():
    await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.sleep(0.1)
    print(f"cancelled: {task.cancelled()}")
    print(task.exception())


asyncio.run(main())
