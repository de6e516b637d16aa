"""Futures hold what they are given, and nothing longer than they live: references and cycles."""

import contextvars
import gc
import sys
import weakref

import pytest
from support import answer, collect, run_passes

variable = contextvars.ContextVar("variable")


class Thing:
    """Something that can be watched."""

    def __call__(self, future):
        pass


class Trouble(Exception):
    pass


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


def context_with(thing):
    context = contextvars.Context()
    context.run(variable.set, thing)
    return context


def two_callbacks(future, thing):
    # The first callback may be kept apart from the others.
    future.add_done_callback(print)
    future.add_done_callback(thing)


def failing_with(future, thing):
    error = Trouble(thing)
    future.set_exception(error)
    future.exception()


def caught_in_a_frame(future, thing):
    try:
        raise Trouble(thing)
    except Trouble as error:
        future.set_exception(error)
    future.exception()


HOLD = {
    "result": lambda future, thing: future.set_result(thing),
    "deep in a result": lambda future, thing: future.set_result([{"key": (thing,)}]),
    "exception": failing_with,
    "exception and its frames": caught_in_a_frame,
    "callback": lambda future, thing: future.add_done_callback(thing),
    "second callback": two_callbacks,
    "context": lambda future, thing: future.add_done_callback(print, context=context_with(thing)),
    "message": lambda future, thing: future.cancel(thing),
    "message set by hand": lambda future, thing: setattr(future, "_cancel_message", thing),
    "attribute": lambda future, thing: setattr(future, "extra", thing),
    "iterator": lambda future, thing: setattr(future, "extra", (future.__await__(), thing)),
}
HELD = pytest.mark.parametrize("hold", HOLD.values(), ids=HOLD)
SUBCLASS = pytest.mark.parametrize("subclass", [False, True], ids=["Future", "subclass"])


def future_class(impl, subclass):
    return type("Promise", (impl.Future,), {}) if subclass else impl.Future


@HELD
def test_what_is_held_lives_as_long_as_the_future(impl, stock_loop, hold):
    future, thing = impl.Future(loop=stock_loop), Thing()
    hold(future, thing)
    watch = weakref.ref(thing)
    del thing
    collect()
    assert watch() is not None
    del future
    collect()
    assert watch() is None


@SUBCLASS
@HELD
def test_cycle_is_collected(impl, stock_loop, hold, subclass):
    future, thing = future_class(impl, subclass)(loop=stock_loop), Thing()
    thing.future = future
    hold(future, thing)
    watches = [weakref.ref(future), weakref.ref(thing)]
    del future, thing
    collect()
    assert [watch() for watch in watches] == [None, None]


@HELD
def test_long_cycle_is_collected(impl, stock_loop, hold):
    futures = [impl.Future(loop=stock_loop) for _ in range(20)]
    things = [Thing() for _ in futures]
    for number, thing in enumerate(things):
        thing.future = futures[number - 1]
        hold(futures[number], thing)
    watches = [weakref.ref(each) for each in futures + things]
    del futures, things, thing
    collect()
    assert [watch() for watch in watches if watch() is not None] == []


@SUBCLASS
def test_cycle_through_the_loop_is_collected(impl, subclass):
    class Loop:
        def get_debug(self):
            return False

    loop = Loop()
    loop.future = future_class(impl, subclass)(loop=loop)
    watch = weakref.ref(loop.future)
    del loop
    collect()
    assert watch() is None


def test_cycle_through_itself_is_collected(impl, stock_loop):
    future = impl.Future(loop=stock_loop)
    future.set_result(future)
    watch = weakref.ref(future)
    del future
    collect()
    assert watch() is None


def test_cycle_through_a_suspended_coroutine_is_collected(impl, stock_loop):
    async def waiter(future):
        await future

    future = impl.Future(loop=stock_loop)
    future.extra = waiter(future)
    future.extra.send(None)
    watch = weakref.ref(future)
    del future
    collect()
    assert watch() is None


