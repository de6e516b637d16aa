"""The life of a future: pending, then finished or cancelled, once."""

import asyncio
from asyncio import CancelledError, InvalidStateError

import pytest
from support import BuiltinFuture, answer, new_loop, same_as_builtin

RESULTS = {
    "none": None,
    "false": False,
    "number": 7,
    "tuple": (1, 2),
    "empty tuple": (),
    "exception": ValueError("a value like any other"),
    "stop iteration": StopIteration(3),
    "class": ValueError,
}


def finish(future):
    future.set_result(1)


def fail(future):
    future.set_exception(ValueError("failed"))
    future.exception()


def cancel(future):
    future.cancel("because")


DONE = pytest.mark.parametrize("make_done", [finish, fail, cancel])


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


def test_new_future_is_pending(future, stock_loop):
    assert not future.done()
    assert not future.cancelled()
    assert future._state == "PENDING"
    assert future.get_loop() is stock_loop
    assert future._loop is stock_loop


def test_result_of_pending_future(impl, stock_loop):
    _, error, *_ = same_as_builtin(impl, stock_loop, lambda future: future.result())
    assert error is InvalidStateError


def test_exception_of_pending_future(impl, stock_loop):
    _, error, *_ = same_as_builtin(impl, stock_loop, lambda future: future.exception())
    assert error is InvalidStateError


@pytest.mark.parametrize("value", RESULTS.values(), ids=RESULTS)
def test_finished_with_result(future, value):
    assert future.set_result(value) is None
    assert future.done()
    assert not future.cancelled()
    assert future._state == "FINISHED"
    assert future.result() is value
    assert future.result() is value
    assert future.exception() is None


def test_future_as_its_own_result(future):
    future.set_result(future)
    assert future.result() is future


@pytest.mark.parametrize(
    "error",
    [ValueError("bad"), KeyboardInterrupt(), SystemExit(3), GeneratorExit(), BaseException()],
    ids=lambda error: type(error).__name__,
)
def test_finished_with_exception(future, error):
    assert future.set_exception(error) is None
    assert future.done()
    assert not future.cancelled()
    assert future._state == "FINISHED"
    assert future.exception() is error
    assert future.exception() is error
    with pytest.raises(type(error)) as caught:
        future.result()
    assert caught.value is error


def test_cancelled_error_as_exception_does_not_cancel(future):
    error = CancelledError("set, not cancelled")
    future.set_exception(error)
    assert not future.cancelled()
    assert future.exception() is error


def test_exception_class_is_instantiated(future):
    future.set_exception(ZeroDivisionError)
    assert type(future.exception()) is ZeroDivisionError
    assert future.exception().args == ()
    assert future.exception() is future.exception()


@pytest.mark.parametrize("not_an_exception", [3, int, None, "text", object()])
def test_not_an_exception(impl, stock_loop, not_an_exception):
    def act(future):
        future.set_exception(not_an_exception)

    _, error, *_ = same_as_builtin(impl, stock_loop, act)
    assert error is TypeError


def test_rejected_exception_leaves_future_pending(future):
    with pytest.raises(TypeError):
        future.set_exception(3)
    assert not future.done()
    future.set_result("still usable")
    assert future.result() == "still usable"


class NeedsAnArgument(Exception):
    def __init__(self, argument):
        super().__init__(argument)


class MakesSomethingElse(Exception):
    def __new__(cls):
        return 5


class FailsToBeMade(Exception):
    def __init__(self):
        raise LookupError("no instance today")


@pytest.mark.parametrize("bad_class", [NeedsAnArgument, MakesSomethingElse, FailsToBeMade])
def test_exception_class_that_cannot_be_instantiated(impl, stock_loop, bad_class):
    _, error, *_ = same_as_builtin(impl, stock_loop, lambda f: f.set_exception(bad_class))
    assert error is not bad_class
    future = impl.Future(loop=stock_loop)
    with pytest.raises(error):
        future.set_exception(bad_class)
    assert not future.done()


class DerivedStop(StopIteration):
    pass


@pytest.mark.parametrize(
    "stop",
    [StopIteration, StopIteration(3), DerivedStop, DerivedStop(3)],
    ids=["class", "instance", "subclass", "instance of subclass"],
)
def test_stop_iteration_as_exception(impl, stock_loop, stop):
    # Refused by older versions, wrapped in a RuntimeError by newer ones.
    def act(future):
        future.set_exception(stop)
        error = future.exception()
        links = error.__cause__, error.__context__
        return future._state, type(error), str(error), [type(link) for link in links]

    same_as_builtin(impl, stock_loop, act)


def test_wrapped_stop_iteration_is_linked(impl, stock_loop):
    stop = StopIteration(3)
    builtin = BuiltinFuture(loop=stock_loop)
    if answer(builtin.set_exception, stop)[0] == "raised":
        pytest.skip("this version refuses StopIteration")
    builtin.exception()
    future = impl.Future(loop=stock_loop)
    future.set_exception(stop)
    assert future.exception().__cause__ is stop
    assert future.exception().__context__ is stop


