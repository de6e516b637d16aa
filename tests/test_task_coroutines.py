"""Coroutines that are not native: how a task resumes them."""

import asyncio
import collections.abc

import pytest
from support.tasks import (
    assert_like_builtin,
    described,
    ending,
    passes_until_done,
    reported,
    supervised_loop,
)


class Recording:
    """A coroutine by shape; keeps how it was resumed and does what `script` says in turn."""

    def __init__(self, *script):
        self.script = iter(script)
        self.log = []

    def _resume(self, *how):
        self.log.append(how)
        action = next(self.script)
        if isinstance(action, BaseException):
            raise action
        return action

    def send(self, value):
        return self._resume("send", value)

    def throw(self, *arguments):
        return self._resume("throw", *arguments)

    def close(self):
        self.log.append("close")

    def __await__(self):
        return self


class RecordingIterator(Recording):
    """Has `__next__()` besides."""

    def __iter__(self):
        return self

    def __next__(self):
        return self._resume("next")


class OddStop(StopIteration):
    pass


SCRIPTS = {
    "returns": (None, None, StopIteration("value")),
    "returns nothing": (StopIteration(),),
    "returns a tuple": (StopIteration((1, 2)),),
    "returns two": (StopIteration(1, 2),),
    "returns an exception": (StopIteration(ValueError("not raised")),),
    "subclass of StopIteration": (OddStop("odd"),),
    "raises": (None, ValueError("raised")),
    "raises StopAsyncIteration": (StopAsyncIteration("raised"),),
    "raises GeneratorExit": (GeneratorExit("raised"),),
    "cancels itself": (asyncio.CancelledError("message"),),
    "yields a mistake": (42, StopIteration("caught")),
}


@pytest.mark.parametrize("kind", [Recording, RecordingIterator])
@pytest.mark.parametrize("script", SCRIPTS)
def test_coroutine_by_shape(impl, kind, script):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            coroutine = kind(*SCRIPTS[script])
            task = impl.Task(coroutine, loop=loop)
            passes = passes_until_done(loop, task)
            log = [
                tuple(described(x) if isinstance(x, Exception) else x for x in entry)
                for entry in coroutine.log
            ]
            return passes, ending(task), log, reported(reports)

    passes, _, log, _ = assert_like_builtin(scenario, impl)
    assert passes == len(SCRIPTS[script]) == len(log)


class HalfCoroutine(collections.abc.Coroutine):
    """Its methods cannot be called."""

    send = throw = close = None
    __await__ = None


@pytest.mark.parametrize("cancelled", [False, True])
def test_coroutine_without_methods(impl, cancelled):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            task = impl.Task(HalfCoroutine(), loop=loop)
            if cancelled:
                task.cancel()
            return passes_until_done(loop, task), ending(task), reported(reports)

    _, end, _ = assert_like_builtin(scenario, impl)
    assert end[1][:2] == (TypeError, ("'NoneType' object is not callable",))
