"""The repr of a task tells its state, its name, its coroutine and, in the end, its result.

The event loop is made, run and closed by hand.
"""

import asyncio


async def work():
    print("the task runs")
    return "a result"


async def main(loop):
    task = loop.create_task(work())
    print(f"before: {task!r}")
    value = await task
    print(f"after: {task!r}")
    print(f"value: {value}")


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main(loop))
finally:
    loop.close()
