"""ensure_future() wraps a coroutine in a task without starting it; the task can be handed around.

It starts when main first gives way to the loop, here inside the coroutine it was handed to.
"""

import asyncio


async def work():
    print("work: starts")
    return "a result"


async def inner(task):
    print(f"inner: awaits {task!r}")
    value = await task
    print(f"inner: got {value!r}")


async def main(loop):
    task = asyncio.ensure_future(work())
    print("main: made the task, hands it on")
    await inner(task)
    print("main: inner is back")


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main(loop))
finally:
    loop.close()
