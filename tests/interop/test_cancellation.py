"""How scopes and timeouts that are no part of asyncio cancel tasks, and what they look at."""

import asyncio
import inspect

import pytest

from interop.running import passes, run_same


def deliver(task, message=None):
    """Cancels `task` as a level-triggered scope does: not again while a cancellation is due.

    Returns what was seen of it.
    """
    if task.done():
        return "done"
    if task._must_cancel:
        return "due"
    started = inspect.getcoroutinestate(task.get_coro()) != inspect.CORO_CREATED
    waiter = task._fut_waiter
    if not started:
        return "not started"
    if isinstance(waiter, asyncio.Future) and waiter.done():
        return "waking up"
    task.cancel(message)
    return "cancelled"


def test_cancellation_is_delivered_until_the_task_gives_in(impl):
    """anyio: CancelScope._deliver_cancellation reads _must_cancel and _fut_waiter."""

    async def stubborn(log):
        for _ in range(3):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as error:
                log.append(error.args)
        await asyncio.sleep(0)

    async def body():
        log = []
        task = asyncio.create_task(stubborn(log))
        seen = [deliver(task, "scope")]
        for _ in range(10):
            await asyncio.sleep(0)
            seen.append(deliver(task, "scope"))
        return seen, log, task.cancelled(), task.cancelling()

    seen, log, *_ = run_same(impl, body)
    assert "cancelled" in seen
    assert log == [("scope",)] * 3


def test_task_that_is_about_to_wake_up_is_left_alone(impl):
    """anyio: a waiter that is done means that the wake-up is in the loop's queue already."""

    async def body():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(future_of(future))
        await passes(1)
        future.set_result("result")
        seen = deliver(task), task._fut_waiter is future, task._must_cancel
        return seen, await task

    assert run_same(impl, body) == (("waking up", True, False), "result")


async def future_of(future):
    return await future


def test_must_cancel_between_a_bare_yield_and_the_next_step(impl):
    """anyio: a task that yielded to the loop has no waiter, and stays to be cancelled."""

    async def body():
        task = asyncio.create_task(passes(2))
        await passes(1)
        before = task._fut_waiter, task._must_cancel
        task.cancel("message")
        after = task._fut_waiter, task._must_cancel
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return before, after, raised.value.args, task._must_cancel

    assert run_same(impl, body)[:2] == ((None, False), (None, True))


def test_waiting_until_all_tasks_are_blocked(impl):
    """anyio: wait_all_tasks_blocked() asks each task for _fut_waiter, and whether that is done."""

    async def body():
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(3)]
        tasks = [asyncio.create_task(future_of(future)) for future in futures]
        counts = []

        def blocked():
            others = asyncio.all_tasks() - {asyncio.current_task()}
            waiters = [task._fut_waiter for task in others]
            return sum(waiter is not None and not waiter.done() for waiter in waiters)

        counts.append(blocked())
        await passes(1)
        counts.append(blocked())
        futures[0].set_result(None)
        counts.append(blocked())
        await passes(1)
        counts.append(blocked())
        for task in tasks[1:]:
            task.cancel()
        await asyncio.wait(tasks)
        return counts

    assert run_same(impl, body) == [0, 3, 2, 2]


def test_an_exception_is_set_on_what_a_task_waits_for(impl):
    """looptime: a task ends with an error of the loop's, set on its `_fut_waiter` from outside."""

    class EndOfTime(Exception):
        pass

    async def body():
        future = asyncio.get_running_loop().create_future()
        tasks = [
            asyncio.create_task(coro)
            for coro in (future_of(future), asyncio.sleep(3600), asyncio.Event().wait())
        ]
        await passes(1)
        for task in tasks:
            task._fut_waiter.set_exception(EndOfTime())
        await asyncio.wait(tasks)
        return [type(task.exception()) is EndOfTime for task in tasks]

    assert run_same(impl, body) == [True] * 3


