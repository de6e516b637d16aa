"""An event loop that has the documented methods and nothing else.

No `_ready`, no `_call_soon`, no `_check_thread`, no `asyncio.Handle`: whatever reaches for a
private attribute of a loop that it does not know fails here.
"""

import asyncio
import collections
import contextvars
import heapq
import itertools
import sys
import threading
import time
import traceback
from asyncio import _set_running_loop


class MinimalHandle:
    """One call that is due: what `call_soon()` and its kin return."""

    __slots__ = ("__weakref__", "_args", "_callback", "_cancelled", "_context")

    def __init__(self, callback, args, context):
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False

    def cancel(self):
        self._cancelled = True
        self._callback = self._args = None

    def cancelled(self):
        return self._cancelled

    def run(self):
        if not self._cancelled:
            self._context.run(self._callback, *self._args)


class MinimalLoop(asyncio.AbstractEventLoop):
    """Everything that tasks and futures may ask of a loop; no sockets, no executors, no signals."""

    def __init__(self):
        self.__due = collections.deque()
        self.__later = []
        self.__order = itertools.count()
        self.__wake = threading.Condition()
        self.__running = self.__stopping = self.__closed = self.__debug = False
        self.__task_factory = self.__exception_handler = None

    # Running and stopping

    def run_forever(self):
        self.__check_closed()
        if self.__running:
            raise RuntimeError("This event loop is already running")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")
        self.__running = True
        _set_running_loop(self)
        try:
            while True:
                self.__pass()
                if self.__stopping:
                    break
        finally:
            self.__running = self.__stopping = False
            _set_running_loop(None)

    def __pass(self):
        with self.__wake:
            while not (self.__due or self.__stopping or self.__take_timers()):
                self.__wake.wait(self.__later[0][0] - self.time() if self.__later else None)
            self.__take_timers()
        for _ in range(len(self.__due)):
            self.__run(self.__due.popleft())

    def __take_timers(self):
        """Moves what has become due to the queue; tells whether there was any."""
        before = len(self.__due)
        while self.__later and self.__later[0][0] <= self.time():
            self.__due.append(heapq.heappop(self.__later)[2])
        return len(self.__due) > before

    def __run(self, handle):
        try:
            handle.run()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            message = "Exception in a callback"
            self.call_exception_handler({"message": message, "exception": error, "handle": handle})

    def run_until_complete(self, future):
        self.__check_closed()
        future = asyncio.ensure_future(future, loop=self)
        future.add_done_callback(self.__stop_on)
        try:
            self.run_forever()
        finally:
            future.remove_done_callback(self.__stop_on)
        if not future.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return future.result()

    def __stop_on(self, future):
        # SystemExit and KeyboardInterrupt have left run_forever(): a stop would end the next run.
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, (SystemExit, KeyboardInterrupt)):
            self.stop()

    def stop(self):
        self.__stopping = True

    def is_running(self):
        return self.__running

    def is_closed(self):
        return self.__closed

    def close(self):
        if self.__running:
            raise RuntimeError("Cannot close a running event loop")
        self.__closed = True
        self.__due.clear()
        self.__later.clear()

    def __check_closed(self):
        if self.__closed:
            raise RuntimeError("Event loop is closed")

    # Calls

    def call_soon(self, callback, *args, context=None):
        self.__check_closed()
        handle = MinimalHandle(callback, args, context)
        self.__due.append(handle)
        return handle

    def call_soon_threadsafe(self, callback, *args, context=None):
        handle = self.call_soon(callback, *args, context=context)
        with self.__wake:
            self.__wake.notify()
        return handle

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        self.__check_closed()
        handle = MinimalHandle(callback, args, context)
        heapq.heappush(self.__later, (when, next(self.__order), handle))
        return handle

    def time(self):
        return time.monotonic()

    # Futures and tasks

    def create_future(self):
        return asyncio.Future(loop=self)

    def create_task(self, coro, **kwargs):
        if self.__task_factory is None:
            return asyncio.Task(coro, loop=self, **kwargs)
        return self.__task_factory(self, coro, **kwargs)

    def set_task_factory(self, factory):
        self.__task_factory = factory

    def get_task_factory(self):
        return self.__task_factory

    # Errors and debug mode

    def call_exception_handler(self, context):
        if self.__exception_handler is None:
            self.default_exception_handler(context)
            return
        try:
            self.__exception_handler(self, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            traceback.print_exc()

    def default_exception_handler(self, context):
        print(context.get("message"), file=sys.stderr)
        if (error := context.get("exception")) is not None:
            traceback.print_exception(error)

    def set_exception_handler(self, handler):
        self.__exception_handler = handler

    def get_exception_handler(self):
        return self.__exception_handler

    def get_debug(self):
        return self.__debug

    def set_debug(self, enabled):
        self.__debug = enabled
