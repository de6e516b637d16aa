"""How a waiting task is woken up: by which outcome, in which order, and the entry it leaves in the future."""

import asyncio
import sys

import pytest
from support import BuiltinTask, normalised, run_passes
from support.tasks import (
    FUTURE_KINDS,
    TASK_KINDS,
    assert_like_builtin,
    described,
    ending,
    functions_in,
    future_kinds,
    reported,
    supervised_loop,
    task_kinds,
    within,
)


async def waiting(future):
    return await future


def future_and_waiter(impl, loop, kind="own", count=1):
    """A pending future and `count` tasks that wait for it."""
    future = future_kinds(impl)[kind](loop=loop)
    tasks = [impl.Task(waiting(future), loop=loop, name=f"waiter {n}") for n in range(count)]
    run_passes(loop)
    assert all(task._fut_waiter is future for task in tasks)
    return future, *tasks


# The outcome


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_result(loop, impl, kind):
    future, task = future_and_waiter(impl, loop, kind)
    result = object()
    future.set_result(result)
    assert loop.run_until_complete(task) is result
    assert task.result() is result


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_exception(loop, impl, kind):
    future, task = future_and_waiter(impl, loop, kind)
    error = ValueError("message")
    future.set_exception(error)
    with pytest.raises(ValueError, match="message") as caught:
        loop.run_until_complete(task)
    assert caught.value is error
    assert task.exception() is error
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("message", [(), (None,), ("why",), (["any", "object"],)])
def test_cancelled_future(loop, impl, kind, message):
    future, task = future_and_waiter(impl, loop, kind)
    future.cancel(*message)
    with pytest.raises(asyncio.CancelledError) as caught:
        loop.run_until_complete(task)
    assert caught.value.args == (message if message != (None,) else ())
    assert task.cancelled()
    assert task.cancelling() == 0


