"""get_coro() gives back the very coroutine object that the task was made of."""

import asyncio


async def work():
    await asyncio.sleep(1)


async def main():
    coro = work()
    task = asyncio.create_task(coro)
    await asyncio.sleep(0.1)
    print(f"the same coroutine: {task.get_coro() is coro}")


asyncio.run(main())
