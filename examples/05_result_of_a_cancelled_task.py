"""result() of a cancelled task raises CancelledError, which ends this program.

The traceback leads to the `await` inside the task at which it was cancelled.
"""

import asyncio


async def compute():
    await asyncio.sleep(1)
    return 99


async def main():
    task = asyncio.create_task(compute())
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.sleep(0.1)
    print(f"cancelled: {task.cancelled()}")
    print(task.result())


asyncio.run(main())
