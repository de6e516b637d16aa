"""The end of a task as an object: what is reported, when it goes, and what it lets go of before."""

import asyncio
import contextvars
import gc
import sys
import weakref

import pytest
from support import collect, normalised, run_passes
from support.tasks import assert_like_builtin, described, forever, supervised_loop


class Local:
    """An object that can be watched."""


async def holding(local, awaitable):
    return await awaitable


async def raising(error):
    raise error


def pending_task(impl, loop, **kwargs):
    """A task that waits for a future which nobody else holds."""
    task = impl.Task(forever(), loop=loop, **kwargs)
    run_passes(loop)
    return task


def report_of(context):
    """A report in a form that can be compared; the future or task in it is let go."""
    about = context.get("task") or context.get("future")
    return (
        context["message"],
        sorted(context),
        normalised(repr(about)),
        described(context.get("exception")),
        [frame.name for frame in context.get("source_traceback", ())][-3:],
    )


# A pending task


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("started", [False, True], ids=["scheduled", "suspended"])
def test_pending_task_is_reported(impl, debug, started):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            loop.set_debug(debug)
            task = impl.Task(forever(), loop=loop, name="T")
            if started:
                run_passes(loop)
            else:
                loop._ready.clear()
            del task
            collect()
            return [report_of(context) for context in reports.take()]

    if not started:
        # The coroutine that never ran warns for itself.
        with pytest.warns(RuntimeWarning, match="was never awaited"):
            reports = assert_like_builtin(scenario, impl)
    else:
        reports = assert_like_builtin(scenario, impl)
    ((message, keys, text, error, _),) = reports
    assert message == "Task was destroyed but it is pending!"
    assert keys == (["message", "source_traceback", "task"] if debug else ["message", "task"])
    assert text.startswith("<Task pending name='T' coro=<forever() ")
    assert error is None


def test_report_is_about_the_task_itself(loop, impl, errors):
    task = pending_task(impl, loop, name="T")
    number = id(task)
    del task
    collect()
    (report,) = errors.take()
    assert report["message"] == "Task was destroyed but it is pending!"
    assert id(report["task"]) == number
    assert type(report["task"]) is impl.Task
    assert report["task"].get_name() == "T"


def test_no_report_when_it_was_told_so(loop, impl, errors):
    task = pending_task(impl, loop)
    task._log_destroy_pending = False
    del task
    collect()
    assert errors.take() == []


def test_reported_when_it_was_told_so_again(stock_loop, impl, errors):
    task = pending_task(impl, stock_loop)
    task._log_destroy_pending = False
    task._log_destroy_pending = True
    del task
    collect()
    assert len(errors.messages()) == 1


@pytest.mark.parametrize("how", ["returns", "is cancelled"])
def test_done_task_is_not_reported(loop, impl, errors, how):
    task = impl.Task(asyncio.sleep(0), loop=loop)
    if how == "is cancelled":
        task.cancel()
    run_passes(loop, 3)
    assert task.done()
    del task
    collect()
    assert errors.take() == []


def test_coroutine_is_closed_with_its_task(stock_loop, impl, errors):
    log = []

    async def cleaning():
        try:
            await forever()
        except GeneratorExit:
            log.append("closed")
            raise

    impl.Task(cleaning(), loop=stock_loop)
    run_passes(stock_loop)
    collect()
    # The report keeps the task, and with it the coroutine.
    assert errors.messages() == ["Task was destroyed but it is pending!"]
    collect()
    assert log == ["closed"]


# An exception that nobody retrieved


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("error", [ValueError("message"), asyncio.InvalidStateError("own")])
def test_exception_never_retrieved(impl, debug, error):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            loop.set_debug(debug)
            task = impl.Task(raising(type(error)(*error.args)), loop=loop, name="T")
            run_passes(loop)
            del task
            collect()
            return [report_of(context) for context in reports.take()]

    ((message, keys, text, seen, _),) = assert_like_builtin(scenario, impl)
    assert message == "Task exception was never retrieved"
    expected = ["exception", "future", "message"] + ["source_traceback"] * debug
    assert keys == expected
    assert text.startswith("<Task finished name='T' coro=<raising() done, ")
    assert seen[:2] == (type(error), error.args)


