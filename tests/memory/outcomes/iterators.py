"""The iterator behind `await`, driven by hand, and coroutines that are left in the middle."""

import contextlib
import warnings

from memory.outcomes import outcome
from memory.outcomes.coroutines import awaiting
from memory.scene import Trouble, Witness


@outcome
def never_asked(scene):
    scene.future().__await__()
    yield


@outcome
def asked_once(scene):
    iterator = iter(scene.future())
    next(iterator)
    yield


@outcome(one_in=2)
def asked_too_early(scene):
    iterator = scene.future().__await__()
    next(iterator)
    with contextlib.suppress(RuntimeError):
        next(iterator)
    yield


@outcome(one_in=2)
def result(scene):
    future = scene.future()
    iterator = future.__await__()
    iterator.send(None)
    future.set_result(Witness())
    for _ in range(2):
        with contextlib.suppress(StopIteration):
            iterator.send(Witness())
    yield


@outcome(one_in=2)
def tuple_for_a_result(scene):
    future = scene.future()
    future.set_result((Witness(), Witness()))
    with contextlib.suppress(StopIteration):
        next(future.__await__())
    yield


@outcome(one_in=2)
def exception(scene):
    future = scene.future()
    iterator = future.__await__()
    next(iterator)
    future.set_exception(Trouble(Witness()))
    with contextlib.suppress(Trouble):
        next(iterator)
    yield


@outcome(one_in=2)
def thrown_into(scene):
    iterator = scene.future().__await__()
    next(iterator)
    with contextlib.suppress(Trouble):
        iterator.throw(Trouble(Witness()))
    yield


@outcome(one_in=10)
def thrown_into_with_three_arguments(scene):
    for arguments in ((Trouble, Witness(), None), (Trouble, Trouble(Witness()), None), (3,)):
        iterator = scene.future().__await__()
        with warnings.catch_warnings(), contextlib.suppress(Trouble, TypeError):
            warnings.simplefilter("ignore", DeprecationWarning)
            iterator.throw(*arguments)
    yield


@outcome
def closed(scene):
    iterator = scene.future().__await__()
    next(iterator)
    iterator.close()
    yield


@outcome
def in_a_coroutine_that_is_closed(scene):
    coroutine = awaiting(scene.future(), Witness())
    coroutine.send(None)
    coroutine.close()
    yield


@outcome(one_in=2)
def in_a_coroutine_that_is_thrown_into(scene):
    coroutine = awaiting(scene.future(), Witness())
    coroutine.send(None)
    with contextlib.suppress(Trouble):
        coroutine.throw(Trouble(Witness()))
    yield


@outcome
def in_a_coroutine_that_is_dropped(scene):
    coroutine = awaiting(scene.future(), Witness())
    coroutine.send(None)
    yield