@pytest.mark.parametrize("kind", TASK_KINDS)
@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_awaited_task(loop, impl, kind, outcome):
    future = loop.create_future()
    inner = task_kinds(impl)[kind](waiting(future), loop=loop)
    task = impl.Task(waiting(inner), loop=loop)
    run_passes(loop)
    assert task._fut_waiter is inner
    assert inner._fut_waiter is future
    if outcome == "result":
        future.set_result("result")
        assert loop.run_until_complete(task) == "result"
    elif outcome == "exception":
        future.set_exception(ValueError("message"))
        with pytest.raises(ValueError, match="message"):
            loop.run_until_complete(task)
    else:
        inner.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            loop.run_until_complete(task)
    assert inner.done()


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_future_that_holds_a_request_to_leave(impl, kind, error):
    """The awaiter sees it like any other exception; what it does not catch leaves the loop."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, careless = future_and_waiter(impl, loop, kind)
            log = []

            async def careful():
                try:
                    await future
                except BaseException as caught:
                    log.append(described(caught))
                return "went on"

            task = impl.Task(careful(), loop=loop)
            run_passes(loop)
            future.set_exception(error("message"))
            try:
                loop.run_forever()
            except BaseException as caught:
                log.append(("left", described(caught)))
            run_passes(loop, 2)
            return log, ending(task), ending(careless), reported(reports)

    log, end, _, _ = assert_like_builtin(scenario, impl)
    assert "left" in [entry[0] for entry in log]
    assert end == ("returned", "went on")


class Odd(BaseException):
    pass


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("error", [Odd("odd"), GeneratorExit(), StopAsyncIteration("stop")])
def test_unusual_exceptions(impl, kind, error):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, task = future_and_waiter(impl, loop, kind)
            future.set_exception(type(error)(*error.args))
            run_passes(loop, 2)
            return ending(task), reported(reports)

    (how, _), _ = assert_like_builtin(scenario, impl)
    assert how == "raised"


# The exception as the awaiter sees it


def failing(impl, awaited, count):
    """What `count` awaiters, and one that comes late, see of the exception of `awaited`."""
    seen = []

    def fail():
        raise ValueError("message")

    async def inner():
        await asyncio.sleep(0)
        fail()

    async def outer(awaitable):
        try:
            await awaitable
        except BaseException as error:
            seen.append((functions_in(error), described(error)))

    with supervised_loop(impl) as (loop, reports):
        if awaited == "future":
            awaitable = impl.Future(loop=loop)
            try:
                fail()
            except ValueError as error:
                error.__traceback__ = error.__traceback__.tb_next
                loop.call_soon(awaitable.set_exception, error)
        elif awaited == "task":
            awaitable = impl.Task(inner(), loop=loop)
        else:
            awaitable = impl.Task(waiting(impl.Task(inner(), loop=loop)), loop=loop)
        tasks = [impl.Task(outer(awaitable), loop=loop) for _ in range(count)]
        run_passes(loop, 6)
        tasks.append(impl.Task(outer(awaitable), loop=loop))
        run_passes(loop, 2)
        assert all(task.done() for task in tasks)
        assert reported(reports) == []
        return seen


@pytest.mark.parametrize("awaited", ["future", "task", "task of a task"])
@pytest.mark.parametrize("count", [1, 3])
def test_traceback(impl, awaited, count):
    """The first awaiter sees the whole traceback, and none sees more than its own part in addition.

    The interpreter's class has given the traceback away by then; to keep it is as good.
    """
    full = ["outer", "waiting", "inner", "fail"]
    if awaited == "task":
        full.remove("waiting")
    elif awaited == "future":
        full = ["outer", "fail"]
    (first, error), *others = failing(impl, awaited, count)
    assert first == full
    assert error == (ValueError, ("message",), None, None, False)
    assert len(others) == count
    for functions, again in others:
        assert functions in (["outer"], full)
        assert again == error


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("outcome", ["exception", "cancelled"])
@pytest.mark.parametrize("done", [False, True])
def test_chain_of_an_exception_awaited_while_another_is_handled(impl, kind, outcome, done):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future = future_kinds(impl)[kind](loop=loop)

            async def handling():
                try:
                    raise KeyError("handled")
                except KeyError as error:
                    await future
                    return error

            def finish():
                if outcome == "exception":
                    future.set_exception(ValueError("message"))
                else:
                    future.cancel("why")

            if done:
                finish()
            task = impl.Task(handling(), loop=loop)
            run_passes(loop)
            if not done:
                finish()
            run_passes(loop, 2)
            return ending(task), reported(reports)

    (_, (_, _, cause, context, _)), _ = assert_like_builtin(scenario, impl)
    assert cause is None
    assert context[:2] == (KeyError, ("handled",))


def test_cause_is_kept(loop, impl):
    future, task = future_and_waiter(impl, loop)
    error, cause = ValueError("message"), KeyError("cause")
    error.__cause__ = cause
    future.set_exception(error)
    with pytest.raises(ValueError, match="message"):
        loop.run_until_complete(task)
    assert error.__cause__ is cause
    assert error.__context__ is None


def test_exception_that_is_caught_and_raised_again(impl):
    """Through three tasks, each of which adds its own to the chain."""

    async def level(awaitable, number):
        try:
            await awaitable
        except Exception as error:
            if number % 2:
                raise RuntimeError(number) from error
            raise LookupError(number)  # noqa: B904

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            future = awaitable = loop.create_future()
            for number in range(3):
                awaitable = impl.Task(level(awaitable, number), loop=loop)
            run_passes(loop)
            future.set_exception(ValueError("message"))
            run_passes(loop, 5)
            return ending(awaitable)

    _, (kind, args, _, context, _) = assert_like_builtin(scenario, impl)
    assert (kind, args) == (LookupError, (2,))
    assert context[2][3][:2] == (ValueError, ("message",))


# The order


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_waiters_wake_in_the_order_in_which_they_came(loop, impl, kind):
    future = future_kinds(impl)[kind](loop=loop)
    log = []

    async def logging(name):
        log.append((name, await future))

    async def main():
        tasks = [impl.Task(logging(name)) for name in range(10)]
        await asyncio.sleep(0)
        future.set_result("result")
        await asyncio.gather(*tasks)

    loop.run_until_complete(main())
    assert log == [(name, "result") for name in range(10)]


@pytest.mark.parametrize("kind", FUTURE_KINDS)
@pytest.mark.parametrize("order", ["wc", "cw", "wcw", "cwc", "ccw", "wwc", "cwwc", "wccw", "wcwcwc"])
def test_waiters_and_callbacks_keep_their_order(stock_loop, impl, kind, order):
    """`w` is a task that waits, `c` a callback."""
    future = future_kinds(impl)[kind](loop=stock_loop)
    log = []

    async def logging(position):
        await future
        log.append(f"w{position}")

    for position, what in enumerate(order):
        if what == "w":
            impl.Task(logging(position), loop=stock_loop)
            run_passes(stock_loop)
        else:
            future.add_done_callback(lambda _, position=position: log.append(f"c{position}"))
    assert len(future._callbacks) == len(order)
    future.set_result(None)
    run_passes(stock_loop, 2)
    assert log == [f"{what}{position}" for position, what in enumerate(order)]


def test_waiter_that_is_cancelled_leaves_its_entry_behind(impl):
    """It stays in the future it waited for only as long as that future is pending."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, first, second = future_and_waiter(impl, loop, count=2)

            class Refusing(impl.Future):
                def cancel(self, msg=None):
                    return False

            stubborn = Refusing(loop=loop)
            third = impl.Task(waiting(stubborn), loop=loop)
            run_passes(loop)
            third.cancel()
            run_passes(loop)
            entries = len(future._callbacks), len(stubborn._callbacks or ())
            stubborn.set_result("late")
            future.set_result("result")
            run_passes(loop, 2)
            ends = [ending(task) for task in (first, second, third)]
            return entries, ends, reported(reports)

    assert_like_builtin(scenario, impl)


