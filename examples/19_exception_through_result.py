"""The exception that ends a task is raised where its result is asked for.

It is the very object that exception() returns.
"""

import asyncio


async def fail():
    await asyncio.sleep(1)
    raise Exception("Something bad happened")


async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(1.1)
    try:
        task.result()
    except Exception as error:
        print(f"the exception of the task: {error is task.exception()}")
        print(f"caught {error!r}")


asyncio.run(main())
