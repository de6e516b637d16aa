"""The end of a future: exceptions that nobody retrieved are reported to the loop, once."""

import asyncio
import logging
import sys
import threading
import traceback

import pytest
from support import answer, collect, new_loop, run_passes
from support.tasks import assert_like_builtin

MESSAGE = "Future exception was never retrieved"


def failed(impl, loop, *arguments):
    future = impl.Future(loop=loop)
    future.set_exception(ValueError(*arguments))
    return future


class Reports:
    """A loop for futures that are only made and dropped: `call_exception_handler()` does `act`."""

    def __init__(self, act=lambda context: None):
        self.act = act
        self.count = 0

    def get_debug(self):
        return False

    def call_exception_handler(self, context):
        self.count += 1
        return self.act(context)


# Reported


def test_report(loop, impl, errors):
    error = ValueError("forgotten")
    future = impl.Future(loop=loop)
    future.set_exception(error)
    identity = id(future)
    assert errors.contexts == []
    del future
    [report] = errors.take()
    assert set(report) == {"message", "exception", "future"}
    assert report["message"] == MESSAGE
    assert report["exception"] is error
    assert id(report["future"]) == identity
    assert type(report["future"]) is impl.Future


def test_report_in_debug_mode_has_the_source_traceback(impl, stock_loop, errors):
    stock_loop.set_debug(True)
    failed(impl, stock_loop)
    [report] = errors.take()
    assert set(report) == {"message", "exception", "future", "source_traceback"}
    assert report["source_traceback"] == report["future"]._source_traceback
    assert report["source_traceback"][-1].name == "failed"


def test_report_of_a_future_in_a_cycle(loop, impl, errors):
    future = failed(impl, loop)
    future.circle = future
    del future
    assert errors.contexts == []
    collect()
    assert errors.messages() == [MESSAGE]


def test_report_of_a_future_in_a_cycle_through_its_exception(loop, impl, errors):
    def fail():
        future = impl.Future(loop=loop)
        try:
            raise ValueError("holds the frame, which holds the future")
        except ValueError as error:
            future.set_exception(error)

    fail()
    collect()
    [report] = errors.take()
    assert report["message"] == MESSAGE
    assert isinstance(report["exception"], ValueError)
    assert report["future"].exception() is report["exception"]


def test_exception_handed_to_callbacks_counts_as_forgotten(loop, impl, errors):
    future = failed(impl, loop)
    seen = []
    future.add_done_callback(lambda future: seen.append(future.done()))
    run_passes(loop)
    del future
    assert seen == [True]
    assert errors.messages() == [MESSAGE]


def test_reports_come_in_the_order_of_dropping(impl, stock_loop, errors):
    futures = [failed(impl, stock_loop, number) for number in range(10)]
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    for number in order:
        futures[number] = None
    assert [report["exception"].args[0] for report in errors.take()] == order


def test_loop_that_is_closed_still_hears_of_it(loop, impl, errors):
    future = failed(impl, loop)
    loop.close()
    del future
    assert errors.messages() == [MESSAGE]


def test_default_handler_logs_it(impl, caplog):
    loop = new_loop("asyncio")
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        failed(impl, loop, "in the log")
    loop.close()
    [record] = caplog.records
    assert record.message == (
        f"{MESSAGE}\nfuture: <Future finished exception=ValueError('in the log')>"
    )
    assert record.exc_info[0] is ValueError


def test_exception_that_is_raised_meanwhile_goes_on(impl, stock_loop, errors):
    def raising():
        future = failed(impl, stock_loop)  # noqa: F841 - dropped by the exception that passes by
        raise LookupError("passing by")

    with pytest.raises(LookupError, match="passing by") as caught:
        raising()
    # The frame, and the future in it, live as long as the traceback.
    assert errors.contexts == []
    error = caught.value
    traceback.clear_frames(error.__traceback__)
    assert errors.messages() == [MESSAGE]
    assert error.args == ("passing by",)


def test_report_while_an_exception_is_handled(impl, errors, stock_loop):
    future = failed(impl, stock_loop)
    try:
        raise LookupError("being handled")
    except LookupError as handled:
        del future
        assert sys.exc_info()[1] is handled
        assert handled.__context__ is None
    assert errors.messages() == [MESSAGE]


def test_dropped_by_another_thread(impl, stock_loop, errors):
    threads = []
    stock_loop.set_exception_handler(
        lambda loop, context: threads.append((threading.current_thread(), context["message"]))
    )
    holder = [failed(impl, stock_loop)]
    thread = threading.Thread(target=holder.clear)
    thread.start()
    thread.join()
    assert threads == [(thread, MESSAGE)]


# Not reported: the fixture fails the test for any report


@pytest.mark.parametrize("ask", ["result", "exception", "cancel"])
def test_retrieved(loop, impl, ask):
    future = failed(impl, loop)
    answer(getattr(future, ask))


def test_retrieved_by_a_callback(loop, impl):
    future = failed(impl, loop)
    future.add_done_callback(lambda future: future.exception())
    run_passes(loop)


def test_retrieved_by_an_await(loop, impl):
    future = impl.Future(loop=loop)
    future.set_exception(LookupError())

    async def waiter():
        with pytest.raises(LookupError):
            await future

    loop.run_until_complete(waiter())


def test_log_traceback_set_to_false(loop, impl):
    failed(impl, loop)._log_traceback = False


@pytest.mark.parametrize(
    "make_done",
    [
        lambda future: None,
        lambda future: future.set_result(1),
        lambda future: future.set_result(ValueError("a value")),
        lambda future: future.cancel(),
        lambda future: future.add_done_callback(print),
    ],
    ids=["pending", "result", "exception as result", "cancelled", "pending with a callback"],
)
def test_nothing_to_report(loop, impl, make_done):
    future = impl.Future(loop=loop)
    make_done(future)


