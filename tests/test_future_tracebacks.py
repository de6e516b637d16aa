"""Exceptions that a future raises: tracebacks, what they are chained to, and cancellations."""

import asyncio
import traceback
from asyncio import CancelledError

import pytest
from support import BuiltinFuture, run_passes, same_as_builtin


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


def raised(depth=1):
    """Returns an exception that was raised `depth` calls further down."""

    def origin(left):
        if left:
            origin(left - 1)
        raise LookupError("from far away")

    try:
        origin(depth)
    except LookupError as error:
        return error


def functions(error):
    """Returns the names of the functions in the traceback of `error`, outermost first."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def result_of(future):
    return future.result()


def error_of(ask, future):
    try:
        ask(future)
    except BaseException as error:
        return error


def functions_each_time(future, times=4):
    return [functions(error_of(result_of, future)) for _ in range(times)]


def assert_as_when_set(each, before):
    """Asserts that the tracebacks `each` show the caller, then `before`, and never grow.

    After the first time the classes written in C have forgotten `before`; those in Python have not.
    """
    assert each[0] == ["error_of", "result_of", *before]
    assert each[1:] in ([each[0]] * (len(each) - 1), [each[0][:2]] * (len(each) - 1))


# Tracebacks


def test_result_raises_with_the_traceback_as_it_was_when_set(future):
    error = raised(depth=2)
    before = functions(error)
    assert before == ["raised", "origin", "origin", "origin"]
    future.set_exception(error)
    assert_as_when_set(functions_each_time(future), before)


def test_traceback_of_an_exception_that_was_never_raised(future):
    future.set_exception(LookupError())
    assert functions_each_time(future) == [["error_of", "result_of"]] * 4


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_traceback_is_as_long_as_with_the_builtin_class(impl, stock_loop, depth):
    def act(future):
        future.set_exception(raised(depth))
        return functions(error_of(result_of, future))

    _, names = same_as_builtin(impl, stock_loop, act)
    assert len(names) == depth + 4


def test_changes_to_the_traceback_are_undone_by_result(future):
    error = raised()
    before = functions(error)
    future.set_exception(error)
    error.__traceback__ = None
    assert functions(error_of(result_of, future))[2:] == before


def test_exception_leaves_the_traceback_alone(future):
    error = raised()
    future.set_exception(error)
    future.exception()
    assert functions(error) == ["raised", "origin", "origin"]
    error.__traceback__ = None
    future.exception()
    assert error.__traceback__ is None


def test_awaiting_again_and_again_does_not_grow_the_traceback(impl, future, stock_loop):
    async def waiter(future):
        await future

    each = []
    future.set_exception(raised())
    for _ in range(4):
        task = impl.Task(waiter(future), loop=stock_loop)
        run_passes(stock_loop, 2)
        each.append(functions(task.exception()))
    assert each[0] == ["waiter", "raised", "origin", "origin"]
    assert each[1:] in ([each[0]] * 3, [["waiter"]] * 3)


def test_awaiting_shows_the_await_and_the_origin(impl, stock_loop):
    async def inner(future):
        await future

    async def outer(future):
        await inner(future)

    future = impl.Future(loop=stock_loop)
    future.set_exception(raised())
    error = error_of(stock_loop.run_until_complete, outer(future))
    names = functions(error)
    assert names[-5:] == ["outer", "inner", "raised", "origin", "origin"]


def test_two_futures_with_one_exception(impl, stock_loop):
    error = raised()
    futures = [impl.Future(loop=stock_loop) for _ in range(2)]
    for future in futures:
        future.set_exception(error)
    for future in futures:
        assert_as_when_set(functions_each_time(future), ["raised", "origin", "origin"])


# What an exception is chained to


def chain(error):
    return error.__cause__, error.__context__, error.__suppress_context__


def test_result_in_an_except_block_is_chained_to_what_is_handled(future):
    error, handled = raised(), ValueError("being handled")
    future.set_exception(error)
    try:
        raise handled
    except ValueError:
        assert error_of(result_of, future) is error
    assert chain(error) == (None, handled, False)


def test_cause_is_left_alone(future):
    error, cause, handled = raised(), KeyError("cause"), ValueError("being handled")
    error.__cause__ = cause
    future.set_exception(error)
    try:
        raise handled
    except ValueError:
        error_of(result_of, future)
    assert chain(error) == (cause, handled, True)


def test_context_outside_an_except_block_is_left_alone(future):
    error, context = raised(), KeyError("context")
    error.__context__ = context
    future.set_exception(error)
    error_of(result_of, future)
    assert chain(error) == (None, context, False)


def test_context_is_replaced_in_an_except_block(future):
    error, handled = raised(), ValueError("being handled")
    error.__context__ = KeyError("context")
    future.set_exception(error)
    try:
        raise handled
    except ValueError:
        error_of(result_of, future)
    assert chain(error) == (None, handled, False)


def test_raising_what_is_being_handled_makes_no_circle(future):
    error = raised()
    future.set_exception(error)
    try:
        raise error
    except LookupError:
        error_of(result_of, future)
    assert chain(error) == (None, None, False)


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_error_of_a_pending_future_is_chained(future, ask):
    handled = ValueError("being handled")
    try:
        raise handled
    except ValueError:
        error = error_of(lambda future: getattr(future, ask)(), future)
    assert chain(error) == (None, handled, False)


# Cancellations

ASK = pytest.mark.parametrize(
    "ask",
    [
        lambda future: future.result(),
        lambda future: future.exception(),
        lambda future: future.__await__().send(None),
    ],
    ids=["result", "exception", "await"],
)


@ASK
def test_cancelled_error_is_chained_to_what_is_handled(future, ask):
    future.cancel("because")
    handled = ValueError("being handled")
    try:
        raise handled
    except ValueError:
        error = error_of(ask, future)
    assert type(error) is CancelledError
    assert error.args == ("because",)
    assert chain(error) == (None, handled, False)


@ASK
def test_cancelled_error_outside_an_except_block_is_chained_to_nothing(future, ask):
    future.cancel()
    assert chain(error_of(ask, future)) == (None, None, False)


@ASK
def test_cancelled_error_is_a_new_one_each_time(future, ask):
    future.cancel("because")
    errors = [error_of(ask, future) for _ in range(3)]
    assert len({id(error) for error in errors}) == 3
    assert [error.args for error in errors] == [("because",)] * 3
    assert len({len(functions(error)) for error in errors}) == 1


def test_make_cancelled_error(future):
    future.cancel("because")
    errors = [future._make_cancelled_error() for _ in range(3)]
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert type(error) is CancelledError
        assert error.args == ("because",)
        assert chain(error) == (None, None, False)
        assert error.__traceback__ is None


def test_make_cancelled_error_without_a_message(future):
    future.cancel()
    assert future._make_cancelled_error().args == ()


def test_make_cancelled_error_of_a_future_that_is_not_cancelled(future):
    assert type(future._make_cancelled_error()) is CancelledError
    assert not future.done()
    future.set_result(1)
    assert type(future._make_cancelled_error()) is CancelledError
    assert future.result() == 1


def test_cancel_message_changed_afterwards(future):
    future.cancel("first")
    future._cancel_message = "changed"
    assert future._make_cancelled_error().args == ("changed",)
    with pytest.raises(CancelledError, match="changed"):
        future.result()
    future._cancel_message = None
    assert future._make_cancelled_error().args == ()


def test_cancel_message_set_before_is_replaced(future):
    future._cancel_message = "before"
    assert future._make_cancelled_error().args == ("before",)
    future.cancel()
    assert future._make_cancelled_error().args == ()


def test_waiter_sees_the_message_and_the_await(impl, stock_loop):
    # Where the error comes out of the awaiting coroutine, it names the await.
    future = impl.Future(loop=stock_loop)
    seen = []

    async def waiter():
        try:
            await future
        except CancelledError as error:
            seen.append((error.args, functions(error)))
            raise

    task = impl.Task(waiter(), loop=stock_loop)
    run_passes(stock_loop)
    future.cancel("because")
    run_passes(stock_loop)
    assert task.cancelled()
    assert seen == [(("because",), ["waiter"])]


def test_chain_of_a_wrapped_stop_iteration_survives_result(impl, stock_loop):
    stop = StopIteration(3)
    builtin = BuiltinFuture(loop=stock_loop)
    try:
        builtin.set_exception(stop)
    except TypeError:
        pytest.skip("this version refuses StopIteration")
    builtin.exception()
    future = impl.Future(loop=stock_loop)
    future.set_exception(stop)
    error = error_of(result_of, future)
    assert chain(error) == (stop, stop, True)


def test_exception_group_is_an_exception_like_any_other(future):
    group = ExceptionGroup("several", [ValueError(1), KeyError(2)])
    future.set_exception(group)
    with pytest.raises(ExceptionGroup) as caught:
        future.result()
    assert caught.value is group


def test_gather_of_failed_futures_keeps_their_tracebacks(impl, stock_loop):
    futures = [impl.Future(loop=stock_loop) for _ in range(2)]

    async def main():
        for future in futures:
            future.set_exception(raised())
        return await asyncio.gather(*futures, return_exceptions=True)

    for error in stock_loop.run_until_complete(main()):
        assert functions(error) == ["raised", "origin", "origin"]
