"""The scopes of the standard library on our tasks: timeout(), TaskGroup and Runner."""

import asyncio
import contextvars

import pytest
from support.programs import (
    assert_same_course,
    comparable,
    every_way,
    failure,
    logged,
    passes,
    settled,
    task,
    value,
)

programs = []

variable = contextvars.ContextVar("variable", default="default")


def program(function):
    programs.append(function)
    return function


def in_any_order(log):
    """A group keeps its tasks in a set, and cancels them in whatever order that has."""
    log.sort(key=repr)


# timeout()


@program
async def timeout_that_does_not_expire(log):
    async with asyncio.timeout(60) as scope:
        assert await value("a", 2) == "a"
    assert not scope.expired()
    async with asyncio.timeout(None):
        await passes(1)


@program
async def timeout_that_expires(log):
    scope = asyncio.timeout(0)
    try:
        async with scope:
            await logged(log, "inside")
    except TimeoutError as error:
        log.append(comparable(error))
    assert scope.expired()
    assert asyncio.current_task().cancelling() == 0
    await passes(2)


@program
async def timeout_that_expires_in_a_child(log):
    child = task(logged(log, "child"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await child
    assert child.cancelled()


@program
async def timeout_where_nothing_is_awaited(log):
    """It cannot expire: nobody gives it the time."""
    async with asyncio.timeout(0) as scope:
        log.append("inside")
    log.append(scope.expired())


@program
async def timeout_that_is_swallowed(log):
    try:
        async with asyncio.timeout(0):
            try:
                await logged(log, "inside")
            except asyncio.CancelledError:
                log.append(asyncio.current_task().cancelling())
    except TimeoutError as error:
        log.append(comparable(error))
    return asyncio.current_task().cancelling()


@program
async def timeout_turned_into_another_error(log):
    with pytest.raises(LookupError):
        async with asyncio.timeout(0):
            try:
                await logged(log, "inside")
            except asyncio.CancelledError:
                raise LookupError("turned") from None
    return asyncio.current_task().cancelling()


@program
async def timeout_that_is_moved(log):
    async with asyncio.timeout(None) as scope:
        await passes(1)
        scope.reschedule(asyncio.get_running_loop().time() + 60)
        await passes(1)
        assert not scope.expired()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60) as scope:
            scope.reschedule(-1)
            await logged(log, "inside")


@program
async def timeouts_nested(log):
    for inner, outer in ((60, 0), (0, 60), (0, 0)):
        try:
            async with asyncio.timeout(outer) as outer_scope:
                try:
                    async with asyncio.timeout(inner) as inner_scope:
                        await logged(log, "inside")
                except TimeoutError as error:
                    log.append(("inner", comparable(error)))
                    await passes(2)
        except TimeoutError as error:
            log.append(("outer", comparable(error)))
        log.append((inner_scope.expired(), outer_scope.expired()))
        log.append(asyncio.current_task().cancelling())


@program
async def timeout_and_a_cancellation_from_outside(log):
    async def inside():
        async with asyncio.timeout(60):
            await logged(log, "inside")

    child = task(inside())
    await passes(1)
    child.cancel("why")
    result = await settled(child)
    assert child.cancelled()
    return result, child.cancelling()


@program
async def timeout_and_a_cancellation_in_the_same_pass(log):
    async def inside():
        async with asyncio.timeout(0):
            await logged(log, "inside")

    child = task(inside())
    await passes(1)
    # The timer is due in the pass to come; the cancellation is there before it.
    child.cancel("why")
    return await settled(child), child.cancelling()


# TaskGroup


@program
async def group_of_tasks_that_succeed(log):
    async with asyncio.TaskGroup() as group:
        children = [group.create_task(value(n, n), name=f"child {n}") for n in range(4)]
        assert all(isinstance(child, type(asyncio.current_task())) for child in children)
    assert [child.result() for child in children] == [0, 1, 2, 3]
    assert [child.get_name() for child in children] == [f"child {n}" for n in range(4)]


@program
async def group_of_none(log):
    async with asyncio.TaskGroup():
        pass


@program
async def group_with_one_that_fails(log):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(logged(log, "a"))
            group.create_task(failure("b", 1))
            group.create_task(logged(log, "c"))
            await logged(log, "body")
    except ExceptionGroup as error:
        log.append(comparable(error))
    assert asyncio.current_task().cancelling() == 0
    await passes(1)
    in_any_order(log)


@program
async def group_with_several_that_fail(log):
    async def failing_on_cancellation():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise LookupError("while cancelled")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing_on_cancellation())
            group.create_task(failure("first"))
            group.create_task(failure("second"))
    kinds = sorted(type(error).__name__ for error in caught.value.exceptions)
    assert kinds == ["LookupError", "ValueError", "ValueError"]
    return comparable(caught.value)


@program
async def group_whose_body_fails(log):
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(logged(log, "child"))
            await passes(1)
            raise ValueError("body")
    assert log == [("child", "CancelledError", ())]
    return comparable(caught.value)


