"""The coroutine of a running task belongs to the task: to await it as well is a RuntimeError."""

import asyncio


async def work():
    await asyncio.sleep(1)


async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    print(f"done: {task.done()}")
    await task.get_coro()


asyncio.run(main())
