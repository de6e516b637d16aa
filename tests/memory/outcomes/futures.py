"""Futures, with everything that is done to them."""

import asyncio
import contextlib
import copy
import pickle
import weakref

from memory.outcomes import outcome
from memory.scene import Trouble, Witness, ignore


@outcome
def pending(scene):
    scene.future()
    yield


@outcome
def result(scene):
    future = scene.future()
    future.set_result(Witness())
    future.result()
    yield


@outcome
def exception(scene):
    future = scene.future()
    future.set_exception(Trouble(Witness()))
    future.exception()
    yield


@outcome(one_in=2)
def exception_raised(scene):
    future = scene.future()
    future.set_exception(Trouble(Witness()))
    for _ in range(2):
        with contextlib.suppress(Trouble):
            future.result()
    yield


@outcome(one_in=2)
def exception_never_retrieved(scene):
    scene.future().set_exception(Trouble(Witness()))
    yield


@outcome(one_in=2)
def exception_given_as_a_class(scene):
    future = scene.future()
    future.set_exception(Trouble)
    future.exception()
    yield


@outcome(one_in=2)
def exception_refused(scene):
    future = scene.future()
    for refused in (3, type, StopIteration(Witness())):
        with contextlib.suppress(TypeError):
            future.set_exception(refused)
    if future.done():
        future.exception()
    yield


@outcome
def cancelled(scene):
    scene.future().cancel(Witness())
    yield


@outcome(one_in=2)
def cancellation_retrieved(scene):
    future = scene.future()
    future.cancel(Witness())
    for retrieve in (future.result, future.exception):
        with contextlib.suppress(asyncio.CancelledError):
            retrieve()
    _ = future._cancel_message, future._make_cancelled_error()
    future._cancel_message = Witness()
    yield


@outcome(one_in=4)
def invalid_state(scene):
    future = scene.future()
    for too_early in (future.result, future.exception):
        with contextlib.suppress(asyncio.InvalidStateError):
            too_early()
    future.set_result(Witness())
    for too_late in (future.set_result, future.set_exception):
        with contextlib.suppress(asyncio.InvalidStateError):
            too_late(Trouble(Witness()))
    yield


@outcome
def callback(scene):
    future = scene.future()
    future.add_done_callback(ignore)
    future.set_result(Witness())
    yield


@outcome
def callback_when_it_is_done(scene):
    future = scene.future()
    future.set_result(Witness())
    future.add_done_callback(Witness().called)
    yield


@outcome(one_in=10)
def many_callbacks(scene):
    future = scene.future()
    for _ in range(10):
        future.add_done_callback(Witness().called)
    future.set_result(None)
    yield


@outcome(one_in=2)
def callbacks_in_contexts(scene):
    future = scene.future()
    future.add_done_callback(ignore, context=scene.context())
    future.add_done_callback(ignore, context=scene.shared_context)
    future.set_result(None)
    yield


@outcome(one_in=2)
def callbacks_shown(scene):
    future = scene.future()
    future.add_done_callback(Witness().called)
    future.add_done_callback(ignore, context=scene.shared_context)
    _ = future._callbacks
    future.cancel()
    yield


@outcome(one_in=2)
def callbacks_removed(scene):
    future = scene.future()
    called = Witness().called
    for callback in (called, ignore, called, ignore, called):
        future.add_done_callback(callback)
    future.remove_done_callback(called)
    future.remove_done_callback(print)
    future.set_result(None)
    yield


@outcome(one_in=10)
def callback_that_cannot_be_compared(scene):
    class Incomparable(Witness):
        def __eq__(self, other):
            raise Trouble(self)

        __hash__ = None

    future = scene.future()
    future.add_done_callback(Incomparable())
    with contextlib.suppress(Trouble):
        future.remove_done_callback(ignore)
    yield


@outcome(one_in=10)
def callback_that_fails(scene):
    def failing(future):
        raise Trouble(future)

    future = scene.future()
    future.add_done_callback(failing)
    future.set_result(Witness())
    yield


@outcome
def callbacks_of_one_that_is_dropped(scene):
    future = scene.future()
    future.add_done_callback(Witness().called)
    future.add_done_callback(Witness().called, context=scene.context())
    yield


@outcome(one_in=2)
def attributes(scene):
    future = scene.future()
    future.extra = Witness()
    weakref.ref(future)
    future.set_result(Witness())
    for attribute in ("_state", "_result", "_exception", "_loop", "_cancel_message"):
        getattr(future, attribute)
    future._asyncio_future_blocking = True
    with contextlib.suppress(ValueError):
        future._log_traceback = True
    future.get_loop()
    yield


@outcome(one_in=10)
def shown(scene):
    future = scene.future()
    future.add_done_callback(Witness().called)
    repr(future)
    future.set_result(Witness())
    repr(future)
    yield


@outcome(one_in=20, debug=True)
def debug_mode(scene):
    future = scene.future()
    del future._source_traceback[-1]
    future.set_exception(Trouble(Witness()))
    yield


@outcome(one_in=2)
def subclass(scene):
    future = scene.future(scene.SubFuture)
    future.extra = Witness()
    future.add_done_callback(Witness().called)
    future.set_result(Witness())
    yield


@outcome(one_in=2)
def begun_again(scene):
    future = scene.future()
    future.add_done_callback(Witness().called)
    future.set_result(Witness())
    with contextlib.suppress(RuntimeError):
        future.__init__(loop=scene.loop)
    yield


@outcome(one_in=2)
def without_beginning(scene):
    future = scene.Future.__new__(scene.Future)
    future.extra = Witness()
    for method in (future.result, future.get_loop, future.__await__):
        with contextlib.suppress(RuntimeError, asyncio.InvalidStateError):
            method()
    yield


@outcome(one_in=20)
def refused(scene):
    future = scene.future()
    for misuse in (
        lambda: scene.Future(3),
        lambda: scene.Future(nothing=Witness()),
        lambda: scene.Future(loop=3),
        lambda: future.add_done_callback(),
        lambda: future.add_done_callback(Witness(), Witness()),
        lambda: copy.copy(future),
        lambda: pickle.dumps(future),
        lambda: future.nothing,
    ):
        with contextlib.suppress(TypeError, AttributeError):
            misuse()
    yield


@outcome
def type_arguments(scene):
    _ = scene.Future[Witness()], scene.Task[Witness()]
    yield


@outcome(one_in=20)
def classes(scene):
    class Promise(scene.Future):
        pass

    promise = Promise(loop=scene.loop)
    promise.set_result(Witness())
    yield
