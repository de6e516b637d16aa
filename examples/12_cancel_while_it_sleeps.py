"""A callback cancels a task that sleeps: first the task sees CancelledError, then who awaits it."""

import asyncio


async def work():
    print("task: goes to sleep")
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        print("task: caught CancelledError, raises it again")
        raise
    print("this is never printed")


def canceller(task):
    print("callback: cancels the task")
    task.cancel()


async def main(loop):
    print("main: creates the task")
    task = loop.create_task(work())
    loop.call_soon(canceller, task)
    try:
        await task
    except asyncio.CancelledError:
        print("main: caught CancelledError too")


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main(loop))
finally:
    loop.close()