def test_source_traceback_is_let_go(impl, stock_loop):
    class Frames(list):
        pass

    stock_loop.set_debug(True)
    future = impl.Future(loop=stock_loop)
    thing = Thing()
    future._source_traceback.append(thing)
    thing.future = future
    watch = weakref.ref(thing)
    del future, thing
    collect()
    assert watch() is None


def test_iterator_keeps_the_future(impl, stock_loop):
    iterator = impl.Future(loop=stock_loop).__await__()
    watch = weakref.ref(next(iterator))
    collect()
    assert watch() is not None
    del iterator
    assert watch() is None


@pytest.mark.parametrize("way", ["iter", "__await__", "awaited"])
def test_cycle_through_an_iterator_is_collected(impl, stock_loop, way):
    """Also through one that nobody has advanced yet; another one has gone, whose memory is used."""
    iter(impl.Future(loop=stock_loop))
    future, thing = impl.Future(loop=stock_loop), Thing()

    async def wait(future):
        await future

    thing.future = future
    thing.iterator = iter(future) if way == "iter" else future.__await__()
    if way == "awaited":
        thing.iterator = wait(future)
        thing.iterator.send(None)
    future.add_done_callback(lambda future, thing=thing: None)
    seen = weakref.ref(thing)
    del future, thing, wait
    collect()
    assert seen() is None


@pytest.mark.parametrize("end", ["close", "throw"])
def test_ended_iterator_lets_the_future_go(impl, stock_loop, end):
    future = impl.Future(loop=stock_loop)
    watch, iterator = weakref.ref(future), future.__await__()
    if end == "close":
        iterator.close()
    else:
        with pytest.raises(Trouble):
            iterator.throw(Trouble())
    del future
    collect()
    assert watch() is None


def test_finished_future_lets_callbacks_and_contexts_go(future, stock_loop):
    things = [Thing() for _ in range(4)]
    future.add_done_callback(things[0])
    future.add_done_callback(things[1])
    future.add_done_callback(print, context=context_with(things[2]))
    future.add_done_callback(things[3])
    watches = [weakref.ref(thing) for thing in things]
    del things
    future.set_result(None)
    run_passes(stock_loop)
    collect()
    assert [watch() for watch in watches] == [None] * 4


def test_removed_callbacks_are_let_go(future):
    thing, other = Thing(), Thing()
    for callback in (thing, other, thing, other):
        future.add_done_callback(callback)
    future.remove_done_callback(thing)
    future.remove_done_callback(other)
    watches = weakref.ref(thing), weakref.ref(other)
    del thing, other, callback
    assert [watch() for watch in watches] == [None, None]


def test_beginning_again_lets_everything_go(future, stock_loop):
    things = [Thing() for _ in range(3)]
    watches = [weakref.ref(thing) for thing in things]
    future.set_result(things[0])
    future.__init__(loop=stock_loop)
    future.add_done_callback(things[1])
    future.add_done_callback(things[1])
    future.__init__(loop=stock_loop)
    future.cancel(things[2])
    future.__init__(loop=stock_loop)
    del things
    collect()
    assert [watch() for watch in watches] == [None] * 3


def test_collector_sees_what_is_held(impl, stock_loop):
    thing = Thing()
    for hold in (HOLD["result"], HOLD["callback"], HOLD["message"]):
        future = impl.Future(loop=stock_loop)
        hold(future, thing)
        assert any(each is thing for each in gc.get_referents(future))
        assert any(each is stock_loop for each in gc.get_referents(future))
        assert gc.is_tracked(future)


# No reference too many or too few


def exercise(impl, loop, things):
    """Puts every one of `things` into every place of a future, and drops it."""
    result, error, callback, context, message = things
    for _ in range(3):
        future = impl.Future(loop=loop)
        for number in range(4):
            future.add_done_callback(callback, context=context if number % 2 else None)
        _ = future._callbacks
        future.remove_done_callback(callback)
        future.add_done_callback(callback, context=context)
        future.set_result(result)
        assert future.result() is result
        assert future._result is result
        with pytest.raises(StopIteration):
            next(future.__await__())

        future = impl.Future(loop=loop)
        future.set_exception(error)
        for _ in range(2):
            try:
                future.result()
            except Trouble as raised:
                raised.__traceback__ = None
        assert future.exception() is future._exception is error

        future = impl.Future(loop=loop)
        future.add_done_callback(callback, context=context)
        future.cancel(message)
        assert future._make_cancelled_error().args[0] is message
        assert future._cancel_message is message
        future = impl.Future(loop=loop)
        future.add_done_callback(callback, context=context)
    del future
    run_passes(loop)


