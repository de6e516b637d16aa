"""Eager tasks take their first step while they are made. On 3.11 that is our addition, with 3.12's behaviour."""

import asyncio
import contextvars
import gc
import sys
import weakref

import pytest
from support import BuiltinTask, answer, run_passes
from support.tasks import (
    described,
    ending,
    forever,
    reported,
    supervised_loop,
)
from support.tasks import assert_like_builtin as strictly_like_builtin

variable = contextvars.ContextVar("variable", default="default")

OLD = sys.version_info < (3, 12)


@pytest.fixture(autouse=True)
def _eager(impl):
    if OLD and impl.name == "builtin":
        pytest.skip("the interpreter's tasks cannot start eagerly before 3.12")


def assert_like_builtin(scenario, impl):
    """There is nothing to compare with before 3.12: what the test knows must do."""
    return scenario(impl) if OLD else strictly_like_builtin(scenario, impl)


def in_a_step(impl, body):
    """Returns what `body(loop, start)` returns that runs as a task, and what was reported.

    `start(coro, **kwargs)` starts a task of `impl` eagerly.
    """
    with supervised_loop(impl) as (loop, reports):

        def start(coro, **kwargs):
            return impl.Task(coro, loop=loop, eager_start=True, **kwargs)

        result = loop.run_until_complete(impl.Task(body(loop, start), loop=loop, name="outer"))
        run_passes(loop, 2)
        gc.collect()
        return result, reported(reports)


async def returning(value=None):
    return value


async def raising(error):
    raise error


# The first step


def test_completes_at_once(loop, impl):
    async def main():
        task = impl.Task(returning("result"), loop=loop, eager_start=True)
        assert (task.done(), task.result()) == (True, "result")
        assert task not in asyncio.all_tasks()
        assert await task == "result"
        return task

    task = loop.run_until_complete(main())
    assert task._fut_waiter is None
    assert not task._must_cancel


def test_costs_no_pass_where_it_completes(stock_loop, impl):
    async def main():
        return [await impl.Task(returning(n), loop=stock_loop, eager_start=True) for n in range(9)]

    task = impl.Task(main(), loop=stock_loop)
    run_passes(stock_loop)
    assert task.result() == list(range(9))


def test_suspends_and_goes_on_like_any_other(loop, impl):
    log = []

    async def steps():
        log.append("first")
        await asyncio.sleep(0)
        log.append("second")
        return "result"

    async def main():
        task = impl.Task(steps(), loop=loop, eager_start=True)
        log.append("made")
        assert not task.done()
        assert task in asyncio.all_tasks()
        return await task

    assert loop.run_until_complete(main()) == "result"
    assert log == ["first", "made", "second"]


def test_suspends_in_a_future(loop, impl):
    async def waiting(future):
        return await future

    async def main():
        future = loop.create_future()
        task = impl.Task(waiting(future), loop=loop, eager_start=True)
        assert task._fut_waiter is future
        assert len(future._callbacks) == 1
        future.set_result("result")
        return await task

    assert loop.run_until_complete(main()) == "result"


def test_raises_into_the_task_and_not_into_its_maker(loop, impl):
    async def main():
        task = impl.Task(raising(ValueError("message")), loop=loop, eager_start=True)
        assert task.done()
        with pytest.raises(ValueError, match="message"):
            await task
        return str(task.exception())

    assert loop.run_until_complete(main()) == "message"


def test_exception_that_nobody_retrieves_is_reported(stock_loop, impl, errors):
    async def main():
        impl.Task(raising(ValueError("message")), loop=stock_loop, eager_start=True, name="T")
        gc.collect()

    stock_loop.run_until_complete(main())
    (report,) = errors.take()
    assert report["message"] == "Task exception was never retrieved"
    assert str(report["exception"]) == "message"
    assert report["future"].get_name() == "T"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_request_to_leave_leaves_through_the_maker(impl, error):
    leaving = []

    async def body(loop, start):
        outer = asyncio.current_task()

        async def inner():
            leaving.append(asyncio.current_task())
            raise error("message")

        outcome = answer(start, inner(), name="inner")
        return outcome[:3], ending(leaving.pop()), asyncio.current_task() is outer

    (outcome, end, restored), reports = assert_like_builtin(
        lambda impl: in_a_step(impl, body), impl
    )
    assert outcome == ("raised", error, "message")
    assert end[0] == "raised"
    assert (restored, reports) == (True, [])


