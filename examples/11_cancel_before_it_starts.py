"""A task that is cancelled before the loop gets to it never starts its coroutine."""

import asyncio


async def work():
    print("this is never printed")


async def main(loop):
    task = loop.create_task(work())
    task.cancel()
    print(f"cancelled at once: {task!r}")
    try:
        await task
    except asyncio.CancelledError:
        print("main caught CancelledError")
    else:
        print(f"value: {task.result()}")


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main(loop))
finally:
    loop.close()
