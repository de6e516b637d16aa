"""Futures of other makers, and code that drives awaitables by hand."""

import asyncio
import concurrent.futures
import contextvars
from asyncio import futures

import pytest

from interop.running import passes, run, run_same, same


class Duck:
    """A future in the eyes of asyncio, and nothing of its classes: what a library in C may have."""

    _asyncio_future_blocking = False

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.callbacks = []
        self.outcome = None

    def get_loop(self):
        return self.loop

    def add_done_callback(self, callback, *, context=None):
        self.callbacks.append((callback, context))

    def remove_done_callback(self, callback):
        self.callbacks = [pair for pair in self.callbacks if pair[0] != callback]

    def finish(self, outcome):
        self.outcome = outcome
        for callback, context in self.callbacks:
            self.loop.call_soon(callback, self, context=context)

    def done(self):
        return self.outcome is not None

    def result(self):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def cancel(self, msg=None):
        self.finish(asyncio.CancelledError(msg))
        return True

    def __await__(self):
        if not self.done():
            self._asyncio_future_blocking = True
            yield self
        return self.result()


@pytest.mark.parametrize("outcome", ["result", ValueError("message"), "cancel"], ids=repr)
def test_a_task_awaits_a_future_that_only_looks_like_one(impl, outcome):
    """classes in C and Cython: _asyncio_future_blocking and four methods."""

    async def body():
        duck = Duck()
        assert asyncio.isfuture(duck)

        async def waiting():
            return await duck

        task = asyncio.create_task(waiting())
        await passes(1)
        seen = task._fut_waiter is duck, duck._asyncio_future_blocking, len(duck.callbacks)
        if outcome == "cancel":
            task.cancel("message")
        else:
            duck.finish(outcome)
        await asyncio.wait([task])
        end = task.cancelled() or (repr(task.exception()), not task.exception() and task.result())
        return seen, end

    assert run_same(impl, body)[0] == (True, False, 1)


def test_the_callback_of_a_waiting_task_is_a_callable_with_a_task_behind_it(impl):
    """debuggers: `__self__` of the callback in a future is the task that waits."""

    async def body():
        duck, future = Duck(), asyncio.get_running_loop().create_future()

        async def waiting(awaitable):
            return await awaitable

        tasks = [asyncio.create_task(waiting(awaitable)) for awaitable in (duck, future)]
        await passes(1)
        owners = [duck.callbacks[0][0].__self__, future._callbacks[0][0].__self__]
        context = future._callbacks[0][1]
        duck.finish("one")
        future.set_result("two")
        return [
            [owner is task for owner, task in zip(owners, tasks, strict=True)],
            isinstance(context, contextvars.Context),
            await asyncio.gather(*tasks),
        ]

    assert run_same(impl, body) == [[True, True], True, ["one", "two"]]


def test_a_future_driven_by_hand(impl):
    """greenback, motor (`next(iter(future))`): send() into __await__(), and wait for what comes."""

    async def body():
        future = asyncio.get_running_loop().create_future()
        iterator = future.__await__()
        yielded = iterator.send(None)
        seen = [yielded is future, future._asyncio_future_blocking]
        future._asyncio_future_blocking = False
        future.set_result("result")
        try:
            iterator.send(None)
        except StopIteration as stop:
            seen.append(stop.value)
        return seen

    assert run_same(impl, body) == [True, True, "result"]


def test_a_foreign_loop_waits_for_a_task_by_a_callback(impl):
    """trio-asyncio: add_done_callback(), then outcome by exception(), result() and cancelled()."""

    async def body():
        outcomes = []

        def is_done(future):
            if future.cancelled():
                outcomes.append("cancelled")
            elif future.exception() is not None:
                outcomes.append(repr(future.exception()))
            else:
                outcomes.append(future.result())

        async def failing():
            raise ValueError("message")

        tasks = [
            asyncio.ensure_future(coro)
            for coro in (asyncio.sleep(0, "result"), failing(), asyncio.sleep(3600))
        ]
        for task in tasks:
            task.add_done_callback(is_done)
        tasks[2].cancel()
        await asyncio.wait(tasks)
        await passes(1)
        return sorted(outcomes)

    assert run_same(impl, body) == ["ValueError('message')", "cancelled", "result"]


def test_generators_that_yield_from_a_future(impl):
    """aiofiles, grpc.aio: `yield from future.__await__()`, and `yield from future` itself."""
    import types

    @types.coroutine
    def by_await(future):
        return (yield from future.__await__())

    @types.coroutine
    def by_iter(future):
        return (yield from future)

    async def body():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(future.set_result, "result")
        return await by_await(future), await by_iter(future)

    assert run_same(impl, body) == ("result", "result")


