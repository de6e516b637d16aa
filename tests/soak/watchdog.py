"""What ends a process that stands still, and shows where."""

import faulthandler
import os
import threading


class Watchdog:
    """Within it, the process may take so many seconds; then all stacks are printed, and it ends.

    They are printed by a thread that has the GIL: nothing runs meanwhile that would change what is
    looked at. Where the GIL cannot be had, faulthandler's own timer does it after twice the time,
    however it can.
    """

    def __init__(self, seconds):
        self._seconds = seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        faulthandler.dump_traceback_later(2 * self._seconds, exit=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _watch(self):
        if not self._done.wait(self._seconds):
            faulthandler.dump_traceback(all_threads=True)
            os._exit(1)
