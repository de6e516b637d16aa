"""KeyboardInterrupt and SystemExit finish the task, and leave the loop."""

import asyncio

import pytest
from support import answer, run_passes
from support.tasks import (
    assert_like_builtin,
    described,
    ending,
    forever,
    reported,
    supervised_loop,
)


async def returning(value=None):
    return value


async def raising(error):
    raise error


REQUESTS_TO_LEAVE = [KeyboardInterrupt, SystemExit]


@pytest.fixture
def leavable_loop(loop, loop_kind):
    """The loops that let such an exception out of `run_forever()`."""
    if loop_kind == "rloop":
        pytest.skip("rloop reports every exception and goes on")
    return loop


class PoliteInterrupt(KeyboardInterrupt):
    pass


class PoliteExit(SystemExit):
    pass


@pytest.mark.parametrize("error", [*REQUESTS_TO_LEAVE, PoliteInterrupt, PoliteExit])
def test_request_to_leave_finishes_the_task_and_leaves_the_loop(leavable_loop, impl, error):
    loop = leavable_loop
    leaving = error("message")
    log = []
    task = impl.Task(raising(leaving), loop=loop)
    task.add_done_callback(lambda _: log.append("callback"))
    with pytest.raises(error) as caught:
        loop.run_forever()
    assert caught.value is leaving
    assert task.done()
    assert task.exception() is leaving
    # The loop is not broken by it: what was scheduled runs when it is run again.
    run_passes(loop, 2)
    assert log == ["callback"]
    assert loop.run_until_complete(impl.Task(returning("went on"), loop=loop)) == "went on"


@pytest.mark.parametrize("error", REQUESTS_TO_LEAVE)
def test_request_to_leave_after_waiting(leavable_loop, impl, error):
    loop = leavable_loop
    future = loop.create_future()

    async def leaving():
        await future
        raise error("message")

    task = impl.Task(leaving(), loop=loop)
    run_passes(loop)
    future.set_result(None)
    with pytest.raises(error, match="message"):
        loop.run_forever()
    assert isinstance(task.exception(), error)
    assert asyncio.current_task(loop) is None


@pytest.mark.parametrize("error", REQUESTS_TO_LEAVE)
def test_request_to_leave_seen_by_an_awaiter(impl, error):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            log = []
            task = impl.Task(raising(error("message")), loop=loop)

            async def awaiting():
                try:
                    await task
                except BaseException as caught:
                    log.append(described(caught))
                    raise

            awaiter = impl.Task(awaiting(), loop=loop)
            for _ in range(3):
                try:
                    run_passes(loop)
                except BaseException as caught:
                    log.append(("left", described(caught)))
            return log, ending(task), ending(awaiter), reported(reports)

    log, *endings, _ = assert_like_builtin(scenario, impl)
    assert [entry[0] for entry in log].count("left") == 2
    assert all(how == "raised" and kind is error for how, (kind, *_) in endings)


@pytest.mark.parametrize("error", REQUESTS_TO_LEAVE)
@pytest.mark.parametrize("caught", [False, True])
def test_request_to_leave_instead_of_a_cancellation(impl, error, caught):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):

            async def leaving():
                try:
                    await loop.create_future()
                except asyncio.CancelledError:
                    if caught:
                        raise error("message") from None
                finally:
                    if not caught:
                        raise error("message")

            task = impl.Task(leaving(), loop=loop)
            run_passes(loop)
            task.cancel("why")
            try:
                run_passes(loop)
            except BaseException as left:
                return described(left), ending(task), reported(reports)

    left, (how, same), _ = assert_like_builtin(scenario, impl)
    assert (how, same) == ("raised", left)


@pytest.mark.parametrize("error", REQUESTS_TO_LEAVE)
def test_run_until_complete_of_a_task_that_leaves(impl, error):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            task = impl.Task(raising(error("message")), loop=loop)
            other = impl.Task(forever(), loop=loop)
            outcome = answer(loop.run_until_complete, task)
            other.cancel()
            run_passes(loop, 2)
            return outcome, ending(task), ending(other), reported(reports)

    assert assert_like_builtin(scenario, impl)[0][:2] == ("raised", error)