def test_pending_cancellation_of_the_awaited_future(impl):
    """anyio: TaskInfo.has_pending_cancellation() looks at the waiter's cancelled() as well."""

    async def body():
        task = asyncio.create_task(future_of(asyncio.get_running_loop().create_future()))
        await passes(1)
        task.cancel()
        waiter = task._fut_waiter
        seen = isinstance(waiter, asyncio.Future) and waiter.cancelled(), task._must_cancel
        await asyncio.wait([task])
        return seen

    assert run_same(impl, body) == (True, False)


def test_the_root_task_is_known_by_its_callbacks(impl):
    """anyio: find_root_task() looks for the callback of run_until_complete() in _callbacks."""
    from asyncio.base_events import _run_until_complete_cb

    async def child():
        roots = []
        for task in asyncio.all_tasks():
            for callback, context in task._callbacks or ():
                if callback is _run_until_complete_cb:
                    roots.append((task.get_name(), context is not None))
        return roots

    async def body():
        asyncio.current_task().set_name("root")
        return await asyncio.create_task(child())

    assert run_same(impl, body) == [("root", True)]


def test_a_timeout_takes_its_own_cancellation_back(impl):
    """async-timeout, aiohttp: cancelling() before and uncancel() after tell whose it was."""

    async def timed_out(outer):
        task = asyncio.current_task()
        before = task.cancelling()
        task.get_loop().call_soon(task.cancel, "timeout")
        if outer:
            task.cancel("outer")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as error:
            if task.uncancel() <= before:
                return "timeout", error.args, task.cancelling()
            return "cancelled from outside", error.args, task.cancelling()

    async def body():
        return [await asyncio.create_task(timed_out(outer)) for outer in (False, True)]

    seen = run_same(impl, body)
    assert seen[0] == ("timeout", ("timeout",), 0)


def test_cancellation_with_a_sentinel_for_a_message(impl):
    """anyio, older async-timeout: the message, any object, comes back as it was given."""

    async def body():
        sentinel = object()
        task = asyncio.current_task()
        task.get_loop().call_soon(task.cancel, sentinel)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as error:
            task.uncancel()
            return error.args[0] is sentinel, task._cancel_message is sentinel

    assert run_same(impl, body)[0]


def test_scope_messages_are_found_along_the_chain_of_contexts(impl):
    """anyio: is_anyio_cancellation() walks __context__ until it finds its own message."""

    async def translating(future):
        try:
            await future
        except asyncio.CancelledError:
            raise asyncio.CancelledError from None

    async def body():
        task = asyncio.create_task(translating(asyncio.get_running_loop().create_future()))
        await passes(1)
        task.cancel("Cancelled via a scope")
        try:
            await task
        except asyncio.CancelledError as error:
            messages = []
            while error is not None:
                messages.append(error.args)
                error = error.__context__
            return messages

    assert ("Cancelled via a scope",) in run_same(impl, body)


def test_a_future_like_object_whose_cancel_says_no(impl):
    """subclasses of Future: cancel() of the awaited future may decline, and the task stays due."""

    class Declining(asyncio.Future):
        def cancel(self, msg=None):
            self.asked = msg
            return False

    async def body():
        future = Declining()
        task = asyncio.create_task(future_of(future))
        await passes(1)
        seen = task.cancel("message"), future.asked, task._must_cancel, task._fut_waiter is future
        future.set_result(None)
        await asyncio.wait([task])
        return seen, task.cancelled()

    assert run_same(impl, body)[1]


def test_shielded_work_goes_on(impl):
    """asgiref, async-lru: shield() an inner future, await it after all."""

    async def body():
        inner = asyncio.get_running_loop().create_future()

        async def patient():
            try:
                await asyncio.shield(inner)
            except asyncio.CancelledError:
                asyncio.current_task().uncancel()
                return "cancelled", inner.cancelled(), await inner

        task = asyncio.create_task(patient())
        await passes(1)
        task.cancel()
        await passes(1)
        inner.set_result("result")
        return await task

    assert run_same(impl, body) == ("cancelled", False, "result")
