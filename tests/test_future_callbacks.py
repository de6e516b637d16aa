"""Done callbacks: called by the loop, one at a time, in order, each in its context."""

import contextvars

import pytest
from support import new_loop, run_passes, same_as_builtin

variable = contextvars.ContextVar("variable", default="unset")


def finish(future):
    future.set_result(1)


def fail(future):
    future.set_exception(ValueError("failed"))
    future.exception()


def cancel(future):
    future.cancel()


DONE = pytest.mark.parametrize("make_done", [finish, fail, cancel])


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


@DONE
def test_callback_is_called_with_the_future(loop, impl, make_done):
    future = impl.Future(loop=loop)
    calls = []
    assert future.add_done_callback(lambda *arguments: calls.append(arguments)) is None
    make_done(future)
    assert calls == []
    run_passes(loop)
    assert calls == [(future,)]


@DONE
def test_callback_of_a_done_future_is_called_by_the_loop(loop, impl, make_done):
    future = impl.Future(loop=loop)
    make_done(future)
    calls = []
    assert future.add_done_callback(lambda *arguments: calls.append(arguments)) is None
    assert calls == []
    assert future._callbacks is None
    run_passes(loop)
    assert calls == [(future,)]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_callbacks_are_called_in_order_of_registration(loop, impl, count):
    future = impl.Future(loop=loop)
    calls = []
    for number in range(count):
        future.add_done_callback(lambda _, number=number: calls.append(number))
    future.set_result(None)
    run_passes(loop)
    assert calls == list(range(count))


def test_callbacks_come_after_what_was_scheduled_before(loop, impl):
    future = impl.Future(loop=loop)
    calls = []
    future.add_done_callback(lambda _: calls.append("callback"))
    loop.call_soon(calls.append, "before")
    future.set_result(None)
    loop.call_soon(calls.append, "after")
    run_passes(loop)
    assert calls == ["before", "callback", "after"]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_each_callback_is_one_call_of_the_loop(impl, count):
    loop = new_loop("subclass")
    future = impl.Future(loop=loop)
    for _ in range(count):
        future.add_done_callback(str)
    assert loop.calls == 0
    future.set_result(None)
    assert loop.calls == count
    future.add_done_callback(str)
    assert loop.calls == count + 1
    loop.close()


def test_same_callback_twice_is_called_twice(future, stock_loop):
    calls = []
    future.add_done_callback(calls.append)
    future.add_done_callback(calls.append)
    finish(future)
    run_passes(stock_loop)
    assert calls == [future, future]


def test_callback_that_fails_is_reported_and_the_others_are_called(loop, impl, errors):
    future = impl.Future(loop=loop)
    calls = []
    error = ValueError("callback failed")

    def failing(_):
        raise error

    for callback in (calls.append, failing, calls.append):
        future.add_done_callback(callback)
    future.set_result(None)
    run_passes(loop)
    assert calls == [future, future]
    [report] = errors.take()
    assert report["exception"] is error


def test_something_that_cannot_be_called_is_reported_when_its_turn_comes(impl, stock_loop, errors):
    future = impl.Future(loop=stock_loop)
    future.add_done_callback("not callable")
    future.set_result(None)
    run_passes(stock_loop)
    [report] = errors.take()
    assert isinstance(report["exception"], TypeError)


# Contexts


def test_default_context_is_a_copy_made_at_registration(loop, impl):
    future = impl.Future(loop=loop)
    seen = []

    def register():
        variable.set("at registration")
        future.add_done_callback(lambda _: seen.append(variable.get()))
        variable.set("changed later")

    contextvars.copy_context().run(register)
    future.set_result(None)
    run_passes(loop)
    assert seen == ["at registration"]


def test_each_callback_has_its_own_copy(future, stock_loop):
    seen = []

    def callback(_):
        seen.append(variable.get())
        variable.set("left behind")

    future.add_done_callback(callback)
    future.add_done_callback(callback)
    finish(future)
    future.add_done_callback(callback)
    run_passes(stock_loop)
    assert seen == ["unset"] * 3
    assert variable.get() == "unset"


