"""Shortens the sleeps of any asyncio program, unseen by the program.

Put this folder first on PYTHONPATH: Python imports `sitecustomize` before the program begins. The
environment variable AIOXIDE_EXAMPLES_TIME says what becomes of `asyncio.sleep()`:

- a number: sleeps last so many times as long as asked for; `0.2` makes them five times shorter;
- `virtual`: they take no time at all, yet end in the order of their deadlines. A clock of the
  loop's own stands still while the loop has work to do, and then jumps to the next deadline;
- unset: sleeps are left alone.

Nothing but `asyncio.sleep()` is touched: other timers of the loop keep real time.
"""

import asyncio
import asyncio.tasks
import heapq
import itertools
import math
import os

# How often the loop may pass between two wake-ups: more than any chain of callbacks that the first
# one sets off needs to come to rest.
QUIET_PASSES = 50

real_sleep = asyncio.tasks.sleep


class VirtualClock:
    """The sleepers of one loop, and the time by which they wake up, in seconds."""

    def __init__(self):
        self.now = 0.0
        # (deadline, order of arrival, future)
        self.sleepers = []
        self.arrivals = itertools.count()
        self.pumping = False

    def wake_after(self, delay, future):
        """Sees to it that `future` gets its result `delay` seconds from now."""
        heapq.heappush(self.sleepers, (self.now + delay, next(self.arrivals), future))
        if not self.pumping:
            self.pumping = True
            self._pump(future.get_loop(), QUIET_PASSES)

    def _pump(self, loop, passes):
        """Lets the loop pass `passes` times, then wakes a sleeper, and so on while any is left."""
        while self.sleepers and self.sleepers[0][2].done():  # it was cancelled
            heapq.heappop(self.sleepers)
        if self.sleepers and not passes:
            self.now, _, future = heapq.heappop(self.sleepers)
            future.set_result(None)
            passes = QUIET_PASSES
        self.pumping = bool(self.sleepers)
        if self.pumping:
            loop.call_soon(self._pump, loop, passes - 1)


def clock_of(loop):
    """Returns the clock of `loop`: kept on the loop, it goes when the loop goes."""
    if not hasattr(loop, "virtual_clock"):
        loop.virtual_clock = VirtualClock()
    return loop.virtual_clock


async def virtual_sleep(delay, result=None):
    """Sleeps `delay` seconds of the loop's virtual clock, and returns `result`."""
    if delay <= 0 or math.isnan(delay):
        return await real_sleep(delay, result)
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    clock_of(loop).wake_after(delay, future)
    await future
    return result


def scaled_sleep(factor):
    """Returns a `sleep()` that lasts `factor` times as long as it is asked to."""

    async def sleep(delay, result=None):
        return await real_sleep(delay * factor, result)

    return sleep


def sleep_for(setting):
    """Returns the `sleep()` that AIOXIDE_EXAMPLES_TIME=`setting` asks for."""
    return virtual_sleep if setting == "virtual" else scaled_sleep(float(setting))


if "AIOXIDE_EXAMPLES_TIME" in os.environ:
    asyncio.sleep = asyncio.tasks.sleep = sleep_for(os.environ["AIOXIDE_EXAMPLES_TIME"])