@pytest.mark.parametrize("value", [None, StopIteration("value"), (1, 2)])
def test_returns_any_value(impl, value):
    async def body(loop, start):
        return start(returning(value)).result() is value

    assert in_a_step(impl, body) == (True, [])


@pytest.mark.parametrize("mistake", [42, "itself", "future"])
def test_mistake_in_the_first_step(impl, mistake):
    class Mistake:
        def __init__(self, loop):
            self.loop = loop

        def __await__(self):
            things = {"itself": asyncio.current_task(), "future": self.loop.create_future()}
            yield things.get(mistake, mistake)

    async def body(loop, start):
        async def mistaken():
            try:
                await Mistake(loop)
            except RuntimeError as error:
                return described(error)

        task = start(mistaken(), name="T")
        return task.done(), await task

    (done, error), _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert (done, error[0]) == (False, RuntimeError)


# Cancellation


def test_cancelled_in_the_first_step_before_it_returns(impl):
    async def body(loop, start):
        async def cancelling_itself():
            asyncio.current_task().cancel("why")
            return "lost"

        task = start(cancelling_itself())
        return ending(task), task._must_cancel, task.cancelling()

    (end, must_cancel, cancelling), _ = assert_like_builtin(
        lambda impl: in_a_step(impl, body), impl
    )
    assert end[0] == "cancelled"
    assert end[1][1] == ("why",)
    assert (must_cancel, cancelling) == (False, 1)


@pytest.mark.parametrize("awaited", ["future", "bare yield", "done future"])
def test_cancelled_in_the_first_step_before_it_waits(impl, awaited):
    async def body(loop, start):
        log = []

        async def cancelling_itself():
            asyncio.current_task().cancel("why")
            future = loop.create_future()
            if awaited == "done future":
                future.set_result(None)
            if awaited != "bare yield":
                await future
                log.append("went on")
            await asyncio.sleep(0)

        task = start(cancelling_itself())
        before = task._must_cancel, task._fut_waiter is None, task.cancelling()
        await asyncio.wait([task])
        return before, log, ending(task)

    (before, log, end), _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert before == (awaited != "future", awaited != "future", 1)
    assert log == (["went on"] if awaited == "done future" else [])
    assert end[1][1] == ("why",)


def test_cancelled_after_the_first_step(loop, impl):
    async def main():
        task = impl.Task(forever(), loop=loop, eager_start=True)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            await task
        return task.cancelled()

    assert loop.run_until_complete(main())


def test_raises_cancelled_error_by_itself(impl):
    async def body(loop, start):
        return ending(start(raising(asyncio.CancelledError("own"))))

    end, _ = assert_like_builtin(lambda impl: in_a_step(impl, body), impl)
    assert end[0] == "cancelled"


# The current task


@pytest.mark.parametrize("how", ["returns", "raises", "waits", "leaves"])
def test_current_task_is_the_eager_one_and_then_the_maker_again(loop, impl, how):
    seen = []

    async def looking():
        seen.append(asyncio.current_task())
        assert asyncio.current_task() in asyncio.all_tasks()
        if how == "raises":
            raise ValueError("message")
        if how == "leaves":
            raise SystemExit
        if how == "waits":
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

    async def main():
        maker = asyncio.current_task()
        outcome = answer(impl.Task, looking(), loop=loop, eager_start=True)
        assert asyncio.current_task() is maker
        assert outcome[0] == ("raised" if how == "leaves" else "returned")
        task = seen[0]
        await asyncio.wait([task])
        answer(task.exception)
        return task

    task = loop.run_until_complete(main())
    assert set(seen) == {task}
    assert len(seen) == (2 if how == "waits" else 1)