@program
async def group_whose_child_leaves(log):
    """Neither KeyboardInterrupt nor SystemExit is put into a group; this one is neither."""

    class Odd(BaseException):
        pass

    async def leaving():
        raise Odd("odd")

    with pytest.raises(BaseExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(leaving())
    return [str(error) for error in caught.value.exceptions]


@program
async def group_with_a_child_that_is_cancelled(log):
    async with asyncio.TaskGroup() as group:
        child = group.create_task(logged(log, "child"))
        other = group.create_task(value("other", 3))
        await passes(1)
        child.cancel("why")
    assert child.cancelled()
    assert other.result() == "other"


@program
async def group_that_is_cancelled_from_outside(log):
    async def grouping():
        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(logged(log, name))
        log.append("never")

    grouping_task = task(grouping())
    await passes(2)
    grouping_task.cancel("why")
    result = await settled(grouping_task)
    in_any_order(log)
    assert grouping_task.cancelled()
    return result, grouping_task.cancelling()


@program
async def group_that_is_cancelled_while_its_children_fail(log):
    async def grouping():
        async with asyncio.TaskGroup() as group:
            group.create_task(failure("child", 2))
            await logged(log, "body")

    grouping_task = task(grouping())
    await passes(3)
    grouping_task.cancel("why")
    return await settled(grouping_task), grouping_task.cancelling()


@program
async def group_that_cancels_its_own_body(log):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(value("child", 2))
            asyncio.current_task().cancel("own")
            await logged(log, "body")
    except asyncio.CancelledError as error:
        log.append(comparable(error))
    return asyncio.current_task().uncancel()


@program
async def groups_nested(log):
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(logged(log, "innermost"))
            group.create_task(failure("deep", 2))

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())
            group.create_task(logged(log, "beside"))
            await logged(log, "body")
    except ExceptionGroup as error:
        return comparable(error)


@program
async def group_within_a_timeout(log):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            async with asyncio.TaskGroup() as group:
                group.create_task(logged(log, "a"))
                group.create_task(logged(log, "b"))
    in_any_order(log)
    assert [name for name, *_ in log] == ["a", "b"]
    return asyncio.current_task().cancelling()


@program
async def timeout_within_a_group(log):
    async def timing_out():
        async with asyncio.timeout(0):
            await logged(log, "inside")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(logged(log, "beside"))
            group.create_task(timing_out())
    return [type(error).__name__ for error in caught.value.exceptions]


@program
async def group_whose_tasks_make_tasks(log):
    async def parent(group, depth):
        log.append(depth)
        if depth:
            group.create_task(parent(group, depth - 1))
            await passes(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(parent(group, 4))
    assert log == [4, 3, 2, 1, 0]


@program
async def group_that_is_over_takes_no_task(log):
    async with asyncio.TaskGroup() as group:
        pass
    coroutine = value(1)
    with pytest.raises(RuntimeError) as caught:
        group.create_task(coroutine)
    coroutine.close()
    return str(caught.value)


@program
async def group_with_contexts(log):
    context = contextvars.copy_context()
    context.run(variable.set, "given")

    async def reading():
        return variable.get()

    async with asyncio.TaskGroup() as group:
        children = [group.create_task(reading(), context=context), group.create_task(reading())]
    assert [child.result() for child in children] == ["given", "default"]


@every_way(programs)
def test_scope(impl, program, way, kind):
    assert_same_course(program, impl, way, kind)


# Runner


async def current():
    return asyncio.current_task()


def test_runner_runs_our_tasks(impl):
    with impl.in_force(), asyncio.Runner() as runner:
        first = runner.run(current())
        second = runner.run(current())
    assert type(first) is type(second) is impl.Task
    assert first is not second


def test_runner_keeps_its_context(impl):
    async def setting(new):
        before = variable.get()
        variable.set(new)
        return before

    with impl.in_force(), asyncio.Runner() as runner:
        assert [runner.run(setting(new)) for new in ("a", "b")] == ["default", "a"]
    assert variable.get() == "default"


def test_runner_cancels_what_is_left(impl):
    log = []

    async def main():
        for name in "ab":
            task(logged(log, name))
        await passes(1)
        return "result"

    with impl.in_force():
        assert asyncio.run(main()) == "result"
    assert sorted(log) == [("a", "CancelledError", ()), ("b", "CancelledError", ())]


def test_runner_reports_what_fails_while_it_is_cancelled(impl, caplog):
    async def stubborn():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise LookupError("while cleaning up")

    async def main():
        task(stubborn(), name="stubborn")
        await passes(1)

    with impl.in_force():
        asyncio.run(main())
    (record,) = caplog.records
    assert "unhandled exception during asyncio.run() shutdown" in record.getMessage()
    assert "<Task finished name='stubborn'" in record.getMessage()


def test_runner_with_a_factory(impl):
    def loop_factory():
        loop = asyncio.new_event_loop()
        loop.set_task_factory(impl.task_factory)
        return loop

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert type(runner.run(current())) is impl.Task


def test_runner_that_is_interrupted(impl):
    """Ctrl-C cancels the main task, which may clean up, and then comes out of `run()`."""
    import signal

    log = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        await logged(log, "main")

    with impl.in_force(), pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert log == [("main", "CancelledError", ())]


def test_runner_with_a_main_that_fails(impl):
    with impl.in_force():
        with pytest.raises(ValueError, match="main"):
            asyncio.run(failure("main", 1))
        with pytest.raises(SystemExit):
            asyncio.run(leaving())


async def leaving():
    raise SystemExit("main")