@pytest.mark.parametrize("how", ["result", "exception", "await", "cancel", "_log_traceback"])
def test_exception_retrieved_is_not_reported(loop, impl, errors, how):
    task = impl.Task(raising(ValueError("message")), loop=loop)
    run_passes(loop)
    assert task._log_traceback
    if how == "await":
        with pytest.raises(ValueError, match="message"):
            loop.run_until_complete(holding(None, task))
    elif how == "_log_traceback":
        task._log_traceback = False
    elif how == "result":
        with pytest.raises(ValueError, match="message"):
            task.result()
    else:
        getattr(task, how)()
    assert not task._log_traceback
    del task
    collect()
    assert errors.take() == []


def test_exception_of_a_subclass_is_reported_with_its_name(impl):
    def scenario(impl):
        class Special(impl.Task):
            pass

        with supervised_loop(impl) as (loop, reports):
            Special(raising(ValueError("message")), loop=loop, name="T")
            run_passes(loop)
            collect()
            return [report_of(context) for context in reports.take()]

    ((message, *_),) = assert_like_builtin(scenario, impl)
    assert message == "Special exception was never retrieved"


def test_exception_seen_by_one_awaiter_is_retrieved(stock_loop, impl, errors):
    failing = impl.Task(raising(ValueError("message")), loop=stock_loop)
    awaiting = impl.Task(holding(None, failing), loop=stock_loop)
    run_passes(stock_loop, 3)
    assert not failing._log_traceback
    assert awaiting._log_traceback
    del failing, awaiting
    collect()
    (report,) = errors.take()
    assert report["message"] == "Task exception was never retrieved"


# Cycles, and handlers that keep what they are told of


def test_task_in_a_cycle_with_its_coroutine(stock_loop, impl, errors):
    async def knowing_itself(box):
        box.append(asyncio.current_task())
        await forever()

    task = impl.Task(knowing_itself([]), loop=stock_loop)
    run_passes(stock_loop)
    gone = weakref.ref(task)
    del task
    assert gone() is not None
    collect()
    assert gone() is None
    assert errors.messages() == ["Task was destroyed but it is pending!"]


def test_task_in_a_cycle_with_its_exception(stock_loop, impl, errors):
    async def failing():
        task = asyncio.current_task()
        raise ValueError(task)

    task = impl.Task(failing(), loop=stock_loop)
    run_passes(stock_loop)
    gone = weakref.ref(task)
    del task
    collect()
    assert errors.messages() == ["Task exception was never retrieved"]
    collect()
    assert gone() is None


def test_task_in_a_cycle_with_its_result(stock_loop, impl):
    async def returning():
        return asyncio.current_task()

    task = impl.Task(returning(), loop=stock_loop)
    stock_loop.run_until_complete(task)
    gone = weakref.ref(task)
    del task
    collect()
    assert gone() is None


@pytest.mark.parametrize("kept_in", ["callback", "context", "attribute", "name"])
def test_task_in_a_cycle_with_what_it_holds(stock_loop, impl, errors, kept_in):
    class Special(impl.Task):
        pass

    class Name(str):
        __slots__ = ("task", "__dict__")

    name = Name("T")
    task = Special(forever(), loop=stock_loop, name=name)
    run_passes(stock_loop)
    if kept_in == "callback":
        task.add_done_callback(lambda _, task=task: None)
    elif kept_in == "context":
        variable = contextvars.ContextVar("variable")
        context = contextvars.copy_context()
        context.run(variable.set, task)
        task.add_done_callback(print, context=context)
        del context
    elif kept_in == "attribute":
        task.itself = task
    else:
        name.task = task
    gone = weakref.ref(task)
    del task, name
    collect()
    assert errors.messages() == ["Task was destroyed but it is pending!"]
    collect()
    assert gone() is None


def test_two_tasks_that_await_each_other(stock_loop, impl, errors):
    async def awaiting(box):
        await box[0]

    boxes = [], []
    tasks = [impl.Task(awaiting(box), loop=stock_loop) for box in boxes]
    boxes[0].append(tasks[1])
    boxes[1].append(tasks[0])
    run_passes(stock_loop, 2)
    gone = [weakref.ref(task) for task in tasks]
    del tasks, boxes
    collect()
    assert errors.messages() == ["Task was destroyed but it is pending!"] * 2
    collect()
    assert [reference() for reference in gone] == [None, None]