def test_nested(loop, impl):
    log = []

    async def level(number):
        mine = asyncio.current_task()
        log.append(f"in {number}")
        if number < 5:
            inner = impl.Task(level(number + 1), loop=loop, eager_start=True)
            assert inner.done()
            assert asyncio.current_task() is mine
        log.append(f"out {number}")

    loop.run_until_complete(level(0))
    assert log == [f"in {n}" for n in range(6)] + [f"out {n}" for n in range(5, -1, -1)]


@pytest.mark.skipif(OLD, reason="the interpreter's tasks cannot start eagerly before 3.12")
@pytest.mark.parametrize("order", ["own in stock", "stock in own"])
def test_nested_in_a_task_of_the_other_kind(loop, impl, order):
    kinds = [BuiltinTask, impl.Task] if order == "own in stock" else [impl.Task, BuiltinTask]

    async def inner():
        return asyncio.current_task()

    async def outer():
        mine = asyncio.current_task()
        task = kinds[1](inner(), loop=loop, eager_start=True)
        assert task.result() is task
        assert asyncio.current_task() is mine
        return mine

    async def main():
        task = kinds[0](outer(), loop=loop, eager_start=True)
        assert task.result() is task

    loop.run_until_complete(main())


def test_made_in_a_callback(loop, impl):
    """There is no current task before, and none afterwards."""
    seen = []

    async def looking():
        return asyncio.current_task()

    def callback():
        task = impl.Task(looking(), loop=loop, eager_start=True)
        seen.append((task.result() is task, asyncio.current_task()))

    loop.call_soon(callback)
    run_passes(loop, 2)
    assert seen == [(True, None)]


def test_all_tasks_knows_it_in_its_first_step_and_while_it_waits(loop, impl):
    async def looking():
        inside.append(asyncio.all_tasks())
        await asyncio.sleep(0)
        inside.append(asyncio.all_tasks())

    inside = []

    async def main():
        maker = asyncio.current_task()
        task = impl.Task(looking(), loop=loop, eager_start=True)
        assert asyncio.all_tasks() == {maker, task}
        await task
        assert asyncio.all_tasks() == {maker}
        return {maker, task}

    tasks = loop.run_until_complete(main())
    assert inside == [tasks, tasks]


# The context


def test_context(loop, impl):
    async def setting():
        seen = variable.get()
        variable.set("of the eager task")
        await asyncio.sleep(0)
        return seen, variable.get()

    async def main():
        variable.set("of the maker")
        task = impl.Task(setting(), loop=loop, eager_start=True)
        assert variable.get() == "of the maker"
        assert await task == ("of the maker", "of the eager task")
        context = contextvars.copy_context()
        given = impl.Task(setting(), loop=loop, eager_start=True, context=context)
        assert context[variable] == "of the eager task"
        return await given

    assert loop.run_until_complete(main()) == ("of the maker", "of the eager task")


@pytest.mark.parametrize("context", ["entered", "none"])
def test_context_that_cannot_be_entered(impl, context):
    """The interpreter's class forgets to put the current task back; ours must not."""

    def scenario(impl):
        async def body(loop, start):
            maker = asyncio.current_task()
            coroutine = returning()
            given = contextvars.copy_context()
            if context == "entered":
                outcome = given.run(answer, start, coroutine, context=given)
            else:
                outcome = answer(start, coroutine, context="no context")
            coroutine.close()
            if asyncio.current_task() is not maker:
                assert impl.name == "builtin"
                asyncio.current_task()._log_destroy_pending = False
                asyncio.tasks._swap_current_task(loop, maker)
            return outcome[:3]

        outcome, reports = in_a_step(impl, body)
        # Whether a task that never came to be is reported varies with the patch level.
        assert {message for message, _ in reports} <= {"Task was destroyed but it is pending!"}
        return outcome

    outcome = assert_like_builtin(scenario, impl)
    assert outcome[:2] == ("raised", RuntimeError if context == "entered" else TypeError)


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


# What is left of it


