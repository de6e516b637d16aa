"""Loops that start every task eagerly."""

import asyncio
import sys

import pytest
from support.eager import OLD, raising, returning
from support.tasks import (
    forever,
)


@pytest.fixture(autouse=True)
def _eager(impl):
    if OLD and impl.name == "builtin":
        pytest.skip("the interpreter's tasks cannot start eagerly before 3.12")


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
    if sys.version_info < (3, 14):
        pytest.skip("eager factories do not take it before 3.14")

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
