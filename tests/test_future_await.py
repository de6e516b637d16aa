"""Awaiting a future: the iterator behind `await`, and what awaiting does with each outcome."""

import asyncio
import collections.abc
import sys
import types
import warnings

import pytest
from support import BuiltinFuture, answer, normalised, run_passes, same_as_builtin


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


async def awaiting(future):
    return await future


# Running to the end


def test_await_suspends_until_the_result_is_there(loop, impl):
    future = impl.Future(loop=loop)
    order = []

    async def waiter():
        order.append("before")
        order.append(await future)

    task = impl.Task(waiter(), loop=loop)
    run_passes(loop)
    assert order == ["before"]
    assert future._asyncio_future_blocking is False
    future.set_result("result")
    assert order == ["before"]
    loop.run_until_complete(task)
    assert order == ["before", "result"]


def test_await_raises_the_exception(loop, impl):
    future = impl.Future(loop=loop)
    error = LookupError("from the future")
    loop.call_soon(future.set_exception, error)
    with pytest.raises(LookupError) as caught:
        loop.run_until_complete(impl.Task(awaiting(future), loop=loop))
    assert caught.value is error


def test_await_raises_the_cancellation(loop, impl):
    future = impl.Future(loop=loop)
    loop.call_soon(future.cancel, "because")
    task = impl.Task(awaiting(future), loop=loop)
    with pytest.raises(asyncio.CancelledError, match="because"):
        loop.run_until_complete(task)
    assert task.cancelled()


def test_run_until_complete_takes_a_future(loop, impl):
    future = impl.Future(loop=loop)
    loop.call_soon(future.set_result, "direct")
    assert loop.run_until_complete(future) == "direct"


def test_many_await_one_future(loop, impl):
    future = impl.Future(loop=loop)
    woken = []

    async def waiter(number):
        woken.append((number, await future))

    tasks = [impl.Task(waiter(number), loop=loop) for number in range(10)]
    run_passes(loop)
    future.set_result("shared")
    loop.run_until_complete(asyncio.wait(tasks))
    assert woken == [(number, "shared") for number in range(10)]


def ends(future, times, advance=next):
    """How an iterator of the future ends, and then again."""
    iterator = future.__await__()
    seen = []
    for _ in range(times):
        try:
            advance(iterator)
        except BaseException as end:
            seen.append((type(end), end.args, end.__context__))
    return seen


@pytest.mark.parametrize("advance", [next, lambda iterator: iterator.send(None)])
@pytest.mark.parametrize("result", [None, 7, (1, 2), ValueError("a value")])
def test_how_an_iterator_ends(impl, stock_loop, result, advance):
    """Whether the end has arguments, and is chained to what is handled: as the interpreter does."""
    handled = LookupError()

    def stops(cls):
        future = cls(loop=stock_loop)
        future.set_result(result)
        try:
            raise handled
        except LookupError:
            stops = ends(future, 1, advance)
        return stops + ends(future, 1, advance)

    seen = stops(impl.Future)
    assert seen == stops(BuiltinFuture)
    assert [stop for stop, *_ in seen] == [StopIteration] * 2


def set_error(future):
    future.set_exception(ValueError("an error"))


@pytest.mark.parametrize(
    "finish", [lambda future: future.set_result(7), set_error, lambda future: future.cancel()]
)
def test_an_iterator_that_has_ended_is_asked_again(impl, stock_loop, finish):
    def seen(cls):
        future = cls(loop=stock_loop)
        finish(future)
        return [(kind, args) for kind, args, _ in ends(future, 3)]

    assert seen(impl.Future) == seen(BuiltinFuture)


@pytest.mark.parametrize("result", [None, 7, (1, 2), (), ValueError("a value"), StopIteration(3)])
def test_awaiting_a_done_future_does_not_suspend(future, result):
    future.set_result(result)
    for _ in range(2):
        with pytest.raises(StopIteration) as stop:
            awaiting(future).send(None)
        assert stop.value.value is result
    assert future._asyncio_future_blocking is False


def test_awaiting_a_failed_future_does_not_suspend(future):
    error = LookupError()
    future.set_exception(error)
    for _ in range(2):
        with pytest.raises(LookupError) as caught:
            awaiting(future).send(None)
        assert caught.value is error


def test_awaiting_a_cancelled_future_does_not_suspend(future):
    future.cancel("because")
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError, match="because"):
            awaiting(future).send(None)


def test_yield_from(future):
    def generator():
        return (yield from future)

    suspended = generator()
    assert next(suspended) is future
    future.set_result("delegated")
    with pytest.raises(StopIteration) as stop:
        next(suspended)
    assert stop.value.value == "delegated"