@pytest.mark.parametrize("when", ["pending", "done"])
def test_given_context(loop, impl, when):
    future = impl.Future(loop=loop)
    context = contextvars.Context()
    if when == "done":
        future.set_result(None)
    future.add_done_callback(lambda _: variable.set("from the callback"), context=context)
    if when == "pending":
        future.set_result(None)
    run_passes(loop)
    assert context[variable] == "from the callback"
    assert variable.get() == "unset"


@pytest.mark.parametrize("when", ["pending", "done"])
def test_context_of_none(impl, stock_loop, when):
    # Handed on to the loop as it is: the copy is made when the future finishes.
    def act(future):
        seen = []
        if when == "done":
            finish(future)
        token = variable.set("at registration")
        future.add_done_callback(lambda _: seen.append(variable.get()), context=None)
        kept = [context for _, context in future._callbacks or ()]
        variable.set("at the end")
        if when == "pending":
            finish(future)
        variable.reset(token)
        run_passes(stock_loop)
        return kept, seen

    same_as_builtin(impl, stock_loop, act)


def test_callbacks_of_a_done_future_get_a_copy_too(future, stock_loop):
    seen = []
    finish(future)
    token = variable.set("current")
    future.add_done_callback(lambda _: seen.append(variable.get()))
    variable.reset(token)
    run_passes(stock_loop)
    assert seen == ["current"]


# What reaches the loop


class ScheduleOnly:
    """A loop for futures that need no more than `call_soon()`: it keeps the calls."""

    def __init__(self):
        self.calls = []

    def get_debug(self):
        return False

    def call_soon(self, *arguments, **keywords):
        self.calls.append((arguments, keywords))


def test_arguments_of_call_soon(impl):
    loop = ScheduleOnly()
    future = impl.Future(loop=loop)
    contexts = [contextvars.Context() for _ in range(3)]
    future.add_done_callback(print, context=contexts[0])
    future.add_done_callback(str, context=contexts[1])
    future.set_result(None)
    future.add_done_callback(repr, context=contexts[2])
    assert loop.calls == [
        ((print, future), {"context": contexts[0]}),
        ((str, future), {"context": contexts[1]}),
        ((repr, future), {"context": contexts[2]}),
    ]
    for (_, keywords), context in zip(loop.calls, contexts, strict=True):
        assert keywords["context"] is context


def test_default_context_reaches_call_soon_as_a_context(impl):
    loop = ScheduleOnly()
    future = impl.Future(loop=loop)
    future.add_done_callback(print)
    future.set_result(None)
    future.add_done_callback(print)
    for _, keywords in loop.calls:
        assert list(keywords) == ["context"]
        assert isinstance(keywords["context"], contextvars.Context)


class RefusingLoop(ScheduleOnly):
    """Takes `room` calls and raises at the one after."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def call_soon(self, *arguments, **keywords):
        if len(self.calls) == self.room:
            raise LookupError("no more room")
        super().call_soon(*arguments, **keywords)


@pytest.mark.parametrize("room", range(4))
@pytest.mark.parametrize(
    "make_done",
    [
        lambda future: future.set_result(1),
        lambda future: future.set_exception(ValueError("failed")),
        lambda future: future.cancel("because"),
    ],
    ids=["result", "exception", "cancel"],
)
def test_loop_that_refuses_a_callback(impl, make_done, room):
    loop = RefusingLoop(room)
    future = impl.Future(loop=loop)
    for _ in range(4):
        future.add_done_callback(print)
    with pytest.raises(LookupError, match="no more room"):
        make_done(future)
    # The error says that callbacks were lost, not that the future is pending.
    assert future.done()
    assert not future._callbacks
    assert len(loop.calls) == room
    if not future.cancelled():
        future.exception()


@pytest.mark.parametrize("room", [0, 1])
def test_loop_that_refuses_a_callback_leaves_what_the_builtin_leaves(impl, room):
    loop = RefusingLoop(room)

    def act(future):
        loop.calls.clear()
        for _ in range(3):
            future.add_done_callback(print)
        try:
            future.set_exception(ValueError("failed"))
        finally:
            state = future._state, future._callbacks, future._log_traceback
            future.exception()
            raise RuntimeError(str(state))

    same_as_builtin(impl, loop, act)


def test_loop_that_refuses_a_callback_of_a_done_future(impl):
    future = impl.Future(loop=RefusingLoop(0))
    future.set_result(1)
    with pytest.raises(LookupError, match="no more room"):
        future.add_done_callback(print)
    assert future.result() == 1


class ReentrantLoop(ScheduleOnly):
    """Does to the future, in the middle of its finishing, whatever `act` does."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def call_soon(self, callback, future, **keywords):
        super().call_soon(callback, future, **keywords)
        self.act(future)


