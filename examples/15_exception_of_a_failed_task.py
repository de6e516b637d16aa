"""exception() of a failed task gives the exception without raising it.

Nobody awaits the task, and its failure does not stop the loop: main goes on.
"""

import asyncio


async def fail():
    await asyncio.sleep(1)
    raise Exception("Something bad happened")


async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(1.1)
    print("main still runs")
    print(repr(task.exception()))


asyncio.run(main())
