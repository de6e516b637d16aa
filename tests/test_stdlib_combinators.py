"""The combinators of the standard library on our tasks: gather, wait, shield and their kin."""

import asyncio
import itertools

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


def program(function):
    programs.append(function)
    return function


# gather


@program
async def gather_keeps_the_order_of_its_arguments(log):
    results = await asyncio.gather(value("a", 3), value("b"), value("c", 1))
    assert results == ["a", "b", "c"]


@program
async def gather_of_nothing_is_done(log):
    future = asyncio.gather()
    assert future.done()
    assert await future == []


@program
async def gather_takes_tasks_and_futures_and_coroutines(log):
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "future")
    results = await asyncio.gather(value("coroutine"), task(value("task", 1)), future)
    assert results == ["coroutine", "task", "future"]


@program
async def gather_runs_a_coroutine_given_twice_once(log):
    async def once():
        log.append("ran")
        return len(log)

    coroutine, child = once(), task(once())
    results = await asyncio.gather(coroutine, child, coroutine, child)
    assert results == [2, 1, 2, 1]
    assert log == ["ran", "ran"]


@program
async def gather_raises_the_first_exception_and_lets_the_others_run(log):
    slow = task(logged(log, "slow", value("result", 5)))
    with pytest.raises(ValueError, match="first"):
        await asyncio.gather(slow, failure("second", 2), failure("first", 1))
    assert not slow.done()
    assert await slow == "result"


@program
async def gather_returns_exceptions(log):
    cancelled = task(logged(log, "cancelled"))
    await passes(1)
    cancelled.cancel("why")
    results = await asyncio.gather(
        value("a"), failure("b"), cancelled, failure("c", 2), return_exceptions=True
    )
    assert results[0] == "a"
    assert [type(result) for result in results[1:]] == [
        ValueError,
        asyncio.CancelledError,
        ValueError,
    ]
    return results


@program
async def gather_is_cancelled_and_cancels_its_children(log):
    children = [task(logged(log, name)) for name in "ab"]
    gathering = task(logged(log, "gathering", asyncio.gather(*children)))
    await passes(2)
    gathering.cancel("why")
    result = await settled(gathering)
    assert [child.cancelled() for child in children] == [True, True]
    assert [child.cancelling() for child in children] == [1, 1]
    return result


@program
async def gather_is_cancelled_by_hand(log):
    children = [task(logged(log, name)) for name in "ab"]
    outer = asyncio.gather(*children)
    await passes(1)
    assert outer.cancel("why") is True
    assert outer.cancel("again") is True
    result = await settled(outer)
    # It is not cancelled itself: the error is its exception.
    assert isinstance(outer.exception(), asyncio.CancelledError)
    assert outer.cancel() is False
    return result


@program
async def gather_is_cancelled_when_all_is_done(log):
    outer = asyncio.gather(value("a"))
    await passes(3)
    assert outer.cancel() is False
    assert await outer == ["a"]


@program
async def gather_with_exceptions_is_cancelled_nonetheless(log):
    outer = asyncio.gather(logged(log, "a"), failure("b"), return_exceptions=True)
    await passes(2)
    outer.cancel("why")
    return await settled(outer)


@program
async def gather_sees_a_child_that_is_cancelled(log):
    child = task(logged(log, "child"))
    other = task(logged(log, "other", value("other", 4)))
    outer = asyncio.gather(child, other)
    await passes(1)
    child.cancel("why")
    result = await settled(outer)
    assert child.cancelled()
    assert not other.cancelled()
    return result, await other


@program
async def gather_is_nested(log):
    inner = asyncio.gather(value(1), value(2, 2))
    assert await asyncio.gather(inner, value(3)) == [[1, 2], 3]
    failing = asyncio.gather(failure("deep"), value(1))
    with pytest.raises(ValueError, match="deep"):
        await asyncio.gather(failing, value(2))


@program
async def gather_of_a_child_that_swallows_the_cancellation(log):
    async def swallowing():
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return "swallowed"

    child = task(swallowing())
    outer = asyncio.gather(child)
    await passes(1)
    outer.cancel("why")
    result = await settled(outer)
    assert child.result() == "swallowed"
    return result


@program
async def gather_of_many(log):
    assert await asyncio.gather(*[value(n, n % 3) for n in range(200)]) == list(range(200))


# wait


@program
async def wait_for_all(log):
    children = {task(value(n, n)) for n in range(4)}
    done, pending = await asyncio.wait(children)
    assert (done, pending) == (children, set())


