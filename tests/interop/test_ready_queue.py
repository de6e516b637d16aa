"""The queue of a loop, its entries, and what is put in the place of the functions around them."""

import asyncio
import contextvars
import functools
import heapq
from asyncio import events
from asyncio.base_events import _format_handle

import pytest
from support import normalised, run_passes

from interop.running import passes, run_same, same


async def waiting(future):
    return await future


# What lies ready in a loop. Each is given the loop and the implementation, and returns the task.


def a_first_step(loop, impl):
    return impl.Task(asyncio.sleep(0, "result"), loop=loop, name="T")


def a_step_after_a_bare_yield(loop, impl):
    task = a_first_step(loop, impl)
    run_passes(loop)
    return task


def a_wakeup(loop, impl):
    future = impl.Future(loop=loop)
    task = impl.Task(waiting(future), loop=loop, name="T")
    run_passes(loop)
    future.set_result("result")
    return task


def a_cancellation(loop, impl):
    task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop, name="T")
    run_passes(loop)
    task.cancel()
    return task


READY = [a_first_step, a_step_after_a_bare_yield, a_wakeup, a_cancellation]
ready = pytest.mark.parametrize("make", READY, ids=lambda make: make.__name__)


def with_entry(impl, make, look):
    """Returns what `look(loop, entry, task)` gives of the one entry in the queue of a new loop."""
    loop = asyncio.SelectorEventLoop()
    try:
        task = make(loop, impl)
        (entry,) = loop._ready
        seen = look(loop, entry, task)
        if not task.done():
            task.cancel()
            run_passes(loop, 3)
        return seen
    finally:
        loop.close()


@ready
def test_an_entry_is_run_by_hand(impl, make):
    """nest_asyncio, trio-asyncio, qasync: `popleft()`, `_cancelled`, `_run()` and no more."""

    def look(loop, entry, task):
        ran = []
        events._set_running_loop(loop)
        try:
            while loop._ready:
                handle = loop._ready.popleft()
                if not handle._cancelled:
                    ran.append(handle._run())
        finally:
            events._set_running_loop(None)
        return task.done(), ran, task.done() and (task.cancelled() or task.result())

    done, ran, _ = same(impl, lambda impl: with_entry(impl, make, look))
    assert done
    assert set(ran) == {None}


@ready
def test_an_entry_is_run_where_no_loop_runs(impl, make):
    """foreign main loops: they run entries; 3.14 wants to be told the loop."""

    def look(loop, entry, task):
        reports = []
        loop.set_exception_handler(lambda _, context: reports.append(str(context["exception"])))
        loop._ready.popleft()._run()
        task._log_destroy_pending = False
        if not (task.done() or loop._ready):
            task.get_coro().close()
        return [normalised(report) for report in reports], asyncio.current_task(loop)

    assert same(impl, lambda impl: with_entry(impl, make, look))[1] is None


@ready
def test_what_an_entry_tells_of_itself(impl, make):
    """aiodebug: `_format_handle()` of an entry names the task."""

    def look(loop, entry, task):
        return _format_handle(entry).replace(str(task), "the task")

    assert same(impl, lambda impl: with_entry(impl, make, look)) == "the task"


@ready
def test_the_callback_of_an_entry_belongs_to_the_task(impl, make):
    """monitors: `_callback.__self__` is the task, and `_args` its arguments."""

    def look(loop, entry, task):
        callback, args = entry._callback, entry._args
        return callback.__self__ is task, callable(callback), [type(arg).__name__ for arg in args]

    assert same(impl, lambda impl: with_entry(impl, make, look))[:2] == (True, True)


@ready
def test_the_callback_of_an_entry_can_be_called_instead(impl, make):
    """early nest_asyncio: `entry._context.copy().run(entry._callback, *entry._args)`."""

    def look(loop, entry, task):
        loop._ready.clear()
        events._set_running_loop(loop)
        try:
            entry._context.copy().run(entry._callback, *entry._args)
            while loop._ready:
                later = loop._ready.popleft()
                later._context.run(later._callback, *later._args)
        finally:
            events._set_running_loop(None)
        return task.done(), task.cancelled() or task.result()

    assert same(impl, lambda impl: with_entry(impl, make, look))[0]


@ready
def test_the_other_attributes_of_an_entry(impl, make):
    """early nest_asyncio: `_context`, `_loop`, `_source_traceback`, `get_context()`."""

    def look(loop, entry, task):
        return [
            isinstance(entry._context, contextvars.Context),
            entry._loop is loop,
            entry._source_traceback,
            entry.get_context() is entry._context if hasattr(events.Handle, "get_context") else "",
            isinstance(entry, asyncio.Handle),
            entry._cancelled,
            entry.cancelled(),
            normalised(repr(entry)).startswith("<Handle "),
        ]

    assert same(impl, lambda impl: with_entry(impl, make, look))[:3] == [True, True, None]


@ready
def test_a_cancelled_entry_is_not_run(impl, make):
    """fixtures that clean up: entries that are left over are cancelled."""

    def look(loop, entry, task):
        entry.cancel()
        seen = entry.cancelled(), entry._cancelled
        run_passes(loop, 3)
        ran = task.done()
        # Nothing wakes the task any more: it is left as it is.
        task._log_destroy_pending = False
        if not task.done() and task._fut_waiter is None:
            task.get_coro().close()
        return seen, ran

    assert same(impl, lambda impl: with_entry(impl, make, look)) == ((True, True), False)


