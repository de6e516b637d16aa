"""The exception that ends a task is raised where the task is awaited."""

import asyncio


async def fail():
    await asyncio.sleep(1)
    raise Exception("Something bad happened")


async def main():
    task = asyncio.create_task(fail())
    try:
        await task
    except Exception as error:
        print(f"caught {error!r}")


asyncio.run(main())