REENTRIES = {
    "nothing": lambda future: None,
    "remove": lambda future: future.remove_done_callback(print),
    "cancel": lambda future: future.cancel(),
    "ask": lambda future: (future.done(), future._callbacks, future._state, repr(future)),
}


@pytest.mark.parametrize("act", REENTRIES.values(), ids=REENTRIES)
def test_loop_that_comes_back_to_the_future(impl, act):
    loop = ReentrantLoop(act)
    future = impl.Future(loop=loop)
    for _ in range(3):
        future.add_done_callback(print)
    future.set_result("stays")
    assert future.result() == "stays"
    assert future._callbacks is None
    assert 1 <= len(loop.calls) <= 3


def test_loop_that_adds_a_callback_while_the_future_finishes(impl):
    def add_once(future):
        if len(loop.calls) == 1:
            future.add_done_callback(repr)

    loop = ReentrantLoop(add_once)
    future = impl.Future(loop=loop)
    future.add_done_callback(print)
    future.add_done_callback(str)
    future.set_result(None)
    # The future was done already, so the new callback went to the loop at once.
    assert [arguments[0] for arguments, _ in loop.calls] == [print, repr, str]


# Callbacks that act on their future


def test_callback_that_adds_a_callback(loop, impl):
    future = impl.Future(loop=loop)
    calls = []

    def first(future):
        calls.append("first")
        future.add_done_callback(lambda _: calls.append("added"))
        calls.append("end of first")

    future.add_done_callback(first)
    future.add_done_callback(lambda _: calls.append("second"))
    future.set_result(None)
    run_passes(loop, 2)
    assert calls == ["first", "end of first", "second", "added"]


def test_callback_cannot_take_back_what_is_scheduled(future, stock_loop):
    calls = []

    def second(_):
        calls.append("second")

    def first(future):
        calls.append(future.remove_done_callback(second))

    future.add_done_callback(first)
    future.add_done_callback(second)
    finish(future)
    run_passes(stock_loop)
    assert calls == [0, "second"]


def test_callback_that_finishes_another_future(impl, stock_loop):
    one, two = impl.Future(loop=stock_loop), impl.Future(loop=stock_loop)
    calls = []
    one.add_done_callback(lambda _: two.set_result("passed on"))
    two.add_done_callback(calls.append)
    one.set_result(None)
    run_passes(stock_loop, 1)
    assert calls == []
    run_passes(stock_loop, 1)
    assert calls == [two]


# Many


def test_hundred_thousand_callbacks(future, stock_loop):
    count = 100_000
    calls = []
    for number in range(count):
        future.add_done_callback(lambda _, number=number: calls.append(number))
    assert len(future._callbacks) == count
    finish(future)
    assert future._callbacks is None
    run_passes(stock_loop)
    assert calls == list(range(count))


def test_hundred_thousand_callbacks_are_dropped(future):
    for _ in range(100_000):
        future.add_done_callback(print)
    assert future.remove_done_callback(print) == 100_000
    assert future._callbacks is None