def test_stop_async_iteration_is_an_exception_like_any_other(future):
    error = StopAsyncIteration()
    future.set_exception(error)
    assert future.exception() is error


@DONE
@pytest.mark.parametrize(
    "act",
    [
        lambda future: future.set_result(2),
        lambda future: future.set_exception(KeyError()),
        lambda future: future.set_exception(KeyError),
        lambda future: future.set_exception("not an exception"),
    ],
    ids=["result", "exception", "exception class", "not an exception"],
)
def test_done_future_cannot_be_set_again(impl, stock_loop, make_done, act):
    def act_on_done(future):
        make_done(future)
        act(future)

    _, error, *_ = same_as_builtin(impl, stock_loop, act_on_done)
    assert error is InvalidStateError

    future = impl.Future(loop=stock_loop)
    make_done(future)
    before = future._state, future._result, future._exception, answer(future.result)
    with pytest.raises(InvalidStateError):
        act(future)
    assert (future._state, future._result, future._exception, answer(future.result)) == before


def test_exception_class_is_not_instantiated_for_a_done_future(future):
    made = []

    class Counted(Exception):
        def __init__(self):
            made.append(self)

    future.set_result(1)
    with pytest.raises(InvalidStateError):
        future.set_exception(Counted)
    assert made == []


def test_cancel(future):
    assert future.cancel() is True
    assert future.done()
    assert future.cancelled()
    assert future._state == "CANCELLED"
    with pytest.raises(CancelledError) as caught:
        future.result()
    assert caught.value.args == ()
    with pytest.raises(CancelledError) as caught:
        future.exception()
    assert caught.value.args == ()


@DONE
def test_done_future_cannot_be_cancelled(future, make_done):
    make_done(future)
    before = future._state, answer(future.result)
    assert future.cancel() is False
    assert future.cancel("too late") is False
    assert (future._state, answer(future.result)) == before


@pytest.mark.parametrize("message", ["text", "", 3, (), ("a", "b"), ValueError("nested")], ids=repr)
def test_cancel_message(impl, stock_loop, message):
    for cancel in (lambda f: f.cancel(message), lambda f: f.cancel(msg=message)):
        future = impl.Future(loop=stock_loop)
        assert cancel(future)
        assert future._cancel_message is message
        for ask in (future.result, future.exception):
            with pytest.raises(CancelledError) as caught:
                ask()
            assert caught.value.args == (message,)


def test_cancel_message_of_none_is_no_message(future):
    future.cancel(None)
    with pytest.raises(CancelledError) as caught:
        future.result()
    assert caught.value.args == ()


def test_first_cancel_message_stays(future):
    future.cancel("first")
    future.cancel("second")
    with pytest.raises(CancelledError, match="first"):
        future.result()


def test_making_a_future_again(future):
    future.add_done_callback(print)
    future.set_exception(ValueError())
    future.__init__(loop=future.get_loop())
    assert future._state == "PENDING"
    assert future._exception is None
    assert future._callbacks is None
    # Neither is the forgotten exception reported: the fixture sees to that.
    assert future._log_traceback is False
    future.set_result("second life")
    assert future.result() == "second life"


def test_making_a_cancelled_future_again(future):
    future.cancel("gone")
    future.__init__(loop=future.get_loop())
    assert not future.cancelled()
    assert future._cancel_message is None
    future.cancel()
    with pytest.raises(CancelledError) as caught:
        future.result()
    assert caught.value.args == ()


def test_making_a_future_again_for_another_loop(future):
    other = new_loop("asyncio")
    future.__init__(loop=other)
    assert future.get_loop() is other
    other.close()


def test_making_a_future_again_forgets_pending_callbacks(future, stock_loop):
    called = []
    future.add_done_callback(called.append)
    future.__init__(loop=stock_loop)
    future.set_result(None)
    stock_loop.call_soon(stock_loop.stop)
    stock_loop.run_forever()
    assert called == []


@pytest.mark.parametrize("loop", [3, object(), "loop"])
def test_something_that_is_no_loop(impl, loop):
    expected = answer(BuiltinFuture, loop=loop)
    assert expected[:2] == ("raised", AttributeError)
    assert answer(impl.Future, loop=loop) == expected


def test_loop_whose_debug_flag_fails(impl):
    class Loop:
        def get_debug(self):
            raise LookupError("no flag")

    with pytest.raises(LookupError, match="no flag"):
        impl.Future(loop=Loop())


def test_exception_made_while_its_future_is_finished_elsewhere(future):
    class Sneaky(Exception):
        def __init__(self):
            future.set_result("sneaked in")

    # Whatever wins, the future is done and consistent, and nothing crashes.
    answer(future.set_exception, Sneaky)
    assert future.done()
    assert not future.cancelled()
    if future.exception() is None:
        assert future.result() == "sneaked in"
    else:
        assert type(future.exception()) is Sneaky


def test_loop_may_be_none_explicitly(impl, stock_loop):
    async def main():
        return impl.Future(loop=None).get_loop()

    assert stock_loop.run_until_complete(main()) is stock_loop


def test_future_is_true(future):
    assert future
    assert asyncio.isfuture(future)
