"""What is seen of a run, in a form that is equal for equal behaviour."""

import asyncio
import contextlib
import contextvars
import os
import re
import sys
import weakref

import aioxide

GET_CONTEXT = sys.version_info >= (3, 12)
VARIABLE = contextvars.ContextVar("variable", default=0)

# What differs by nature: an address (maybe the end of one, where a repr was shortened), a number in
# an automatic name, the module of a class, a line of the loop's own code.
_ACCIDENTAL = re.compile(
    r"(?:0x|\.\.\.)[0-9a-fA-F]+(?=>)"
    r"|\bTask-(?P<number>\d+)"
    r"|\b(?:_asyncio|asyncio|aioxide)\.(?=Future|Task)"
    r"|(?<=created at )\S+/asyncio/(?:base_)?events\.py:\d+"
)
_PACKAGE = re.escape(os.path.dirname(aioxide.__file__) + os.sep)
_LOOP_FILE = re.compile(rf"/asyncio/(?:base_)?events\.py$|^{_PACKAGE}")
# The callbacks of asyncio's combinators, which are native on our side: they show their names and,
# in what is raised, their lines, but have no frame. It is missed only where debug mode is switched
# on while a combinator waits, for in debug mode asyncio's own ones are used; but what `gather()`
# returns is ours there as well, and so is its `cancel()`. Or where it is switched on by an eager
# task that a combinator makes.
_COMBINATOR_FILE = re.compile(r"/asyncio/tasks\.py$")
_COMBINATOR_FRAMES = {
    "_done_callback",
    "_inner_done_callback",
    "_outer_done_callback",
    "_on_completion",
    "cancel",
    "gather",
    "shield",
    "ensure_future",
}
_CREATED = re.compile(r"(?<=created at )\S+:\d+")
_DEEPEST = 12
_MAKERS = ("asyncio.base_events", "asyncio.events", "uvloop", "aioxide.factories", "aioxide.loops")
_MAKERS += ("fuzz.settings", "fuzz.faults")


