"""Keeping out of a run what differs from process to process, and taking note of what escapes it."""

import asyncio
import contextlib
import gc
import logging
import sys
import warnings


class InOrder(dict):
    """A set that keeps the order in which it was filled, where `set` goes by addresses."""

    def __init__(self, items=()):
        super().__init__(dict.fromkeys(items))

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)


_LOGGER = logging.getLogger("asyncio")
_MODULES = (asyncio.tasks, asyncio.taskgroups)


@contextlib.contextmanager
def controlled(trace):
    """Within it a run is repeatable; warnings and errors that nobody gets are noted in `trace`."""

    def show_warning(message, category, *_args, **_options):
        trace.note_report("warning", category.__name__, trace.text(str(message).partition("\n")[0]))

    def show_unraisable(unraisable):
        what = trace.text(unraisable.err_msg or "")
        trace.note_report("unraisable", what, trace.error(unraisable.exc_value))

    def show_log(record):
        error = record.exc_info and record.exc_info[1]
        trace.note_report("log", trace.text(record.getMessage()), trace.error(error))

    hook = sys.unraisablehook
    _LOGGER.addFilter(show_log)  # which returns false: the record goes no further
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show_warning
        sys.unraisablehook = show_unraisable
        for module in _MODULES:
            module.set = InOrder
        # Whatever was there before is not the run's garbage: its collections are quick.
        gc.disable()
        gc.freeze()
        try:
            yield
        finally:
            gc.unfreeze()
            gc.enable()
            for module in _MODULES:
                del module.set
            sys.unraisablehook = hook
            _LOGGER.removeFilter(show_log)