@program
async def wait_for_the_first(log):
    children = [task(value(n, n)) for n in range(4)]
    done, pending = await asyncio.wait(children, return_when=asyncio.FIRST_COMPLETED)
    assert children[0] in done
    assert done | pending == set(children)
    log.append(len(done))
    await asyncio.wait(children)


@program
async def wait_for_the_first_exception(log):
    children = [task(value("a")), task(failure("b", 1)), task(logged(log, "c"))]
    done, pending = await asyncio.wait(children, return_when=asyncio.FIRST_EXCEPTION)
    assert (done, pending) == (set(children[:2]), {children[2]})
    assert str(children[1].exception()) == "b"


@program
async def wait_for_the_first_exception_where_there_is_none(log):
    children = [task(value(n, n)) for n in range(3)]
    done, pending = await asyncio.wait(children, return_when=asyncio.FIRST_EXCEPTION)
    assert (done, pending) == (set(children), set())


@program
async def wait_sees_cancelled_children_as_done(log):
    child, other = task(logged(log, "child")), task(logged(log, "other"))
    await passes(1)
    child.cancel()
    done, pending = await asyncio.wait([child, other], return_when=asyncio.FIRST_COMPLETED)
    assert (done, pending) == ({child}, {other})


@program
async def wait_with_a_timeout_of_nothing(log):
    children = {task(logged(log, name)) for name in "ab"}
    done, pending = await asyncio.wait(children, timeout=0)
    assert (done, pending) == (set(), children)
    # Nobody waits for them any longer.
    assert all(not child._callbacks for child in children)


@program
async def wait_that_is_cancelled_leaves_the_children_alone(log):
    children = [task(logged(log, name)) for name in "ab"]
    waiting = task(logged(log, "waiting", asyncio.wait(children)))
    await passes(2)
    waiting.cancel("why")
    result = await settled(waiting)
    assert not any(child.done() for child in children)
    assert all(not child._callbacks for child in children)
    return result


@program
async def wait_refuses_coroutines_and_nothing(log):
    coroutine = value(1)
    log.append(await settled(asyncio.wait([coroutine])))
    log.append(await settled(asyncio.wait([])))
    log.append(await settled(asyncio.wait({task(value(2))}, return_when="never")))
    coroutine.close()


# wait_for


@program
async def wait_for_a_result(log):
    assert await asyncio.wait_for(value("a", 2), 60) == "a"
    assert await asyncio.wait_for(value("a", 2), None) == "a"
    assert await asyncio.wait_for(task(value("a")), 60) == "a"


@program
async def wait_for_an_exception(log):
    with pytest.raises(ValueError, match="a"):
        await asyncio.wait_for(failure("a", 1), 60)


@program
async def wait_for_with_no_time_left(log):
    """What is done is returned, what is not is cancelled before it has begun."""
    done = task(value("done"))
    await done
    assert await asyncio.wait_for(done, 0) == "done"
    assert await asyncio.wait_for(done, -1) == "done"
    for timeout in (0, -1):
        child = task(logged(log, "never begun"))
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(child, timeout)
        assert child.cancelled()
        log.append(comparable(caught.value))


@program
async def wait_for_that_times_out(log):
    child = task(logged(log, "child"))
    await passes(1)
    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(child, 1e-9)
    assert child.cancelled()
    assert child.cancelling() == 1
    assert asyncio.current_task().cancelling() == 0
    return comparable(caught.value)


@program
async def wait_for_what_swallows_its_cancellation(log):
    async def swallowing():
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await passes(2)
            return "swallowed"

    return await settled(asyncio.wait_for(swallowing(), 1e-9))


@program
async def wait_for_what_fails_while_it_is_cancelled(log):
    async def failing():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise LookupError("while cleaning up")

    return await settled(asyncio.wait_for(failing(), 1e-9))


@program
async def wait_for_that_is_cancelled(log):
    child = task(logged(log, "child"))
    waiting = task(logged(log, "waiting", asyncio.wait_for(child, 60)))
    await passes(2)
    waiting.cancel("why")
    result = await settled(waiting)
    assert child.cancelled()
    return result


@program
async def wait_for_that_is_cancelled_when_the_result_is_there(log):
    future = asyncio.get_running_loop().create_future()
    waiting = task(asyncio.wait_for(future, 60))
    await passes(2)
    future.set_result("result")
    waiting.cancel("why")
    return await settled(waiting)