def test_generator_based_coroutine(loop, impl):
    future = impl.Future(loop=loop)

    @types.coroutine
    def generator():
        return (yield from future)

    async def main():
        return await generator()

    loop.call_soon(future.set_result, "delegated")
    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == "delegated"


def test_suspended_coroutine_yields_the_future_itself(future):
    coroutine = awaiting(future)
    assert coroutine.send(None) is future
    assert future._asyncio_future_blocking is True
    future.set_result("result")
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == "result"


# Wrong awaits


def test_coroutine_resumed_too_early(future):
    coroutine = awaiting(future)
    coroutine.send(None)
    with pytest.raises(RuntimeError) as caught:
        coroutine.send(None)
    assert str(caught.value) == "await wasn't used with future"
    assert not future.done()


def test_coroutine_that_survives_being_resumed_too_early(future):
    async def stubborn():
        try:
            await future
        except RuntimeError:
            return await future

    coroutine = stubborn()
    coroutine.send(None)
    # The future is still marked by the first await, so the second is too early as well.
    with pytest.raises(RuntimeError):
        coroutine.send(None)


def test_two_coroutines_without_a_task_between_them(impl, stock_loop):
    # The mark that the first left on the future makes the second's first step look too early.
    def act(future):
        first, second = awaiting(future), awaiting(future)
        first.send(None)
        try:
            return second.send(None)
        finally:
            first.close()

    _, error, *_ = same_as_builtin(impl, stock_loop, act)
    assert error is RuntimeError


def test_mark_taken_off_by_hand(future):
    first, second = awaiting(future), awaiting(future)
    assert first.send(None) is future
    future._asyncio_future_blocking = False
    assert second.send(None) is future
    first.close()
    second.close()


# The iterator


def test_iterator_is_an_iterator(future):
    for iterator in (future.__await__(), iter(future)):
        assert iter(iterator) is iterator
        assert isinstance(iterator, collections.abc.Iterator)
    assert type(iter(future)) is type(future.__await__())
    assert iter(future) is not iter(future)
    assert isinstance(future, collections.abc.Awaitable)
    assert isinstance(future, collections.abc.Iterable)


def test_iterator_has_what_the_builtin_one_has(future, stock_loop):
    theirs = BuiltinFuture(loop=stock_loop).__await__()
    assert set(dir(future.__await__())) >= set(dir(theirs))
    assert isinstance(theirs, collections.abc.Generator) == isinstance(
        future.__await__(), collections.abc.Generator
    )


def test_iterator_made_by_hand_is_harmless(future):
    # Refused by some versions, born exhausted in others.
    iterator = type(future.__await__())
    assert answer(lambda: next(iterator()))[1] in (TypeError, StopIteration)
    assert answer(lambda: next(iterator.__new__(iterator)))[1] in (TypeError, StopIteration)


STEPS = {
    "next": next,
    "send None": lambda iterator: iterator.send(None),
    "send a value": lambda iterator: iterator.send("ignored"),
}
STEP = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


@STEP
def test_iterator_gives_the_future_then_the_result(future, step):
    iterator = future.__await__()
    assert future._asyncio_future_blocking is False
    assert step(iterator) is future
    assert future._asyncio_future_blocking is True
    future.set_result((1, 2))
    with pytest.raises(StopIteration) as stop:
        step(iterator)
    assert stop.value.value == (1, 2)
    with pytest.raises(StopIteration) as stop:
        next(iterator)


@STEP
def test_iterator_of_a_done_future(future, step):
    future.set_result("there already")
    with pytest.raises(StopIteration) as stop:
        step(future.__await__())
    assert stop.value.value == "there already"


@STEP
def test_iterator_of_a_failed_future(future, step):
    future.set_exception(LookupError)
    with pytest.raises(LookupError):
        step(future.__await__())


@STEP
def test_iterator_resumed_too_early(future, step):
    iterator = future.__await__()
    step(iterator)
    for _ in range(2):
        with pytest.raises(RuntimeError) as caught:
            step(iterator)
        assert str(caught.value) == "await wasn't used with future"


def test_iterators_are_independent(future):
    first, second = future.__await__(), future.__await__()
    assert next(first) is future
    future.set_result(1)
    for iterator in (second, first):
        with pytest.raises(StopIteration) as stop:
            next(iterator)
        assert stop.value.value == 1