# The entry


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_in_callbacks(stock_loop, impl, kind):
    future, task = future_and_waiter(impl, stock_loop, kind)
    ((callback, context),) = future._callbacks
    assert callback.__self__ is task
    assert callback.__qualname__ == "Task.task_wakeup"
    assert callback.__name__ == "task_wakeup"
    assert callable(callback)
    if sys.version_info >= (3, 12):
        assert context is task.get_context()
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert not future._callbacks


def test_entry_has_what_the_entry_of_the_interpreter_has(stock_loop, impl):
    def entry(kind):
        future = impl.Future(loop=stock_loop)
        kind(waiting(future), loop=stock_loop, name="T")
        run_passes(stock_loop)
        ((callback, _),) = future._callbacks
        return future, callback

    future, ours = entry(impl.Task)
    other, theirs = entry(BuiltinTask)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__text_signature__"):
        assert getattr(ours, name, "missing") == getattr(theirs, name, "missing"), name
    assert normalised(repr(ours)) == normalised(repr(theirs))
    assert normalised(repr(future)) == normalised(repr(other))
    assert "cb=[Task.task_wakeup()]" in repr(future)
    future.set_result(None)
    other.set_result(None)
    run_passes(stock_loop)


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_beside_callbacks(stock_loop, impl, kind):
    future = future_kinds(impl)[kind](loop=stock_loop)
    callbacks = [lambda _: None for _ in range(2)]
    future.add_done_callback(callbacks[0])
    task = impl.Task(waiting(future), loop=stock_loop)
    run_passes(stock_loop)
    future.add_done_callback(callbacks[1])
    first, (wakeup, _), last = future._callbacks
    assert [first[0], last[0]] == callbacks
    assert wakeup.__self__ is task
    assert future.remove_done_callback(callbacks[0]) == 1
    assert future.remove_done_callback(callbacks[1]) == 1
    assert [callback.__self__ for callback, _ in future._callbacks] == [task]
    future.set_result("result")
    assert stock_loop.run_until_complete(task) == "result"


