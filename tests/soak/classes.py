"""The classes under test, and such with a fault that shows now and then."""

import itertools
import threading

import aioxide
from support import implementation

# One in so many goes wrong.
SELDOM = 97


class LosesCancellations(aioxide.Task):
    """Says that it will be cancelled, and forgets about it."""

    _count = itertools.count(1)

    def cancel(self, msg=None):
        return next(self._count) % SELDOM == 0 or super().cancel(msg)


class SkipsWakeUps(aioxide.Future):
    """Is done, and does not tell those who wait."""

    _count = itertools.count(1)

    def set_result(self, result):
        if next(self._count) % SELDOM == 0:
            for callback, _ in self._callbacks or ():
                self.remove_done_callback(callback)
        super().set_result(result)


class StandsStill(aioxide.Future):
    """Holds its loop up for ever."""

    _count = itertools.count(1)

    def set_result(self, result):
        if next(self._count) % SELDOM == 0:
            threading.Event().wait()
        super().set_result(result)


def _task_factory(cls):
    return lambda loop, coro, **kwargs: cls(coro, loop=loop, **kwargs)


# Name: how a loop makes tasks, and the class of the futures it makes.
CLASSES = {
    "rust": (aioxide.task_factory, aioxide.Future),
    "builtin": (implementation("builtin").task_factory, implementation("builtin").Future),
    "loses cancellations": (_task_factory(LosesCancellations), aioxide.Future),
    "skips wake-ups": (aioxide.task_factory, SkipsWakeUps),
    "stands still": (aioxide.task_factory, StandsStill),
}
