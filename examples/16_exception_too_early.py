"""exception() of a task that is still running raises InvalidStateError, which ends this program."""

import asyncio


async def work():
    await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    print(f"done: {task.done()}")
    print(task.exception())


asyncio.run(main())