@pytest.mark.parametrize("kind", FUTURE_KINDS)
def test_entry_can_be_removed(stock_loop, impl, kind):
    """The task then sleeps until somebody calls the entry."""
    future, task, other = future_and_waiter(impl, stock_loop, kind, count=2)
    wakeup = next(callback for callback, _ in future._callbacks if callback.__self__ is task)
    assert future.remove_done_callback(wakeup) == 1
    assert future.remove_done_callback(wakeup) == 0
    assert [callback.__self__ for callback, _ in future._callbacks] == [other]
    future.set_result("result")
    run_passes(stock_loop, 3)
    assert other.result() == "result"
    assert not task.done()
    assert within(stock_loop, wakeup, future) == ("returned", None)
    assert task.result() == "result"


def test_entry_is_equal_to_itself_alone(stock_loop, impl):
    future, _, _ = future_and_waiter(impl, stock_loop, count=2)
    (first, _), (second, _) = future._callbacks
    (again, _), _ = future._callbacks
    assert first == again
    assert first != second
    assert first != (lambda _: None)
    future.set_result(None)
    run_passes(stock_loop)


def test_entry_called_with_another_future(stock_loop, impl):
    """The outcome is that of the future which the task waits for, whatever wakes it up."""
    future, task = future_and_waiter(impl, stock_loop)
    ((wakeup, _),) = future._callbacks
    other = impl.Future(loop=stock_loop)
    other.set_exception(ValueError("of another"))
    assert within(stock_loop, wakeup, other) == ("returned", None)
    with pytest.raises(ValueError, match="of another"):
        task.result()
    future.set_result(None)
    reports = stock_loop.get_exception_handler()
    run_passes(stock_loop)
    (report,) = reports.take()
    assert isinstance(report["exception"], asyncio.InvalidStateError)


@pytest.mark.parametrize("argument", ["pending future", "nothing", "number", "no result"])
def test_entry_called_with_what_it_does_not_expect(impl, argument):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, task = future_and_waiter(impl, loop)
            ((wakeup, _),) = future._callbacks
            args = {
                "pending future": (impl.Future(loop=loop),),
                "nothing": (),
                "number": (1,),
                "no result": (object(),),
            }[argument]
            kind = within(loop, wakeup, *args)[:2]
            run_passes(loop)
            future.set_result("result")
            run_passes(loop)
            kinds = [(kind, error and error[0]) for kind, error in reported(reports)]
            return kind, ending(task), kinds

    assert_like_builtin(scenario, impl)


def test_entry_added_twice(impl):
    """The second call comes when the task waits for something else."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future, later = impl.Future(loop=loop), impl.Future(loop=loop)

            async def waiting_twice():
                return await future, await later

            task = impl.Task(waiting_twice(), loop=loop, name="T")
            run_passes(loop)
            future.add_done_callback(future._callbacks[0][0])
            entries = len(future._callbacks)
            future.set_result("first")
            run_passes(loop, 2)
            state = task._fut_waiter is later, ending(task)
            later.set_result("second")
            run_passes(loop, 2)
            return entries, state, ending(task), reported(reports)

    assert assert_like_builtin(scenario, impl)[0] == 2


def test_done_callbacks_are_freed_with_the_wake_up(stock_loop, impl):
    """No entry outlives the step that it caused."""
    future, task = future_and_waiter(impl, stock_loop)
    count = sys.getrefcount(task)
    future.set_result(None)
    stock_loop.run_until_complete(task)
    assert sys.getrefcount(task) < count
    assert future._callbacks is None or future._callbacks == []


def test_many_waiters(loop, impl):
    future = loop.create_future()

    async def main():
        tasks = [impl.Task(waiting(future)) for _ in range(1_000)]
        await asyncio.sleep(0)
        future.set_result("result")
        return await asyncio.gather(*tasks)

    assert loop.run_until_complete(main()) == ["result"] * 1_000
