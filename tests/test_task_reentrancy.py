"""Code that runs in the middle of what a task is doing, and acts on that very task.

Everything that a task calls may call it back: the methods of what it awaits, those of its loop,
finalisers of what it drops. What comes of it must be what comes of it on the interpreter's class.
"""

import asyncio

import pytest
from support import answer, normalised, run_passes
from support.tasks import (
    assert_like_builtin,
    described,
    ending,
    future_kinds,
    reported,
    supervised_loop,
)


async def nothing():
    pass


def cancel(task, _):
    return task.cancel("from within")


def cancel_and_take_back(task, _):
    return task.cancel("from within"), task.uncancel()


def finish_the_future(_, future):
    return future.done() or future.set_result("from within")


def cancel_the_future(_, future):
    return future.done() or type(future).__base__.cancel(future, "from within")


def wake_it_up(task, future):
    """Calls the task's own entry, if there is one, there and then."""
    for callback, _ in list(future._callbacks or ()):
        if getattr(callback, "__self__", None) is task:
            callback(future)


def look(task, _):
    return normalised(repr(task)), task.done(), task._must_cancel, task.cancelling()


def drop_its_callbacks(task, _):
    return task.remove_done_callback(print)


def add_a_callback(task, _):
    return task.add_done_callback(print)


ACTIONS = [
    cancel,
    cancel_and_take_back,
    finish_the_future,
    cancel_the_future,
    wake_it_up,
    look,
    drop_its_callbacks,
    add_a_callback,
]


METHODS = ["add_done_callback", "cancel", "result", "get_loop", "_asyncio_future_blocking"]


def acting(base, method, box, log, before):
    """A subclass of `base` whose `method` carries out the action in `box` besides its own work."""

    class Acting(base):
        pass

    def act(future):
        task, action = box
        # Its own doing must not set it off again.
        if action is not None:
            box[1] = None
            log.append((method, action.__name__, comparable(answer(action, task, future))))
            box[1] = action

    def overridden(self, *args, **kwargs):
        if before:
            act(self)
        try:
            return getattr(super(Acting, self), method)(*args, **kwargs)
        finally:
            if not before:
                act(self)

    class Marker:
        def __get__(self, future, kind):
            if future is None:
                return self
            act(future)
            return super(Acting, future)._asyncio_future_blocking

        def __set__(self, future, value):
            base._asyncio_future_blocking.__set__(future, value)
            act(future)

    if method == "_asyncio_future_blocking":
        Acting._asyncio_future_blocking = Marker()
    else:
        setattr(Acting, method, overridden)
    return Acting


def comparable(outcome):
    return outcome[:3] if outcome[0] == "raised" else outcome


def encounter(impl, kind, method, action, *, before, event):
    with supervised_loop(impl) as (loop, reports):
        log, box = [], [None, None]
        future = acting(future_kinds(impl)[kind], method, box, log, before)(loop=loop)

        async def waiting():
            try:
                log.append(("resumed", await future))
                await asyncio.sleep(0)
            except BaseException as error:
                log.append(described(error))
                raise
            return "end"

        task = impl.Task(waiting(), loop=loop, name="T")
        original = task.get_coro()
        box[:] = task, action
        run_passes(loop)
        box[1] = action
        if event == "result":
            answer(future.set_result, "result")
        elif event == "exception":
            answer(future.set_exception, ValueError("message"))
        else:
            log.append(comparable(answer(task.cancel, "from outside")))
        run_passes(loop, 4)
        box[1] = None
        log.append((task._must_cancel, task.cancelling(), task._fut_waiter is None))
        log.append(ending(task))
        task._log_destroy_pending = False
        original.close()
        answer(future.exception)
        # The messages of what the loop caught name callbacks and addresses.
        return log, [(message, error and error[0]) for message, error in reported(reports)]


# The class written in Python has a plain attribute for a marker.
KINDS_AND_METHODS = [
    (kind, method)
    for kind in ("own", "stock", "python")
    for method in METHODS
    if (kind, method) != ("python", "_asyncio_future_blocking")
]


@pytest.mark.parametrize(("kind", "method"), KINDS_AND_METHODS)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_awaited_future_that_acts_on_its_awaiter(impl, kind, method, action):
    def scenario(impl):
        return {
            (before, event): encounter(impl, kind, method, action, before=before, event=event)
            for before in (True, False)
            for event in ("result", "exception", "cancel")
        }

    courses = assert_like_builtin(scenario, impl)
    assert any(entry[0] == method for log, _ in courses.values() for entry in log)


class Last:
    """Carries out `action` when it goes."""

    def __init__(self, action):
        self.action = action

    def __del__(self):
        self.action()


# Finalisers


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
@pytest.mark.parametrize("how", ["returns", "raises", "waits"])
def test_local_that_acts_when_the_frame_goes(impl, action, how):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            log = []
            future = acting(impl.Future, "result", [None, None], [], True)(loop=loop)

            async def holding():
                task = asyncio.current_task()
                _last = Last(lambda: log.append(comparable(answer(action, task, future))))
                await asyncio.sleep(0)
                if how == "raises":
                    raise ValueError("message")
                if how == "waits":
                    del _last
                    await asyncio.sleep(0)
                return "result"

            task = impl.Task(holding(), loop=loop, name="T")
            run_passes(loop, 2)
            if task.done() and how == "raises":
                answer(task.result)
                task.exception().__traceback__ = None
            run_passes(loop, 3)
            end = ending(task)
            task._log_destroy_pending = False
            task.get_coro().close()
            return log, end, [message for message, _ in reported(reports)]

    log, _, _ = assert_like_builtin(scenario, impl)
    assert len(log) == 1


def test_message_that_cancels_when_it_is_replaced(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            task = impl.Task(nothing(), loop=loop)
            log = []
            task.cancel(Last(lambda: log.append(task.cancel("third"))))
            task.cancel("second")
            log.append((task._cancel_message, task.cancelling()))
            run_passes(loop)
            return log, ending(task), reported(reports)

    log, end, _ = assert_like_builtin(scenario, impl)
    assert log[0] is True
    assert end[0] == "cancelled"


def test_result_that_acts_when_the_task_is_made_anew(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            log = []

            async def returning():
                return Last(lambda: log.append((task.done(), task.cancelling())))

            task = impl.Task(returning(), loop=loop)
            run_passes(loop)
            task.__init__(nothing(), loop=loop)
            run_passes(loop)
            return log, ending(task), reported(reports)

    log, end, _ = assert_like_builtin(scenario, impl)
    assert len(log) == 1
    assert end == ("returned", None)