@pytest.mark.parametrize("started", [False, True])
def test_close(future, started):
    iterator = future.__await__()
    if started:
        next(iterator)
    assert iterator.close() is None
    assert iterator.close() is None
    assert not future.done()
    with pytest.raises(StopIteration):
        next(iterator)


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize(
    "thrown",
    [ValueError("thrown"), asyncio.CancelledError("thrown"), GeneratorExit("thrown")],
    ids=lambda error: type(error).__name__,
)
def test_throw(future, started, thrown):
    iterator = future.__await__()
    if started:
        next(iterator)
    with pytest.raises(type(thrown)) as caught:
        iterator.throw(thrown)
    assert caught.value is thrown
    assert not future.done()
    with pytest.raises(StopIteration):
        next(iterator)


def test_throw_a_class(future):
    with pytest.raises(ZeroDivisionError) as caught:
        future.__await__().throw(ZeroDivisionError)
    assert caught.value.args == ()


def test_throw_into_a_coroutine_that_awaits(future):
    caught = []

    async def waiter():
        try:
            await future
        except LookupError as error:
            caught.append(error)
            return "carried on"

    coroutine = waiter()
    coroutine.send(None)
    error = LookupError("thrown")
    with pytest.raises(StopIteration) as stop:
        coroutine.throw(error)
    assert stop.value.value == "carried on"
    assert caught == [error]


def a_traceback():
    try:
        raise KeyError
    except KeyError:
        return sys.exc_info()[2]


THROWN = {
    "no exception": (3,),
    "class of no exception": (int,),
    "class": (ValueError,),
    "class and None": (ValueError, None),
    "class and value": (ValueError, 5),
    "class and tuple": (ValueError, (5, 6)),
    "class and instance": (ValueError, ValueError(3)),
    "class and instance of another": (ValueError, KeyError(3)),
    "class, value and no traceback": (ValueError, 5, None),
    "class, value and traceback": (ValueError, 5, a_traceback()),
    "class, None and traceback": (ValueError, None, a_traceback()),
    "class and bad traceback": (ValueError, 5, 8),
    "instance and None": (ValueError(3), None),
    "instance and value": (ValueError(3), 5),
    "instance, None and traceback": (ValueError(3), None, a_traceback()),
    "no exception in three": (3, 4, None),
}


@pytest.mark.parametrize("arguments", [(), (ValueError, 5, None, 4)], ids=["none", "four"])
def test_throw_with_a_wrong_number_of_arguments(future, arguments):
    with pytest.raises(TypeError):
        future.__await__().throw(*arguments)


@pytest.mark.parametrize("arguments", THROWN.values(), ids=THROWN)
def test_throw_in_every_form(impl, stock_loop, arguments):
    def act(future):
        iterator = future.__await__()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            thrown = answer(iterator.throw, *arguments)
        said = [(warning.category, normalised(str(warning.message))) for warning in caught]
        # Only what was thrown ends the iterator, not a misuse.
        return thrown, said, answer(next, iterator)[1] is StopIteration

    same_as_builtin(impl, stock_loop, act)


@pytest.mark.parametrize("arguments", [(ValueError, 5, a_traceback()), (ValueError, 5, None)])
def test_throw_with_a_traceback(impl, stock_loop, arguments):
    def frames(future):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                future.__await__().throw(*arguments)
            except ValueError as error:
                traceback, names = error.__traceback__, []
                while traceback is not None:
                    names.append(traceback.tb_frame.f_code.co_name)
                    traceback = traceback.tb_next
                return names

    _, names = same_as_builtin(impl, stock_loop, frames)
    assert ("a_traceback" in names) == (arguments[2] is not None)


def test_deprecated_throw_turned_into_an_error(impl, stock_loop):
    # `-W error`: the warning is raised in place of the exception. 3.11 does not warn.
    def act(future):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            future.__await__().throw(ValueError, 5, None)

    same_as_builtin(impl, stock_loop, act)


@pytest.mark.parametrize("end", ["result", "close", "throw"])
def test_sending_into_an_exhausted_iterator(impl, future, end):
    if impl.name == "builtin" and sys.version_info < (3, 14):
        pytest.skip("SystemError on the built-in class: a null result without an exception")
    iterator = future.__await__()
    if end == "result":
        future.set_result(1)
        answer(next, iterator)
    elif end == "close":
        iterator.close()
    else:
        answer(iterator.throw, ValueError())
    with pytest.raises(StopIteration):
        iterator.send(None)


@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_awaited_outcome_counts_as_retrieved(future, outcome):
    # The supervised loop fails the test where the exception is reported.
    if outcome == "result":
        future.set_result(None)
    elif outcome == "exception":
        future.set_exception(ValueError())
    else:
        future.cancel()
    answer(awaiting(future).send, None)
    assert future._log_traceback is False
