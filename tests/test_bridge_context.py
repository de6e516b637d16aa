"""Python code called from Rust runs in a copy of the context of the task that awaits."""

import asyncio
import contextvars
import threading

import aioxide
import pytest

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


@pytest.fixture(params=[0, 1])
def yields(request):
    """Whether the code is called in the first poll, by the loop's thread, or by the runtime."""
    return request.param


@pytest.fixture(autouse=True)
def unset():
    token = VARIABLE.set("unset")
    yield
    VARIABLE.reset(token)


def test_code_called_from_rust_sees_the_variables_of_the_task(loop, probe, yields):
    async def main():
        VARIABLE.set("mine")
        future = probe.call(VARIABLE.get, yields)
        VARIABLE.set("changed later")
        return await future

    assert loop.run_until_complete(main()) == "mine"


def test_what_it_sets_stays_with_rust(stock_loop, probe, yields):
    async def main():
        VARIABLE.set("mine")
        await probe.call(lambda: VARIABLE.set("theirs"), yields)
        return VARIABLE.get()

    assert stock_loop.run_until_complete(main()) == "mine"


def test_calls_and_awaitables_of_one_future_share_a_context(loop, probe, yields):
    seen = []

    async def step():
        seen.append(VARIABLE.get())
        await asyncio.sleep(0)
        VARIABLE.set("set by the awaitable")

    async def main():
        VARIABLE.set("mine")
        last = await probe.call_between(
            lambda: VARIABLE.set("set by a call"), step, VARIABLE.get, yields
        )
        return last, VARIABLE.get()

    assert loop.run_until_complete(main()) == ("set by the awaitable", "mine")
    assert seen == ["set by a call"]


def test_awaitables_driven_at_the_same_time_share_a_context(stock_loop, probe):
    async def sets():
        VARIABLE.set("set by the other")
        await asyncio.sleep(0)

    async def gets():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return VARIABLE.get()

    async def main():
        return (await probe.drive_both(sets(), gets()))[1], VARIABLE.get()

    assert stock_loop.run_until_complete(main()) == ("set by the other", "unset")


def test_the_current_task_of_an_awaitable_is_the_one_that_drives_it(loop, probe, yields):
    seen = []

    async def driven():
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    async def main():
        await probe.drive(driven(), yields)
        return asyncio.current_task()

    caller = loop.run_until_complete(main())
    assert type(seen[0]) is aioxide.Task
    assert seen[0] is seen[1] is not caller


def test_two_futures_of_a_task_have_contexts_of_their_own(stock_loop, probe, yields):
    async def main():
        await probe.call(lambda: VARIABLE.set("first"), yields)
        return await probe.call(VARIABLE.get, yields)

    assert stock_loop.run_until_complete(main()) == "unset"


def test_blocking_calls_have_the_context_too(stock_loop, probe):
    async def main():
        VARIABLE.set("mine")
        where = await probe.blocking(lambda: (VARIABLE.get(), threading.get_ident()))
        return where[0], where[1] != threading.get_ident()

    assert stock_loop.run_until_complete(main()) == ("mine", True)


def test_a_loop_keeps_no_variables_for_its_queue(stock_loop, probe):
    class Precious:
        pass

    async def main():
        VARIABLE.set(Precious())
        future = probe.sleep(3600)
        handles = [key.data[0] for key in stock_loop._selector.get_map().values()]
        contexts = [handle._context for handle in handles]
        future.cancel()
        return [context.get(VARIABLE) for context in contexts]

    assert not any(isinstance(value, Precious) for value in stock_loop.run_until_complete(main()))