def test_awaiting_wrappers_with_send_throw_and_close(impl):
    """aiohttp, aiosqlite, aiofiles: a context manager that passes send() and throw() on."""

    class Wrapper:
        def __init__(self, coro):
            self.coro = coro

        def send(self, value):
            return self.coro.send(value)

        def throw(self, *args):
            return self.coro.throw(*args)

        def close(self):
            return self.coro.close()

        def __await__(self):
            return self.coro.__await__()

    async def inner():
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError as error:
            return "cancelled", error.args

    async def waiting():
        return await Wrapper(inner())

    async def body():
        task = asyncio.create_task(waiting())
        await passes(1)
        task.cancel("message")
        return await task

    assert run_same(impl, body) == ("cancelled", ("message",))


def test_the_exception_is_read_without_being_retrieved(impl):
    """async-lru reads `_exception`, others exception(): only the second is retrieval."""

    def program(impl):
        reports = []
        loop = asyncio.SelectorEventLoop()
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        for read in (lambda future: future._exception, lambda future: future.exception()):
            future = impl.Future(loop=loop)
            future.set_exception(ValueError("message"))
            assert isinstance(read(future), ValueError)
            del future
        loop.close()
        return reports

    assert same(impl, program) == ["Future exception was never retrieved"]


def test_reports_are_switched_off(impl):
    """tornado, nest_asyncio: `_log_destroy_pending = False`; `_log_traceback` alike."""

    def program(impl):
        reports = []
        loop = asyncio.SelectorEventLoop()
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        future = impl.Future(loop=loop)
        future.set_exception(ValueError("message"))
        future._log_traceback = False
        coro = asyncio.sleep(0)
        task = impl.Task(coro, loop=loop)
        task._log_destroy_pending = False
        loop._ready.clear()
        coro.close()
        del future, task
        loop.close()
        return reports

    assert same(impl, program) == []


def test_a_task_that_never_started_is_closed_by_hand(impl):
    """tornado: closing a loop cancels a task, closes get_coro() and drops both."""

    def program(impl):
        reports = []
        loop = asyncio.SelectorEventLoop()
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        task = impl.Task(asyncio.sleep(0), loop=loop)
        task._log_destroy_pending = False
        cancelled = task.cancel()
        task.get_coro().close()
        loop.close()
        del task
        return cancelled, reports

    assert same(impl, program) == (True, [])


def test_states_are_copied_between_futures(impl):
    """motor (wrap_future) and run_in_executor: asyncio's own helpers that chain two futures."""

    async def body():
        loop = asyncio.get_running_loop()
        source, target = concurrent.futures.Future(), loop.create_future()
        futures._chain_future(source, target)
        source.set_result("result")
        chained = await target
        other = concurrent.futures.Future()
        finished = loop.create_future()
        finished.set_exception(ValueError("message"))
        futures._set_concurrent_future_state(other, finished)
        copy = loop.create_future()
        futures._copy_future_state(finished, copy)
        return chained, repr(other.exception()), repr(copy.exception())

    assert run_same(impl, body) == ("result", "ValueError('message')", "ValueError('message')")


def test_results_are_set_on_futures_of_every_kind_alike(impl):
    """tornado, websockets: `if not future.cancelled()` or `if not future.done()`, then set it."""

    async def body():
        loop = asyncio.get_running_loop()
        seen = []
        for prepare in ("pending", "cancelled", "done"):
            future = loop.create_future()
            if prepare == "cancelled":
                future.cancel()
            elif prepare == "done":
                future.set_result("first")
            if not future.done():
                future.set_result("second")
            try:
                future.set_result("third")
            except asyncio.InvalidStateError as error:
                seen.append((future.cancelled(), future._state, type(error).__name__))
        return seen

    assert [state for _, state, _ in run_same(impl, body)] == ["FINISHED", "CANCELLED", "FINISHED"]


def test_futures_without_a_loop_argument(impl):
    """tornado: `asyncio.Future()` belongs to the loop that runs."""

    async def body():
        future = asyncio.Future()
        assert type(future) is impl.Future
        return future.get_loop() is asyncio.get_running_loop() is future._loop

    assert run(impl, body)
    with pytest.raises(RuntimeError), impl.in_force():
        asyncio.set_event_loop(None)
        asyncio.Future()
