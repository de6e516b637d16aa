"""What is sent from thread to thread. A job is known by its number, and says when it has ended.

Each takes a handful of passes of its loop, so that one that has not ended long after was lost.
"""

import asyncio
import threading


class Jobs:
    """The jobs of one round."""

    def __init__(self):
        # What jobs are under way, by number: the kind and the places of the loops.
        self.open = {}
        self.wrong = []

    def ended(self, number, outcome, expected):
        """Called by the job itself, in the thread of its loop."""
        if outcome != expected:
            self.wrong.append((self.open[number], number, outcome))
        del self.open[number]

    # Called in the threads that send; `here` and `there` are homes of loops.

    def coroutine(self, number, here, there):
        """run_coroutine_threadsafe()"""
        sent = asyncio.run_coroutine_threadsafe(_several_passes(number), here.loop)
        sent.add_done_callback(lambda sent: self.ended(number, sent.result(), number))

    def wake_up(self, number, here, there):
        """call_soon_threadsafe(future.set_result)"""
        here.loop.call_soon_threadsafe(self._begin, number, here)
        here.loop.call_soon_threadsafe(lambda: here.futures.pop(number).set_result(number))

    def cancellation(self, number, here, there):
        """call_soon_threadsafe(task.cancel)"""
        here.loop.call_soon_threadsafe(self._begin, number, here)
        # One pass later, when the task has begun and is there to notice.
        here.loop.call_soon_threadsafe(
            lambda: here.loop.call_soon(here.tasks[number].cancel, number)
        )

    def relay(self, number, here, there):
        """One loop awaits what another one runs."""
        begin = self._relayed(number, there)
        here.loop.call_soon_threadsafe(lambda: here.keep(number, here.loop.create_task(begin)))

    def cancelled_relay(self, number, here, there):
        """A coroutine in another loop is cancelled through its concurrent future."""
        begun = threading.Event()
        coroutine = self._until_cancelled(number, here, begun)
        sent = asyncio.run_coroutine_threadsafe(coroutine, here.loop)
        begun.wait()  # before that, it would not be there to notice
        sent.cancel()

    def _begin(self, number, home):
        home.futures[number] = future = home.loop.create_future()
        home.keep(number, home.loop.create_task(self._wait(number, future, home)))

    async def _wait(self, number, future, home):
        try:
            outcome = await future
        except asyncio.CancelledError as error:
            outcome = error.args[0]
            home.futures.pop(number)
        self.ended(number, outcome, number)

    async def _relayed(self, number, there):
        sent = asyncio.run_coroutine_threadsafe(_several_passes(number), there.loop)
        self.ended(number, await asyncio.wrap_future(sent), number)

    async def _until_cancelled(self, number, home, begun):
        begun.set()
        try:
            await home.loop.create_future()
        except asyncio.CancelledError:
            self.ended(number, "cancelled", "cancelled")
            raise


async def _several_passes(number):
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    future = loop.create_future()
    loop.call_soon(future.set_result, number)
    return await future


KINDS = (Jobs.coroutine, Jobs.wake_up, Jobs.cancellation, Jobs.relay, Jobs.cancelled_relay)