def test_reported_once_although_it_was_resurrected(stock_loop, impl, errors):
    kept = []
    stock_loop.set_exception_handler(lambda _, context: kept.append(context))
    task = pending_task(impl, stock_loop, name="T")
    del task
    collect()
    ((message, task),) = [(context["message"], context["task"]) for context in kept]
    assert message == "Task was destroyed but it is pending!"
    # It lives again, and is a task like any other.
    assert (task.get_name(), task.done()) == ("T", False)
    assert repr(task).startswith("<Task pending name='T'")
    kept.clear()
    del task
    collect()
    assert kept == []


def test_resurrected_task_takes_another_step(stock_loop, impl, errors):
    """Its coroutine was closed with it, being part of the same garbage."""
    task = pending_task(impl, stock_loop)
    del task
    collect()
    (report,) = errors.take()
    task = report["task"]
    assert task.cancel() is True
    run_passes(stock_loop, 2)
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        task.result()


def test_resurrected_failed_task(stock_loop, impl, errors):
    impl.Task(raising(ValueError("message")), loop=stock_loop)
    run_passes(stock_loop)
    collect()
    (report,) = errors.take()
    with pytest.raises(ValueError, match="message"):
        report["future"].result()
    del report
    collect()
    assert errors.take() == []


@pytest.mark.parametrize("pending", [True, False])
def test_handler_that_fails(impl, pending, monkeypatch):
    """Nothing can be raised where the task is destroyed: it is reported as unraisable, or logged."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: unraisable.append(info.exc_type))

    def scenario(impl):
        unraisable.clear()
        with supervised_loop(impl) as (loop, _):

            def refuse(context):
                raise ZeroDivisionError("refused")

            loop.call_exception_handler = refuse
            task = impl.Task(forever() if pending else raising(ValueError("message")), loop=loop)
            run_passes(loop)
            del task
            collect()
            return list(unraisable)

    assert assert_like_builtin(scenario, impl) == [ZeroDivisionError]


def test_loop_without_a_handler_to_call(impl, monkeypatch):
    """A loop that is closed still reports."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            task = pending_task(impl, loop, name="T")
            loop.close()
            del task
            collect()
            return [report_of(context) for context in reports.take()]

    assert len(assert_like_builtin(scenario, impl)) == 1


