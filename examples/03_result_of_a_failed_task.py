"""result() of a task that failed raises the task's exception; once caught, the program goes on.

Nobody awaits the task: main merely sleeps until it must be over.
"""

import asyncio


async def fail():
    await asyncio.sleep(1)
    raise Exception("Something bad happened")


async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(1.1)
    try:
        print(task.result())
    except Exception as error:
        print(f"caught {error!r}")
    print("and the program goes on")


asyncio.run(main())
