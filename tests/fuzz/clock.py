"""Loops whose time is counted, not measured, and the knowledge that nothing is left to do."""

import asyncio
import importlib

# What the library does by itself between two things that a program sees takes fewer passes.
_QUIET_PASSES = 12


class _NoFiles:
    """A selector with nothing to watch: waiting for it only moves the clock on.

    When the loop would wait for ever, it is stopped.
    """

    def __init__(self):
        self.now = 0.0
        self.idle = False
        self.loop = None

    def select(self, timeout):
        if timeout is None:
            self.idle = True
            self.loop.stop()
        elif timeout > 0:
            self.now += timeout
        return []

    def register(self, fileobj, events, data=None):
        """The loop's own pipe, by which other threads would wake it: there are none."""

    def get_map(self):
        return {}

    def get_key(self, fileobj):
        raise KeyError(fileobj)

    def close(self):
        self.loop = None


class _SubclassLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop in all but name: who knows the stock loops does not know this one."""


class StockLoop:
    """asyncio's own loop, with seconds that pass when it has nothing else to do."""

    second = 1
    loop_class = asyncio.SelectorEventLoop

    def __init__(self, events):
        self._selector = _NoFiles()
        self.loop = self.loop_class(self._selector)
        # Set on the object: the class stays the exact one, which implementations may look for.
        self.loop.time = lambda: self._selector.now
        self._selector.loop = self.loop

    def run(self):
        """Runs the loop until nothing is left to do or something stops it; False for the latter."""
        self._selector.idle = False
        self.loop.run_forever()
        return self._selector.idle

    def close(self):
        self.loop.close()
        del self.loop.time  # ends the cycle: nothing of a run is left to the garbage collection


class Subclass(StockLoop):
    loop_class = _SubclassLoop


class Uvloop:
    """uvloop, whose clock is out of reach: all times are 0 and it stops when no more happens."""

    second = 0

    def __init__(self, events):
        self.loop = importlib.import_module("uvloop").new_event_loop()
        self._events = events
        self._seen = self._quiet = 0
        self._ticking = False

    def run(self):
        """As that of StockLoop."""
        self._quiet = 0
        if not self._ticking:
            self._ticking = True
            self.loop.call_soon(self._tick)
        self.loop.run_forever()
        return not self._ticking

    def close(self):
        self.loop.close()

    def _tick(self):
        if len(self._events) != self._seen:
            self._seen, self._quiet = len(self._events), 0
        self._quiet += 1
        if self._quiet > _QUIET_PASSES:
            self._ticking = False
            self.loop.stop()
        else:
            self.loop.call_soon(self._tick)


LOOPS = {"asyncio": StockLoop, "subclass": Subclass, "uvloop": Uvloop}
