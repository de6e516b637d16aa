"""The repr of a task, in every state that it can have."""

import asyncio
import re

import pytest
from support import answer, normalised, run_passes
from support.task_states import (
    STATES,
    cancelling,
    finished,
    scheduled,
    shown,
    suspended,
    waiting,
)
from support.tasks import assert_like_builtin, supervised_loop


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_repr(impl, state, debug):
    text = assert_like_builtin(
        lambda impl: shown(impl, state, lambda task: normalised(repr(task)), debug=debug), impl
    )
    assert text.startswith("<Task ")
    assert "name=" in text
    assert ("created at" in text) is debug


@pytest.mark.parametrize("state", [scheduled, suspended, finished, cancelling])
def test_repr_of_a_subclass_has_its_name(impl, state):
    def scenario(impl):
        class Special(impl.Task):
            pass

        return shown(impl, state, lambda task: normalised(repr(task)), base=Special)

    assert assert_like_builtin(scenario, impl).startswith("<Special ")


def test_repr_of_a_running_task(impl):
    async def looking():
        return normalised(repr(asyncio.current_task()))

    def scenario(impl):
        return ended_result(impl, looking())

    assert assert_like_builtin(scenario, impl).startswith("<Task pending name='T' coro=<")


def ended_result(impl, coroutine):
    with supervised_loop(impl) as (loop, _):
        return loop.run_until_complete(impl.Task(coroutine, loop=loop, name="T"))


def test_repr_uses_overridden_methods(stock_loop, impl):
    """The interpreter's own function makes it, of whatever the task says of itself."""

    class Special(impl.Task):
        def get_name(self):
            return "overridden"

        def cancelling(self):
            return 1

    task = Special(waiting(None), loop=stock_loop)
    assert repr(task).startswith("<Special cancelling name='overridden' coro=<")
    task.get_coro().close()
    task._log_destroy_pending = False


def test_repr_of_a_failing_result(impl):
    class Unshowable:
        def __repr__(self):
            raise ZeroDivisionError("not to be shown")

    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            task = impl.Task(asyncio.sleep(0, Unshowable()), loop=loop)
            run_passes(loop, 2)
            said = answer(repr, task)
            return said[0], re.sub("name='.*?'", "", said[1]) if said[0] == "returned" else said

    assert_like_builtin(scenario, impl)
