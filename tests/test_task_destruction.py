"""What is reported where a task is destroyed."""

import asyncio

import pytest
from support import collect, normalised, run_passes
from support.tasks import assert_like_builtin, described, forever, supervised_loop


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
