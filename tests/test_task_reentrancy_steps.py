"""Coroutines, mistakes and loops that act on the task whose step is being taken."""

import asyncio

import pytest
from support import answer, normalised, run_child, run_passes
from support.tasks import (
    Yielding,
    assert_like_builtin,
    described,
    ending,
    reported,
    supervised_loop,
)


def cancel(task, _):
    return task.cancel("from within")


def cancel_and_take_back(task, _):
    return task.cancel("from within"), task.uncancel()


def look(task, _):
    return normalised(repr(task)), task.done(), task._must_cancel, task.cancelling()


def drop_its_callbacks(task, _):
    return task.remove_done_callback(print)


def comparable(outcome):
    return outcome[:3] if outcome[0] == "raised" else outcome


# Coroutines and mistakes


@pytest.mark.parametrize("action", [cancel, cancel_and_take_back, look])
def test_coroutine_that_acts_while_it_is_resumed(impl, action):
    class Acting:
        def __init__(self, log):
            self.log = log
            self.steps = 0

        def act(self):
            self.steps += 1
            task = asyncio.current_task()
            self.log.append(comparable(answer(action, task, None)))
            if self.steps == 3:
                raise StopIteration("result")

        def send(self, value):
            return self.act()

        def throw(self, error, value=None, traceback=None):
            self.log.append(described(error))
            return self.act()

        def close(self):
            pass

        def __await__(self):
            return self

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            log = []
            task = impl.Task(Acting(log), loop=loop, name="T")
            run_passes(loop, 8)
            end = ending(task)
            task._log_destroy_pending = False
            return log, end, [(message, error and error[0]) for message, error in reported(reports)]

    assert_like_builtin(scenario, impl)


@pytest.mark.parametrize("action", [cancel, cancel_and_take_back, drop_its_callbacks])
def test_bad_yield_that_acts_while_it_is_shown(impl, action):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            log = []

            class Acting:
                def __repr__(self):
                    log.append(comparable(answer(action, task, None)))
                    return "<acting>"

            async def mistaken():
                try:
                    await Yielding(Acting())
                except BaseException as error:
                    log.append((type(error), str(error)))
                    raise

            task = impl.Task(mistaken(), loop=loop, name="T")
            original = task.get_coro()
            run_passes(loop, 4)
            end = ending(task)
            original.close()
            return log, end, [(message, error and error[0]) for message, error in reported(reports)]

    log, _, _ = assert_like_builtin(scenario, impl)
    assert log


@pytest.mark.parametrize("method", ["__repr__", "__class__"])
def test_bad_yield_that_raises_while_it_is_shown(impl, method):
    def refuse(self):
        raise ZeroDivisionError("not to be shown")

    refused = refuse if method == "__repr__" else property(refuse)
    Unshowable = type("Unshowable", (), {method: refused})

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            thing = Unshowable()

            async def mistaken():
                await Yielding(thing)

            task = impl.Task(mistaken(), loop=loop, name="T")
            run_passes(loop, 3)
            end = ending(task)
            task._log_destroy_pending = False
            task.get_coro().close()
            return end, [(message, error and error[:2]) for message, error in reported(reports)]

    assert_like_builtin(scenario, impl)


class Interrupting(asyncio.SelectorEventLoop):
    """Its `call_soon()` carries out `action`, or raises, where it is told to."""

    action = None

    def call_soon(self, callback, *args, context=None):
        action, self.action = self.action, None
        if action is not None:
            action()
        return super().call_soon(callback, *args, context=context)


def refuse():
    raise ZeroDivisionError("refused")


MOMENTS = ["bare yield", "mistake", "end with a callback", "wake-up", "cancellation", "done future"]


# The loop


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("action", ["refuse", "cancel", "close the loop"])
def test_loop_that_acts_while_a_call_is_scheduled(impl, moment, action):
    def scenario(impl):
        loop, reports, log = Interrupting(), [], []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        future = impl.Future(loop=loop)

        def set_off():
            loop.action = {
                "refuse": refuse,
                "cancel": lambda: log.append(task.cancel("from the loop")),
                "close the loop": lambda: setattr(loop, "_closed", True),
            }[action]

        async def steps():
            if moment == "bare yield":
                set_off()
                await asyncio.sleep(0)
            elif moment == "mistake":
                set_off()
                await Yielding(42)
            elif moment == "done future":
                future.set_result(None)
                future.add_done_callback(log.append)
                await future
            elif moment != "end with a callback":
                await future
            set_off()
            return "result"

        task = impl.Task(steps(), loop=loop, name="T")
        task.add_done_callback(lambda task: log.append(ending(task)))
        run_one_pass(loop)
        if moment in ("wake-up", "cancellation"):
            set_off()
            act = future.set_result if moment == "wake-up" else task.cancel
            log.append(comparable(answer(act, "argument")))
        loop._closed = False
        for _ in range(4):
            loop.action = None
            run_one_pass(loop)
        end = ending(task)
        task._log_destroy_pending = False
        task.get_coro().close()
        answer(future.exception)
        loop.close()
        kinds = [
            (context["message"].split(" ")[0], type(context.get("exception")))
            for context in reports
        ]
        return [entry for entry in log if entry is not future], end, kinds

    assert_like_builtin(scenario, impl)


def run_one_pass(loop):
    loop.stop()
    loop.run_forever()
    loop._closed = False


# Made once more in the middle of things, which brings the interpreter down with its own class.
MADE_ANEW = """
    import asyncio

    async def nothing():
        pass

    def begin_anew():
        if not begun:
            begun.append(True)
            task.__init__(nothing(), loop=loop)

    class Acting(asyncio.Future):
        def add_done_callback(self, callback, *, context=None):
            begin_anew()
            super().add_done_callback(callback, context=context)
            begin_anew()

        def cancel(self, msg=None):
            begin_anew()
            return super().cancel(msg)

        def result(self):
            begin_anew()
            return super().result()

    class Shown:
        def __await__(self):
            yield self

        def __repr__(self):
            begin_anew()
            return "<shown>"

    class Last:
        def __del__(self):
            begin_anew()

    async def in_its_body(future):
        begin_anew()
        await future

    async def while_it_waits(future):
        await future

    async def with_a_mistake(future):
        await Shown()

    async def with_a_local(future):
        _last = Last()
        await asyncio.sleep(0)

    async def cancelling_itself(future):
        task.cancel(Last())
        begin_anew()
        await future

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    for body in (in_its_body, while_it_waits, with_a_mistake, with_a_local, cancelling_itself):
        for finish in ("set_result", "set_exception", "cancel", None):
            begun = []
            future = Acting(loop=loop)
            task = asyncio.Task(body(future), loop=loop)
            for turn in range(6):
                loop.call_soon(loop.stop)
                loop.run_forever()
                if turn == 1 and finish and not future.done():
                    getattr(future, finish)(*[ValueError("message")] * (finish != "cancel"))
                elif turn == 1 and not finish:
                    task.cancel()
            print(body.__name__, finish, "lives")
    print(loop.run_until_complete(asyncio.sleep(0, "the loop lives")))
"""


def test_made_anew_in_the_middle(impl):
    if impl.name == "builtin":
        pytest.skip("brings the interpreter down")
    outcome = run_child(MADE_ANEW, impl, "-W", "ignore")
    assert outcome.status == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert (len(lines), lines[-1]) == (21, "the loop lives")
