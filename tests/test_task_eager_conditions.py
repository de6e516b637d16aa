"""Where a task cannot start eagerly, and what is left of one that did."""

import asyncio
import sys
import weakref

import pytest
from support import answer
from support.eager import OLD, assert_like_builtin, in_a_step, returning
from support.tasks import (
    ending,
    supervised_loop,
)


@pytest.fixture(autouse=True)
def _eager(impl):
    if OLD and impl.name == "builtin":
        pytest.skip("the interpreter's tasks cannot start eagerly before 3.12")


# Where it cannot be eager


def test_loop_that_is_not_running(loop, impl):
    log = []

    async def logging():
        log.append("started")

    task = impl.Task(logging(), loop=loop, eager_start=True)
    assert (log, task.done()) == ([], False)
    assert task in asyncio.all_tasks(loop)
    loop.run_until_complete(task)
    assert log == ["started"]


def test_loop_whose_passes_are_run_by_hand(impl):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            log = []

            async def main():
                await asyncio.sleep(0)
                task = impl.Task(returning(), loop=loop, eager_start=True)
                log.append((loop.is_running(), task.done()))
                await task

            task = impl.Task(main(), loop=loop)
            for _ in range(6):
                loop.call_soon(lambda: None)  # or it would wait for something to do
                loop._run_once()
            return log, ending(task)

    # 3.14 runs no task but those of the loop that runs.
    expected = [] if sys.version_info >= (3, 14) else [(False, False)]
    assert assert_like_builtin(scenario, impl)[0] == expected


def test_another_loop_than_the_running_one(impl):
    async def body(loop, start):
        with supervised_loop(impl) as (other, _):
            task = impl.Task(returning(), loop=other, eager_start=True)
            before = task.done(), task in asyncio.all_tasks(other)
            task._log_destroy_pending = False
            task.get_coro().close()
            return before

    assert assert_like_builtin(lambda impl: in_a_step(impl, body), impl)[0] == (False, True)


@pytest.mark.parametrize("value", [False, None, 0, "", []])
def test_whatever_is_false_is_not_eager(loop, impl, value):
    async def main():
        task = impl.Task(returning(), loop=loop, eager_start=value)
        assert not task.done()
        await task

    loop.run_until_complete(main())


@pytest.mark.parametrize("value", [1, "yes", [0]])
def test_whatever_is_true_is_eager(loop, impl, value):
    async def main():
        return impl.Task(returning(), loop=loop, eager_start=value).done()

    assert loop.run_until_complete(main())


def test_neither_true_nor_false(impl):
    class Undecided:
        def __bool__(self):
            raise ZeroDivisionError("undecided")

    async def body(loop, start):
        coroutine = returning()
        outcome = answer(impl.Task, coroutine, loop=loop, eager_start=Undecided())
        coroutine.close()
        return outcome

    outcome, _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert outcome[:3] == ("raised", ZeroDivisionError, "undecided")


def test_no_coroutine(impl):
    async def body(loop, start):
        maker = asyncio.current_task()
        return answer(start, 42), asyncio.current_task() is maker

    (outcome, restored), reports = in_a_step(impl, body)
    assert outcome[:3] == ("raised", TypeError, "a coroutine was expected, got 42")
    assert (restored, reports) == (True, [])


def test_done_coroutine(impl):
    async def body(loop, start):
        coroutine = returning()
        coroutine.close()
        return ending(start(coroutine))

    end, _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert end[1][1] == ("cannot reuse already awaited coroutine",)


# 3.12 brings the process down where get_coro() has nothing to give.
coro_can_be_asked = sys.version_info >= (3, 13)


# What is left of it


def test_coroutine_is_let_go_when_it_completed_at_once(impl):
    class Local:
        pass

    async def holding(local):
        return weakref.ref(local)

    async def body(loop, start):
        task = start(holding(Local()), name="T")
        alive = task.result()() is not None
        coroutine = task.get_coro() if coro_can_be_asked or impl.name == "rust" else None
        return alive, task._coro, coroutine, repr(task).split(" result=")[0], task.get_stack()

    result, _ = in_a_step(impl, body)
    assert result == (False, None, None, "<Task finished name='T'", [])


def test_coroutine_is_kept_when_it_had_to_wait(loop, impl):
    coroutine = asyncio.sleep(0)

    async def main():
        task = impl.Task(coroutine, loop=loop, eager_start=True)
        await task
        return task

    task = loop.run_until_complete(main())
    assert task.get_coro() is coroutine


def test_name_and_number(stock_loop, impl):
    async def main():
        named = impl.Task(returning(), loop=stock_loop, eager_start=True, name="named")
        numbered = impl.Task(returning(), loop=stock_loop, eager_start=True)
        return named.get_name(), numbered.get_name()

    named, numbered = stock_loop.run_until_complete(main())
    assert named == "named"
    assert numbered.startswith("Task-")


def test_callbacks_of_a_task_that_is_done_at_once(loop, impl):
    log = []

    async def main():
        task = impl.Task(returning(), loop=loop, eager_start=True)
        task.add_done_callback(log.append)
        assert log == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    assert log == [loop.run_until_complete(main())]


def test_subclass(impl):
    class Subclass(impl.Task):
        def __init__(self, coro, **kwargs):
            super().__init__(coro, eager_start=True, **kwargs)
            self.finished_in_init = self.done()

    async def body(loop, start):
        task = Subclass(returning("result"), loop=loop)
        return task.finished_in_init, task.result()

    assert in_a_step(impl, body) == ((True, "result"), [])
