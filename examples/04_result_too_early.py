"""result() of a task that is still running raises InvalidStateError, which ends this program."""

import asyncio


async def compute():
    await asyncio.sleep(1)
    return 99


async def main():
    task = asyncio.create_task(compute())
    await asyncio.sleep(0.1)
    print(f"done: {task.done()}")
    print(task.result())


asyncio.run(main())