def test_destroyed_while_another_exception_is_raised(impl):
    """The exception that is on its way is neither lost nor changed."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):

            def failing():
                task = pending_task(impl, loop)
                raise KeyError(task.get_name() is None)

            try:
                failing()
            except KeyError as error:
                error.__traceback__ = None
                collect()
                return described(error), reports.messages()

    error, messages = assert_like_builtin(scenario, impl)
    assert error == (KeyError, (False,), None, None, False)
    assert messages == ["Task was destroyed but it is pending!"]


def test_finaliser_called_by_hand(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            task = pending_task(impl, loop, name="T")
            returned = task.__del__()
            told = reports.messages()
            task.cancel()
            run_passes(loop, 2)
            task.__del__()
            return returned, told, reports.messages()

    returned, told, afterwards = assert_like_builtin(scenario, impl)
    assert (returned, told) == (None, ["Task was destroyed but it is pending!"])
    assert afterwards == []


def test_subclass_with_a_finaliser_of_its_own(impl):
    def scenario(impl):
        log = []

        class Special(impl.Task):
            def __del__(self):
                log.append(self.get_name())
                super().__del__()

        with supervised_loop(impl) as (loop, reports):
            task = Special(forever(), loop=loop, name="T")
            run_passes(loop)
            del task
            collect()
            return log, reports.messages()

    log, messages = assert_like_builtin(scenario, impl)
    assert log == ["T"]
    assert messages == ["Task was destroyed but it is pending!"]


# What it lets go of


def lifetimes(impl, ending):
    """When a local of the coroutine, the coroutine itself and the task go; nothing is collected."""
    with supervised_loop(impl) as (loop, reports):
        gc.disable()
        try:
            local = Local()
            watched = weakref.ref(local)
            future = loop.create_future()
            coroutine = holding(local, future)
            frame = weakref.ref(coroutine)
            task = impl.Task(coroutine, loop=loop)
            del local, coroutine
            log = [watched() is not None]
            run_passes(loop)
            log.append(watched() is not None)
            if ending == "result":
                future.set_result("result")
            elif ending == "exception":
                future.set_exception(ValueError("message"))
            else:
                task.cancel()
            del future
            run_passes(loop)
            log += [task.done(), watched() is not None, frame() is not None]
            if ending == "exception":
                task.exception().__traceback__ = None
                log.append(watched() is not None)
            reference = weakref.ref(task)
            run_passes(loop)
            del task
            log += [reference() is not None, frame() is not None]
            return log, reports.messages()
        finally:
            gc.enable()


@pytest.mark.parametrize("ending", ["result", "exception", "cancelled"])
def test_locals_go_with_the_last_step(impl, ending):
    log, messages = assert_like_builtin(lambda impl: lifetimes(impl, ending), impl)
    assert log[:3] == [True, True, True]
    assert log[-2:] == [False, False]
    if ending == "result":
        assert log[3] is False
    assert messages == []


def test_finished_task_goes_when_nobody_holds_it(stock_loop, impl):
    """Without the help of the collector, and before the callbacks of the next pass."""
    gc.disable()
    try:
        task = impl.Task(asyncio.sleep(0), loop=stock_loop)
        gone = weakref.ref(task)
        run_passes(stock_loop)
        del task
        assert gone() is not None  # the loop holds its next step
        run_passes(stock_loop)
        assert gone() is None
    finally:
        gc.enable()


def test_awaited_future_goes_with_the_step_that_follows(stock_loop, impl):
    gc.disable()
    try:
        future = impl.Future(loop=stock_loop)
        gone = weakref.ref(future)

        async def waiting(box):
            await box.pop()
            await asyncio.sleep(0)

        task = impl.Task(waiting([future]), loop=stock_loop)
        run_passes(stock_loop)
        future.set_result(None)
        del future
        assert gone() is not None
        run_passes(stock_loop)
        assert gone() is None
        stock_loop.run_until_complete(task)
    finally:
        gc.enable()


def test_result_of_the_awaited_is_not_kept(stock_loop, impl):
    gc.disable()
    try:
        local = Local()
        gone = weakref.ref(local)

        async def waiting(box):
            await box.pop()
            await asyncio.sleep(0)

        future = impl.Future(loop=stock_loop)
        task = impl.Task(waiting([future]), loop=stock_loop)
        run_passes(stock_loop)
        future.set_result(local)
        del local, future
        run_passes(stock_loop, 2)
        assert gone() is None
        stock_loop.run_until_complete(task)
    finally:
        gc.enable()


@pytest.mark.parametrize("message", ["plain", "kept"])
def test_exception_of_a_cancelled_task_is_let_go_with_it(stock_loop, impl, message):
    gc.disable()
    try:
        told = Local()
        gone = weakref.ref(told)
        task = impl.Task(forever(), loop=stock_loop)
        run_passes(stock_loop)
        task.cancel(told)
        del told
        run_passes(stock_loop, 2)
        assert gone() is not None
        if message == "plain":
            with pytest.raises(asyncio.CancelledError):
                task.result()
    finally:
        gc.enable()
    del task
    collect()
    assert gone() is None


def test_task_dropped_from_its_own_last_step(loop, impl):
    """The last reference goes while the task is running; the loop's own keeps it up."""
    box = []

    async def dropping():
        box.clear()
        await asyncio.sleep(0)
        return "unseen"

    box.append(impl.Task(dropping(), loop=loop))
    gone = weakref.ref(box[0])
    run_passes(loop, 3)
    collect()
    assert gone() is None


def test_many_tasks_leave_nothing_behind(stock_loop, impl):
    async def child(number):
        if number % 3 == 0:
            await asyncio.sleep(0)
        if number % 3 == 1:
            raise ValueError(number)
        return Local()

    async def main():
        tasks = [impl.Task(child(number)) for number in range(300)]
        watched.extend(weakref.ref(task) for task in tasks)
        await asyncio.wait(tasks)
        return [task.exception() is None for task in tasks].count(True)

    watched = []
    assert stock_loop.run_until_complete(main()) == 200
    collect()
    assert [reference() for reference in watched if reference() is not None] == []