class Trace:
    """The events of one run, and the objects of the program, by which events speak of them."""

    def __init__(self, side):
        self.events = []
        self.objects = []
        # Those that are of other classes than the rest, but for where all are the reference's.
        self.foreign = weakref.WeakSet()
        self.loop = None
        self.collecting = False
        # Whether debug mode was switched on while a combinator of ours was being made: it notes
        # the line that has called it, asyncio's own a line of its own.
        self.made_by_rust = False
        # What the number in the first automatic name is, where the numbers can be compared at all.
        self.first_number = None
        self._side = side

    @contextlib.contextmanager
    def garbage_collection(self):
        """What is noted within counts as a set: finalisers run in no order that could be named."""
        start, before = len(self.events), self.collecting
        self.collecting = True
        yield
        self.collecting = before
        self.events[start:] = sorted(self.events[start:], key=repr)

    def note(self, who, what, *details):
        """Adds an event: who did it, whose step it is, the context it runs in, and details."""
        task = asyncio.current_task(self.loop)
        running = None if task is None else self.label(task)
        self.events.append((who, what, running, VARIABLE.get(), *details))

    def note_report(self, channel, *details):
        """Adds an event that may be the work of a finaliser: at whose step is nobody's concern."""
        self.events.append((channel, *details))

    def add(self, created, foreign=False):
        """Makes `created` an object of the program; returns its label."""
        self.objects.append(created)
        if foreign:
            self.foreign.add(created)
        return f"#{len(self.objects) - 1}"

    def label(self, future):
        for number, known in enumerate(self.objects):
            if known is future:
                return f"#{number}"
        get_name = getattr(future, "get_name", None)
        return self.text(get_name()) if get_name else _kind(future)

    def text(self, text):
        """Returns `text` without what differs from run to run."""
        text = _ACCIDENTAL.sub(self._constant, text)
        return _CREATED.sub("…", text) if self.made_by_rust else text

    def _constant(self, match):
        number = match["number"]
        if number is None or not self._side.numbered or self.first_number is None:
            return "…"
        return f"Task+{int(number) - self.first_number}"

    def value(self, value):
        """Returns `value` as words and numbers."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, BaseException):
            return type(value).__name__, [self.value(arg) for arg in value.args]
        if isinstance(value, (tuple, list)):
            return [self.value(item) for item in value]
        if asyncio.isfuture(value):
            return self.label(value)
        return self.text(repr(value))

    def error(self, error):
        """Returns an exception with all it is chained to; one met before is told by its place."""
        return self._error(error, [])

    def _error(self, error, seen):
        if error is None:
            return None
        for number, known in enumerate(seen):
            if known is error:
                return "as above", number
        if len(seen) > _DEEPEST:
            return "…"
        seen.append(error)
        return (
            type(error).__name__,
            [self.value(arg) for arg in error.args],
            self.text(str(error)),
            # Which finaliser is first to close a coroutine is up to the garbage collection.
            [] if self.collecting else _functions(error.__traceback__),
            error.__suppress_context__,
            self._error(error.__cause__, seen),
            self._error(error.__context__, seen),
            *[self._error(part, seen) for part in getattr(error, "exceptions", ())],
        )

    def report(self, context):
        """Returns what a loop's exception handler was called with."""
        return [
            (key, self.error(value) if key == "exception" else self._reported(key, value))
            for key, value in sorted(context.items())
        ]

    def _reported(self, key, value):
        if isinstance(value, (list, tuple)):  # a source traceback
            # asyncio keeps ten frames, and the more of the loop's the fewer of the others.
            return [(f.name, f.lineno) for f in value if not _is_accidental(f)][-3:]
        if self.collecting and asyncio.isfuture(value):
            # Whether its coroutine was closed before is up to the garbage collection.
            return self.label(value)
        text = self.text(value if isinstance(value, str) else repr(value))
        # Where it was created is the last line of its source traceback, which is told as well.
        return _CREATED.sub("…", text) if key == "handle" else text

    def look(self, future):
        """Returns everything there is to see of a future or task."""
        seen = {
            "repr": self.text(repr(future)),
            "state": future._state,
            "done": (future.done(), future.cancelled()),
            "log": future._log_traceback,
            "message": self.value(future._cancel_message),
            "blocking": future._asyncio_future_blocking,
            "callbacks": len(future._callbacks or ()),
            "error": self.value(future._exception),
            "at home": future.get_loop() is self.loop,
        }
        if hasattr(future, "get_coro"):
            seen |= self._look_at_task(future)
        if self._side.graph and future not in self.foreign:
            # What built-in futures know of each other is out of the reach of other classes.
            waiters = (future._asyncio_awaited_by or set()).difference(self.foreign)
            seen["awaited by"] = sorted(map(self.label, waiters))
        return seen

    def _look_at_task(self, task):
        context = task.get_context() if GET_CONTEXT else None
        # Some built-in tasks crash when they are asked for it after an eager step to their end.
        coroutine = None if task.done() else task.get_coro()
        return {
            "name": self.text(task.get_name()),
            "waits": self.value(task._fut_waiter),
            "must cancel": task._must_cancel,
            "cancelling": task.cancelling(),
            # While it runs there are also those who called it: the loop, which does as it likes.
            "stack": [frame.f_code.co_name for frame in task.get_stack()[-1:]],
            "coroutine": getattr(coroutine, "__name__", None),
            "variable": None if context is None else context.get(VARIABLE),
        }


def _is_accidental(frame):
    """Whether a frame is of the loop or of a combinator."""
    combinator = frame.name in _COMBINATOR_FRAMES and _COMBINATOR_FILE.search(frame.filename)
    return combinator or _LOOP_FILE.search(frame.filename)


def _functions(traceback):
    """Returns the names of the functions that an exception has passed but for what calls steps."""
    names = []
    while traceback is not None:
        frame = traceback.tb_frame
        if not frame.f_globals.get("__name__", "").startswith(_MAKERS):
            names.append(frame.f_code.co_name)
        traceback = traceback.tb_next
    return names


def _kind(future):
    return f"a {type(future).__name__.lstrip('_')}"
