"""Once a task has been awaited, its value can be asked for at any later time with result()."""

import asyncio


async def greet():
    await asyncio.sleep(1)
    return "hello from the task"


async def main():
    task = asyncio.create_task(greet())
    await task
    print(task.result())


asyncio.run(main())
