"""Deliberate faults, each of which the fuzzer has to find.

Most are subclasses of the Rust classes that get one thing wrong. What a subclass cannot get at, the
inside of a step or of a future, goes wrong in subclasses of asyncio's classes in Python, which are
then the reference, too: they are seen in tracebacks.
"""

import asyncio
from asyncio.futures import _PyFuture
from asyncio.tasks import _PyTask
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial

import aioxide
from support.implementations import BuiltinFuture, BuiltinTask

from fuzz.settings import EAGER, SETTINGS, Setting, Side

# The faults by name; each is a setting as well.
FAULTS = {}
# The same classes without a fault, and so settings in which nothing may be found.
RIGHT = {"right rust": (aioxide.Task, aioxide.Future), "right python": (_PyTask, _PyFuture)}


def fault(wrong):
    """Adds a class to the faults, by its name in words."""
    name = "".join(c if c.islower() else f" {c.lower()}" for c in wrong.__name__).strip()
    FAULTS[name] = wrong
    SETTINGS[name] = partial(_faulty, wrong)
    return wrong


def _faulty(wrong):
    task, future = next(pair for pair in RIGHT.values() if issubclass(wrong, pair))
    faulty = (wrong, future) if issubclass(wrong, task) else (task, wrong)
    return Setting(_side(task, future), _side(*faulty))


def _right(classes):
    return Setting(_side(*classes), _side(*classes))


SETTINGS |= {name: partial(_right, classes) for name, classes in RIGHT.items()}


def _side(*classes):
    # Subclasses on both sides, named like the real ones: only what they do tells them apart.
    task, future = (
        type(name, (base,), {}) for name, base in zip(("Task", "Future"), classes, strict=True)
    )
    eager = {"eager_task_factory": asyncio.create_eager_task_factory(task)} if EAGER else {}
    return Side(
        *(task, future, BuiltinTask, BuiltinFuture),
        in_force=lambda: _in_force(task, future),
        numbered=False,
        graph=False,
        debug=False,
        **eager,
    )


@contextmanager
def _in_force(task, future):
    places = [(asyncio, "Task", task), (asyncio, "Future", future)]
    places += [(asyncio.tasks, "Task", task), (asyncio.futures, "Future", future)]
    # On 3.14 tasks in Python keep to themselves which of them runs; here they tell.
    for name, hook in vars(asyncio.tasks).items():
        if name.startswith("_c_"):
            places.append((asyncio.tasks, name.replace("_c_", "_py_"), hook))
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, replacement in places:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for (module, name, _), old in zip(places, before, strict=True):
            setattr(module, name, old)


# Tasks


@fault
class CancelLosesItsMessage(aioxide.Task):
    def cancel(self, msg=None):
        return super().cancel()


@fault
class CancelSaysNo(aioxide.Task):
    def cancel(self, msg=None):
        super().cancel(msg)
        return False


@fault
class UncancelDoesNothing(aioxide.Task):
    def uncancel(self):
        return self.cancelling()


@fault
class CancellingCountsToOne(aioxide.Task):
    def cancelling(self):
        return min(super().cancelling(), 1)


@fault
class NameIsIgnored(aioxide.Task):
    def __init__(self, coro, *, name=None, **options):
        super().__init__(coro, **options)


@fault
class ContextIsIgnored(aioxide.Task):
    def __init__(self, coro, *, context=None, **options):
        super().__init__(coro, **options)


@fault
class DestroyedPendingWithoutReport(aioxide.Task):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._log_destroy_pending = False


@fault
class MustCancelIsNotCleared(_PyTask):
    _sticky = False
    _must_cancel = property(
        lambda self: self._sticky,
        lambda self, value: setattr(self, "_sticky", self._sticky or value),
    )


@fault
class CancelledErrorIsForgotten(_PyTask):
    _cancelled_exc = property(lambda self: None, lambda self, value: None)


@fault
class AwaitedFutureIsKept(_PyTask):
    _kept = None
    _fut_waiter = property(
        lambda self: self._kept,
        lambda self, future: setattr(self, "_kept", future or self._kept),
    )


@fault
class WakeUpIsSkipped(_PyTask):
    def _Task__wakeup(self, future):
        if not future.cancelled():
            super()._Task__wakeup(future)


@fault
class WakeUpIsLate(_PyTask):
    def _Task__wakeup(self, future):
        self._loop.call_soon(super()._Task__wakeup, future, context=self._context)


@fault
class KeyboardInterruptStaysInside(_PyTask):
    def _Task__step(self, exc=None):
        with suppress(KeyboardInterrupt):
            super()._Task__step(exc)


# Futures


@fault
class CallbackIsCalledSynchronously(aioxide.Future):
    def add_done_callback(self, fn, *, context=None):
        if self.done():
            fn(self)
        else:
            super().add_done_callback(fn, context=context)


@fault
class CallbackInWrongContext(aioxide.Future):
    def add_done_callback(self, fn, *, context=None):
        super().add_done_callback(fn, context=Context())


@fault
class CallbackIsCalledTwice(aioxide.Future):
    def add_done_callback(self, fn, *, context=None):
        super().add_done_callback(fn, context=context)
        super().add_done_callback(fn, context=context)


@fault
class OnlyOneCallbackIsRemoved(aioxide.Future):
    def remove_done_callback(self, fn):
        removed = super().remove_done_callback(fn)
        for _ in range(removed - 1):
            super().add_done_callback(fn)
        return min(removed, 1)


@fault
class CallbacksAreReversed(_PyFuture):
    def _Future__schedule_callbacks(self):
        self._callbacks.reverse()
        super()._Future__schedule_callbacks()


@fault
class ResultGrowsTheTraceback(aioxide.Future):
    _kept = None

    def result(self):
        if self._kept is not None:
            raise self._kept
        try:
            return super().result()
        except Exception as error:
            self._kept = error
            raise


@fault
class RetrievedExceptionIsReported(_PyFuture):
    def exception(self):
        error = super().exception()
        self._Future__log_traceback = error is not None
        return error


@fault
class UnretrievedExceptionIsNotReported(aioxide.Future):
    def set_exception(self, exception):
        super().set_exception(exception)
        self._log_traceback = False


if EAGER:

    @fault
    class EagerStartIsLate(aioxide.Task):
        def __init__(self, coro, *, eager_start=False, **options):
            super().__init__(coro, **options)

    @fault
    class CurrentTaskIsNotRestored(aioxide.Task):
        def __init__(self, coro, *, loop, eager_start=False, **options):
            super().__init__(coro, loop=loop, eager_start=eager_start, **options)
            if eager_start:
                swap = asyncio.tasks._swap_current_task
                swap(loop, self)
                loop.call_soon(swap, loop, None)  # or it would be wrong in every later run as well