def test_references_balance(impl, stock_loop):
    things = Thing(), Trouble(), Thing(), contextvars.Context(), Thing()
    exercise(impl, stock_loop, things)
    collect()
    before = [sys.getrefcount(thing) for thing in (*things, stock_loop, None.__class__)]
    exercise(impl, stock_loop, things)
    collect()
    after = [sys.getrefcount(thing) for thing in (*things, stock_loop, None.__class__)]
    assert after == before


def test_classes_are_let_go(impl, stock_loop):
    class Promise(impl.Future):
        pass

    promise = Promise(loop=stock_loop)
    promise.set_result(1)
    next_class = weakref.ref(Promise)
    del promise, Promise
    collect()
    assert next_class() is None


# Finalisers that meet a future about to be collected


def test_finaliser_in_a_cycle_finds_the_future_whole(impl, stock_loop):
    seen = []

    class Witness:
        def __del__(self):
            seen.append((self.future.done(), self.future.result(), repr(self.future)))

    witness = Witness()
    witness.future = impl.Future(loop=stock_loop)
    witness.future.set_result("whole")
    witness.future.extra = witness
    del witness
    collect()
    assert seen == [(True, "whole", "<Future finished result='whole'>")]


def test_finaliser_may_keep_the_future(impl, stock_loop):
    kept = []

    class Witness:
        def __del__(self):
            kept.append(self.future)

    witness = Witness()
    witness.future = impl.Future(loop=stock_loop)
    witness.future.extra = witness
    del witness
    collect()
    kept[0].set_result("kept")
    assert kept[0].result() == "kept"
    kept[0].extra = None


def test_dropping_a_result_that_comes_back_to_the_future(impl, stock_loop):
    log = []

    class Meddler:
        def __init__(self, future):
            self.future = weakref.ref(future)

        def __del__(self):
            future = self.future()
            log.append(future is None or future.done())

    future = impl.Future(loop=stock_loop)
    future.set_result(Meddler(future))
    future.__init__(loop=stock_loop)
    assert log == [False]
    future.set_result(Meddler(future))
    del future
    assert log == [False, True]


def test_dropping_a_callback_that_comes_back_to_the_future(future):
    log = []

    class Meddler(Thing):
        def __del__(self):
            log.append((future.done(), future._callbacks))
            future.add_done_callback(print)
            future.remove_done_callback(print)

    future.add_done_callback(Meddler())
    future.add_done_callback(Meddler())
    for callback, _ in future._callbacks:
        future.remove_done_callback(callback)
    del callback
    assert log == [(False, None)] * 2


def test_beginning_again_drops_a_callback_that_comes_back_to_the_future(future, stock_loop):
    log = []

    class Meddler(Thing):
        def __del__(self):
            # The built-in class is not initialised at this moment.
            log.append(answer(future.add_done_callback, print)[0])

    future.add_done_callback(Meddler())
    future.add_done_callback(Meddler())
    future.__init__(loop=stock_loop)
    assert len(log) == 2
    assert not future.done()
    future.remove_done_callback(print)
    future.set_result("sound")
    assert future.result() == "sound"


@pytest.mark.parametrize("name", ["Future", "Task"])
def test_a_class_that_holds_an_object_of_its_own_is_collected(impl, stock_loop, name):
    class Holder(getattr(impl, name)):
        pass

    async def nothing():
        pass

    arguments = (nothing(),) if name == "Task" else ()
    Holder.kept = Holder(*arguments, loop=stock_loop)
    if name == "Task":
        stock_loop.run_until_complete(Holder.kept)
    alive = weakref.ref(Holder)
    del Holder
    collect()
    assert alive() is None