def test_reported_once(impl):
    loop = Reports()
    future = failed(impl, loop)
    future.__del__()
    assert loop.count == 1
    assert future._log_traceback is False
    future.__del__()
    del future
    collect()
    assert loop.count == 1


def test_del_before_the_end_reports_nothing(impl):
    loop = Reports()
    future = impl.Future(loop=loop)
    assert future.__del__() is None
    future.set_exception(ValueError())
    assert loop.count == 0
    del future
    assert loop.count == 1


# The handler


def test_handler_may_keep_the_future(impl):
    kept = []
    loop = Reports(lambda context: kept.append(context["future"]))
    failed(impl, loop, "resurrected")
    [future] = kept
    assert future.done()
    assert future.exception().args == ("resurrected",)
    with pytest.raises(ValueError, match="resurrected"):
        future.result()
    assert repr(future) == "<Future finished exception=ValueError('resurrected')>"
    kept.clear()
    del future
    collect()
    assert loop.count == 1


def test_handler_may_begin_the_future_again(impl, stock_loop):
    kept = []

    def begin_again(context):
        future = context["future"]
        future.__init__(loop=stock_loop)
        kept.append(future)

    loop = Reports(begin_again)
    failed(impl, loop)
    [future] = kept
    assert not future.done()
    future.set_result("second life")
    assert future.result() == "second life"


def test_handler_may_keep_the_exception(impl):
    kept = []
    failed(impl, Reports(lambda context: kept.append(context["exception"])), "kept")
    assert [error.args for error in kept] == [("kept",)]


def test_handler_that_fails(impl, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_value))
    error = LookupError("handler failed")

    def fail(context):
        raise error

    failed(impl, Reports(fail))
    assert unraisable == [error]


def test_handler_that_fails_in_a_collection(impl, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_value))
    error = LookupError("handler failed")

    def fail(context):
        raise error

    future = failed(impl, Reports(fail))
    future.circle = future
    del future
    collect()
    assert unraisable == [error]


def test_loop_without_a_handler(impl, monkeypatch):
    class Bare:
        def get_debug(self):
            return False

    def scenario(impl):
        unraisable = []
        monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_type))
        failed(impl, Bare())
        return unraisable

    assert_like_builtin(scenario, impl)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_handler_that_wants_to_leave(impl, monkeypatch, error):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_value))

    def leave(context):
        raise error

    failed(impl, Reports(leave))
    assert unraisable == [error]


def test_handler_that_drops_another_future(impl, errors, stock_loop):
    holder = [failed(impl, stock_loop, "inner")]
    failed(impl, Reports(lambda context: holder.clear()), "outer")
    assert [report["exception"].args for report in errors.take()] == [("inner",)]


# Subclasses


def test_report_names_the_subclass(impl, stock_loop, errors):
    class Promise(impl.Future):
        pass

    promise = Promise(loop=stock_loop)
    promise.extra = "still there"
    promise.set_exception(ValueError())
    del promise
    [report] = errors.take()
    assert report["message"] == "Promise exception was never retrieved"
    assert type(report["future"]) is Promise
    assert report["future"].extra == "still there"


def test_del_of_a_subclass(impl, stock_loop, errors):
    log = []

    class Silent(impl.Future):
        def __del__(self):
            log.append("silent")

    class Loud(impl.Future):
        def __del__(self):
            log.append("loud")
            super().__del__()

    for cls in (Silent, Loud):
        future = cls(loop=stock_loop)
        future.set_exception(ValueError())
        del future
    assert log == ["silent", "loud"]
    assert errors.messages() == ["Loud exception was never retrieved"]


def test_overridden_methods_at_the_end(impl):
    def scenario(impl):
        log = []

        class Watched(impl.Future):
            def exception(self):
                log.append("exception")
                return super().exception()

            _exception = property(lambda self: log.append("_exception"))
            _log_traceback = property(lambda self: log.append("_log_traceback"))
            _source_traceback = property(lambda self: log.append("_source_traceback"))

        loop = Reports(lambda context: log.append((context["message"], type(context["exception"]))))
        future = Watched(loop=loop)
        future.set_exception(ValueError())
        del future
        return log

    assert_like_builtin(scenario, impl)


def test_class_whose_name_cannot_be_read(impl, stock_loop, errors):
    class Promise(impl.Future):
        __class__ = property(lambda self: asyncio.Event)

    Promise(loop=stock_loop).set_exception(ValueError())
    # What the class is called is taken from the type by some, from __class__ by others.
    [message] = errors.messages()
    assert message in (
        "Promise exception was never retrieved",
        "Event exception was never retrieved",
    )


# In which order what it holds goes


class Loud:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        self.log.append(self.name)


KINDS_OF_FUTURES = {
    "future": lambda impl, loop: impl.Future(loop=loop),
    "with a callback": lambda impl, loop: with_callback(impl.Future(loop=loop)),
    "cancelled before": lambda impl, loop: with_message(impl.Future(loop=loop)),
}


def with_callback(future):
    future.add_done_callback(print)
    return future


def with_message(future):
    future._cancel_message = "why"
    return future


@pytest.mark.parametrize("kind", KINDS_OF_FUTURES)
def test_what_it_holds_goes_before_its_attributes(stock_loop, impl, kind):
    def scenario(impl):
        log = []
        future = KINDS_OF_FUTURES[kind](impl, stock_loop)
        future.remove_done_callback(print)
        future.set_result(Loud("result", log))
        future.attribute = Loud("attribute", log)
        del future
        return log

    assert assert_like_builtin(scenario, impl) == ["result", "attribute"]