# shield


@program
async def shield_gives_the_result(log):
    assert await asyncio.shield(value("a", 1)) == "a"
    with pytest.raises(ValueError, match="b"):
        await asyncio.shield(failure("b"))
    done = task(value("done"))
    await done
    assert asyncio.shield(done) is done


@program
async def shield_keeps_a_cancellation_off(log):
    inner = task(logged(log, "inner", value("inner", 4)))
    outer = task(logged(log, "outer", asyncio.shield(inner)))
    await passes(2)
    outer.cancel("why")
    result = await settled(outer)
    assert not inner.cancelled()
    assert inner.cancelling() == 0
    assert await inner == "inner"
    return result


@program
async def shield_is_cancelled_with_its_inner(log):
    inner = task(logged(log, "inner"))
    shield = asyncio.shield(inner)
    await passes(1)
    inner.cancel("why")
    result = await settled(shield)
    assert shield.cancelled()
    return result


@program
async def shield_whose_inner_fails_after_it_was_cancelled(log):
    inner = task(failure("late", 3))
    shield = asyncio.shield(inner)
    await passes(1)
    shield.cancel()
    log.append(await settled(shield))
    await asyncio.wait([inner])
    del inner


@program
async def shield_in_a_gathering(log):
    inner = task(logged(log, "inner", value("inner", 5)))
    outer = asyncio.gather(asyncio.shield(inner), logged(log, "other"))
    await passes(2)
    outer.cancel("why")
    result = await settled(outer)
    return result, await inner


# as_completed


@program
async def as_completed_gives_results_in_order_of_completion(log):
    children = [task(value(n, 3 - n)) for n in range(3)]
    assert [await each for each in asyncio.as_completed(children)] == [2, 1, 0]


@program
async def as_completed_raises_in_its_turn(log):
    children = [task(failure("a", 2)), task(value("b"))]
    return [await settled(each) for each in asyncio.as_completed(children)]


@program
async def as_completed_with_a_timeout(log):
    outcomes = []
    children = [task(value("a")), task(logged(log, "b"))]
    for each in asyncio.as_completed(children, timeout=1e-9):
        outcomes.append(await settled(each))
    return outcomes[-1]


@program
async def as_completed_of_nothing(log):
    assert list(asyncio.as_completed([])) == []


@program
async def as_completed_as_an_asynchronous_iterator(log):
    children = [task(value(n, 3 - n)) for n in range(3)]
    iterator = asyncio.as_completed(children)
    if not hasattr(iterator, "__aiter__"):  # before 3.13
        return [await each for each in iterator]
    seen = [each async for each in iterator]
    assert seen == children[::-1]
    return [each.result() for each in seen]


# ensure_future


@program
async def ensure_future_of_everything(log):
    loop = asyncio.get_running_loop()

    class Awaitable:
        def __await__(self):
            yield from value("awaitable", 1).__await__()
            return "awaitable"

    child, future = task(value("task")), loop.create_future()
    assert asyncio.ensure_future(child) is child
    assert asyncio.ensure_future(future) is future
    made = [asyncio.ensure_future(value("coroutine")), asyncio.ensure_future(Awaitable())]
    assert all(isinstance(each, type(child)) for each in made)
    assert await asyncio.gather(*made) == ["coroutine", "awaitable"]
    for mistake in (42, None, value):
        try:
            made.append(asyncio.ensure_future(mistake))
        except TypeError as error:
            log.append(str(error))
    await child


@program
async def combinations_of_combinators(log):
    """A product of ways to wrap one task, each cancelled from outside."""
    wraps = {
        "shield": asyncio.shield,
        "gather": lambda inner: asyncio.gather(inner),
        "wait_for": lambda inner: asyncio.wait_for(inner, 60),
        "wait": lambda inner: asyncio.wait([asyncio.ensure_future(inner)]),
        "task": lambda inner: logged(log, "task", inner),
    }
    for names in itertools.product(wraps, repeat=3):
        inner = awaitable = task(logged(log, names, value("result", 12)))
        for name in names:
            awaitable = wraps[name](awaitable)
        outer = task(logged(log, "outer", awaitable))
        await passes(6)
        outer.cancel("why")
        log.append(await settled(outer))
        await asyncio.wait([inner])
        log.append(inner.cancelled())


@every_way(programs)
def test_combinator(impl, program, way, kind):
    assert_same_course(program, impl, way, kind)