def test_the_queue_is_emptied_and_filled_by_hand(impl):
    """asyncio's own tests: `_ready.clear()`, `_ready.extend()`, `len(_ready)`."""

    def program(impl):
        loop = asyncio.SelectorEventLoop()
        tasks = [impl.Task(asyncio.sleep(0, number), loop=loop) for number in range(3)]
        entries = list(loop._ready)
        loop._ready.clear()
        run_passes(loop, 2)
        before = [task.done() for task in tasks]
        loop._ready.extend(reversed(entries))
        order = []
        for number, task in enumerate(tasks):
            task.add_done_callback(lambda _, number=number: order.append(number))
        run_passes(loop, 4)
        loop.close()
        return before, order, [task.result() for task in tasks]

    assert same(impl, program) == ([False] * 3, [2, 1, 0], [0, 1, 2])


@pytest.fixture
def patched_run(monkeypatch):
    """Replaces `Handle._run` by a function that takes down what each handle shows."""
    shown = []
    original = events.Handle._run

    def instrumented(self):
        shown.append(_format_handle(self))
        return original(self)

    monkeypatch.setattr(events.Handle, "_run", instrumented)
    return shown


def test_a_patched_run_sees_every_step(impl, patched_run):
    """aiodebug: slow-callback monitors patch `Handle._run`."""

    async def user():
        await asyncio.sleep(0)
        future = asyncio.get_running_loop().create_future()
        future.get_loop().call_soon(future.set_result, None)
        await future

    async def body():
        del patched_run[:]
        await asyncio.create_task(user(), name="watched")
        return [text.count("watched") for text in patched_run if "watched" in text]

    # Two steps, a wake-up, and the wake-up of the one who waits for the task.
    assert run_same(impl, body) == [1, 1, 1, 1]


def test_run_can_be_patched_while_the_loop_runs(impl, monkeypatch):
    """aiodebug: enable() is called from within a program; its tasks are seen from then on."""

    async def body():
        shown = []
        task = asyncio.create_task(passes(3), name="watched")
        await passes(1)
        original = events.Handle._run
        with monkeypatch.context() as patch:
            patch.setattr(events.Handle, "_run", lambda self: (shown.append(1), original(self))[1])
            await task
        return len(shown) >= 3

    assert run_same(impl, body)


def test_a_patched_run_may_copy_the_context(impl, monkeypatch):
    """early nest_asyncio: `Handle._run` that runs `_callback(*_args)` in a copy of `_context`."""

    def run(self):
        self._context.copy().run(self._callback, *self._args)

    variable = contextvars.ContextVar("variable", default="unset")

    async def user():
        variable.set("set")
        await asyncio.sleep(0)
        return variable.get()

    async def body():
        with monkeypatch.context() as patch:
            patch.setattr(events.Handle, "_run", run)
            return await asyncio.create_task(user())

    # The copy is thrown away, and with it what was set in it.
    assert run_same(impl, body) == "unset"


@pytest.mark.parametrize("where", ["instance", "class"])
def test_a_patched_call_soon_sees_every_step(impl, monkeypatch, where):
    """instrumentation: `call_soon` is wrapped, on a loop or on its class."""

    async def body():
        loop = asyncio.get_running_loop()
        owners = []
        target = loop if where == "instance" else asyncio.BaseEventLoop
        original = target.call_soon

        @functools.wraps(original)
        def call_soon(*args, **kwargs):
            callback = args[0] if where == "instance" else args[1]
            owners.append(getattr(callback, "__self__", None))
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(target, "call_soon", call_soon)
            task = asyncio.create_task(asyncio.sleep(0))
            await task
        return sum(owner is task for owner in owners)

    assert run_same(impl, body) == 2


def test_a_loop_with_a_run_once_of_its_own(impl):
    """nest_asyncio, fake clocks: a subclass replaces `_run_once()`."""

    class Loop(asyncio.SelectorEventLoop):
        def _run_once(self):
            self.rounds = getattr(self, "rounds", 0) + 1
            while self._scheduled and self._scheduled[0]._cancelled:
                heapq.heappop(self._scheduled)
            # Time jumps to the next timer when nothing is ready.
            due = [heapq.heappop(self._scheduled)] if self._scheduled and not self._ready else []
            self._ready.extend(due)
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle._cancelled:
                    handle._run()

    async def body():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(3600 * n, n)) for n in range(3)]
        return [task.result() for task in tasks], asyncio.get_running_loop().rounds

    assert run_same(impl, body, make_loop=Loop)[0] == [0, 1, 2]


@pytest.mark.parametrize("exact", [False, True], ids=["on the class", "on the loop"])
def test_run_once_is_replaced_on_a_stock_loop(impl, monkeypatch, exact):
    """nest_asyncio, pydevd: `_run_once` is replaced after the loop was made."""
    rounds = []
    original = asyncio.BaseEventLoop._run_once

    def run_once(self):
        rounds.append([type(entry._callback).__name__ for entry in self._ready])
        return original(self)

    async def body():
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patch:
            if exact:
                patch.setattr(loop, "_run_once", functools.partial(run_once, loop), raising=False)
            else:
                patch.setattr(asyncio.BaseEventLoop, "_run_once", run_once)
            del rounds[:]
            await asyncio.create_task(passes(2))
        return [len(entries) for entries in rounds]

    assert run_same(impl, body) == [1, 1, 1, 1]


def test_a_loop_whose_queue_is_an_object_of_its_own(impl):
    """trio-asyncio: `_ready` replaced by something that only has `append()` and kin."""

    class Queue(list):
        def popleft(self):
            return self.pop(0)

    async def body():
        loop = asyncio.get_running_loop()
        loop._ready = Queue(loop._ready)
        return await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)), len(loop._ready)

    assert run_same(impl, body)[0] == [1, 2]
