"""Loops whose time is counted, not measured, and the knowledge that nothing is left to do."""

import asyncio
import importlib
import selectors

import stopped_clock

# What the library does by itself between two things that a program sees takes fewer passes.
_QUIET_PASSES = 12


class _Clock:
    """Seconds that pass only while a loop waits. A loop that would wait for ever is stopped."""

    def __init__(self):
        self.now = 0.0
        self.idle = False
        self.loop = None

    def wait(self, seconds):
        """Waits so many seconds, or for ever if that is None."""
        if seconds is None:
            self.idle = True
            self.loop.stop()
        elif seconds > 0:
            self.now += seconds


class _NoFiles:
    """A selector with nothing to watch."""

    def __init__(self, clock):
        self.clock = clock

    def select(self, timeout):
        self.clock.wait(timeout)
        return []

    def register(self, fileobj, events, data=None):
        """The loop's own pipe, by which other threads would wake it: there are none."""

    def get_map(self):
        return {}

    def get_key(self, fileobj):
        raise KeyError(fileobj)

    def close(self):
        """Nothing is held."""


class _NoEvents:
    """What the standard library's selector asks the system by: nothing ever happens."""

    def __init__(self, clock):
        self.clock = clock

    def poll(self, timeout, maxevents):
        self.clock.wait(None if timeout < 0 else timeout)
        return []

    def register(self, fd, events):
        """The loop's own pipe, as above."""

    def unregister(self, fd):
        """The loop closes."""

    def close(self):
        """Nothing is held."""


def _usual_selector(clock):
    """The selector that a loop makes by itself, which implementations may look for."""
    if not hasattr(selectors, "EpollSelector"):
        return _NoFiles(clock)
    selector = selectors.EpollSelector()
    selector._selector.close()
    selector._selector = _NoEvents(clock)
    return selector


class StockLoop:
    """asyncio's own loop and selector, with seconds that pass when there is nothing else to do."""

    second = 1
    loop_class = asyncio.SelectorEventLoop
    make_selector = staticmethod(_usual_selector)

    def __init__(self, events):
        self._clock = clock = _Clock()
        self.loop = clock.loop = self.loop_class(self.make_selector(clock))
        # The class stays the exact one, which implementations may look for.
        if stopped_clock.is_in_place():
            stopped_clock.stop(lambda: clock.now)
        else:
            self.loop.time = lambda: clock.now

    def run(self):
        """Runs the loop until nothing is left to do or something stops it; False for the latter."""
        self._clock.idle = False
        self.loop.run_forever()
        return self._clock.idle

    def close(self):
        self.loop.close()
        # Ends the cycles: nothing of a run is left to the garbage collection.
        if stopped_clock.is_in_place():
            stopped_clock.go_on()
        else:
            del self.loop.time
        self._clock.loop = None


class OwnSelector(StockLoop):
    """asyncio's own loop on a selector that nobody knows."""

    make_selector = _NoFiles


class _SubclassLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop in all but name: who knows the stock loops does not know this one."""


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


LOOPS = {
    "asyncio": StockLoop,
    "own selector": OwnSelector,
    "subclass": Subclass,
    "uvloop": Uvloop,
}
