"""gather() runs coroutines together and lists their values in the order in which they were given.

Here the first one given is the last to end.
"""

import asyncio


async def fetch(number, seconds):
    await asyncio.sleep(seconds)
    print(f"coroutine {number} ends")
    return f"value {number}"


async def main():
    coros = [fetch(1, 0.9), fetch(2, 0.6), fetch(3, 0.3)]
    values = await asyncio.gather(*coros)
    print(values)


asyncio.run(main())