# 3.12 brings the process down where get_coro() has nothing to give.
coro_can_be_asked = sys.version_info >= (3, 13)


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


# Factories


@pytest.fixture
def eager_loop(loop, loop_kind, impl):
    if loop_kind == "uvloop" and sys.version_info >= (3, 13):
        pytest.skip("uvloop tells every factory not to start eagerly")
    loop.set_task_factory(impl.eager_task_factory)
    return loop


def test_factory_makes_eager_tasks(eager_loop, impl):
    async def main():
        task = eager_loop.create_task(returning("result"), name="named")
        assert isinstance(task, impl.Task)
        return task.done(), task.get_name(), await asyncio.create_task(returning("again"))

    assert eager_loop.run_until_complete(main()) == (True, "named", "again")


def test_factory_with_gather(eager_loop):
    """Where all are done at once, so is the gathering (since 3.12)."""
    future = eager_loop.create_future()
    future.set_result("future")

    async def main():
        gathered = asyncio.gather(*[returning(n) for n in range(5)])
        done = gathered.done()
        assert await gathered == list(range(5))
        assert await asyncio.gather(returning(1), asyncio.sleep(0, 2), future) == [1, 2, "future"]
        with pytest.raises(ValueError, match="message"):
            await asyncio.gather(returning(1), raising(ValueError("message")))
        return done

    assert eager_loop.run_until_complete(main()) is not OLD


def test_factory_with_a_task_group(eager_loop):
    async def main():
        async with asyncio.TaskGroup() as group:
            done = group.create_task(returning("done"))
            slow = group.create_task(asyncio.sleep(0, "slow"))
            assert (done.done(), slow.done()) == (True, False)
        return done.result(), slow.result()

    assert eager_loop.run_until_complete(main()) == ("done", "slow")


def test_factory_with_a_task_group_that_fails_at_once(eager_loop):
    log = []

    async def waiting():
        try:
            await forever()
        finally:
            log.append(asyncio.current_task().cancelling())

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting())
            group.create_task(raising(ValueError("message")))
            log.append("still in the body")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            log.append("never")

    with pytest.raises(ExceptionGroup) as caught:
        eager_loop.run_until_complete(main())
    assert [str(error) for error in caught.value.exceptions] == ["message"]
    assert log == ["still in the body", 1]


def test_factory_with_wait_for_and_timeout(eager_loop):
    async def main():
        assert await asyncio.wait_for(returning(1), 60) == 1
        async with asyncio.timeout(60):
            assert await asyncio.create_task(asyncio.sleep(0, 2)) == 2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(forever(), 0)
        return await asyncio.shield(returning(3))

    assert eager_loop.run_until_complete(main()) == 3


def test_factory_at_the_top(eager_loop):
    """`run_until_complete()` makes its task before the loop runs: that one is not eager."""
    seen = []

    async def main():
        seen.append(asyncio.current_task())
        return asyncio.get_running_loop() is eager_loop

    assert eager_loop.run_until_complete(main())
    assert len(seen) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_factory_takes_whatever_newer_loops_pass(stock_loop, impl, keep):
    """Since 3.14 they always say whether it shall be eager."""
    if (3, 12) <= sys.version_info < (3, 14):
        pytest.skip("the interpreter's `create_eager_task_factory()` does not take it")

    async def main():
        task = impl.eager_task_factory(stock_loop, returning(), name="T", eager_start=keep)
        await asyncio.sleep(0)
        return task.done()

    assert stock_loop.run_until_complete(main())


def test_plain_factory_can_be_told_to_start_eagerly(stock_loop, impl):
    async def main():
        tasks = [
            impl.task_factory(stock_loop, returning(), eager_start=eager) for eager in (True, False)
        ]
        done = [task.done() for task in tasks]
        await asyncio.wait(tasks)
        return done

    assert stock_loop.run_until_complete(main()) == [True, False]


def test_ten_thousand(eager_loop):
    async def main():
        return sum(await asyncio.gather(*[returning(1) for _ in range(10_000)]))

    assert eager_loop.run_until_complete(main()) == 10_000
