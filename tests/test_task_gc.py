"""Tasks in reference cycles, and those that a handler keeps alive."""

import asyncio
import contextvars
import sys
import weakref

import pytest
from support import collect, normalised, run_passes
from support.tasks import assert_like_builtin, described, forever, supervised_loop


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
        __slots__ = ("__dict__", "task")

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
    """Nothing can be raised where the task is destroyed: it is reported as unraisable."""
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
