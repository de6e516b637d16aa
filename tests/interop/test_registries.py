"""The registries of asyncio, read and written from outside, and looking into what tasks do."""

import asyncio
import sys
import threading
import weakref

import pytest

from interop.running import passes, run_same


def registered():
    """Returns the tasks in the private sets of asyncio, as profilers read them."""
    tasks = asyncio.tasks
    if sys.version_info < (3, 12):
        return set(tasks._all_tasks)
    return set(tasks._scheduled_tasks) | set(tasks._eager_tasks)


builtin_tasks_are_elsewhere = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="the interpreter keeps the built-in tasks in a list in C"
)


@builtin_tasks_are_elsewhere
def test_tasks_are_in_the_private_sets(impl):
    """ddtrace: asyncio.tasks._all_tasks, _scheduled_tasks and _eager_tasks."""

    async def body():
        task = asyncio.create_task(asyncio.sleep(0))
        seen = [asyncio.current_task() in registered(), task in registered()]
        await task
        return seen

    assert run_same(impl, body) == [True, True]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="kept by the thread, not in a dict")
def test_the_current_task_is_in_a_dict_and_can_be_taken_out(impl):
    """nest_asyncio, ddtrace: asyncio.tasks._current_tasks[loop] is popped and put back."""

    async def body():
        loop = asyncio.get_running_loop()
        current = asyncio.tasks._current_tasks
        task = current.pop(loop)
        seen = task.get_name(), asyncio.current_task()
        current[loop] = task
        return seen, asyncio.current_task() is task

    seen, back = run_same(impl, named(body))
    assert seen == ("main", None)
    assert back


def named(body):
    async def main():
        asyncio.current_task().set_name("main")
        return await body()

    return main


def test_a_task_of_another_maker_takes_part(impl):
    """third-party tasks: _register_task(), _enter_task(), _leave_task() by hand."""

    class Stranger:
        def __init__(self, loop):
            self.loop = loop

        def get_loop(self):
            return self.loop

        def done(self):
            return False

    async def body():
        loop, seen = asyncio.get_running_loop(), []
        stranger = Stranger(loop)

        def step():
            asyncio.tasks._enter_task(loop, stranger)
            seen.append(asyncio.current_task() is stranger)
            asyncio.tasks._leave_task(loop, stranger)

        asyncio.tasks._register_task(stranger)
        loop.call_soon(step)
        await passes(2)
        seen.append(stranger in asyncio.all_tasks())
        asyncio.tasks._unregister_task(stranger)
        seen.append(stranger in asyncio.all_tasks())
        return seen

    assert run_same(impl, body) == [True, True, False]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in 3.12")
def test_the_current_task_is_swapped(impl):
    """nest-asyncio2: asyncio.tasks._swap_current_task(loop, None), and back again."""

    async def body():
        loop = asyncio.get_running_loop()
        task = asyncio.tasks._swap_current_task(loop, None)
        seen = task.get_name(), asyncio.current_task()
        asyncio.tasks._swap_current_task(loop, task)
        return seen, asyncio.current_task() is task

    assert run_same(impl, named(body)) == (("main", None), True)


def test_frames_of_suspended_tasks(impl):
    """scalene: get_coro(), then cr_await and cr_frame down to the bottom."""

    async def bottom(future):
        await future

    async def top(future):
        await bottom(future)

    async def body():
        task = asyncio.create_task(top(asyncio.get_running_loop().create_future()))
        before = task.get_coro().cr_await
        await passes(1)
        names, coro = [], task.get_coro()
        while coro is not None:
            frame = getattr(coro, "cr_frame", None)
            names.append(frame.f_code.co_name if frame else type(coro).__name__)
            coro = getattr(coro, "cr_await", None)
        stack = [frame.f_code.co_name for frame in task.get_stack()]
        task.cancel()
        await asyncio.wait([task])
        return before, names, stack

    assert run_same(impl, body) == (None, ["top", "bottom", "FutureIter"], ["top"])


def test_stacks_are_printed(impl):
    """aiomonitor, signal handlers: print_stack(file=…) of all tasks."""
    import io

    async def body():
        file = io.StringIO()
        task = asyncio.create_task(asyncio.sleep(3600), name="sleeping")
        await passes(1)
        for each in asyncio.all_tasks():
            each.print_stack(file=file)
        task.cancel()
        await asyncio.wait([task])
        return sorted(line for line in file.getvalue().splitlines() if "sleep" in line)

    assert any("sleeping" in line for line in run_same(impl, body))


def test_the_loop_of_a_thread_is_found_in_its_frames(impl):
    """scalene: a frame called `_run_once` whose `self` is a loop."""

    async def body():
        found = []

        def sample(thread):
            frame = sys._current_frames()[thread]
            functions = []
            while frame is not None:
                functions.append(frame.f_code.co_name)
                if frame.f_code.co_name == "_run_once":
                    loop = frame.f_locals["self"]
                    current = asyncio.current_task(loop)
                    found.append((current.get_name(), len(asyncio.all_tasks(loop))))
                frame = frame.f_back
            found.append("stepping" in functions)

        async def stepping():
            sampler = threading.Thread(target=sample, args=[threading.get_ident()])
            sampler.start()
            sampler.join()

        await asyncio.create_task(stepping(), name="watched")
        return found

    assert run_same(impl, body) == [("watched", 2), True]


def test_leftover_tasks_are_cancelled_at_the_end(impl):
    """uvicorn, quart, aiohttp, tornado: _cancel_all_tasks(), by all_tasks(loop) and gather()."""

    def program():
        reports = []

        async def leave():
            tasks.append(asyncio.create_task(asyncio.sleep(3600)))
            tasks.append(asyncio.create_task(failing()))
            await passes(1)

        async def failing():
            try:
                await asyncio.sleep(3600)
            finally:
                raise ValueError("message")

        tasks = []
        loop = asyncio.SelectorEventLoop()
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        loop.run_until_complete(leave())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left))
        for task in left:
            if not task.cancelled() and task.exception() is not None:
                loop.call_exception_handler(
                    {"message": "unhandled", "exception": task.exception(), "task": task}
                )
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        return len(left), sorted(task.cancelled() for task in tasks), reports

    with impl.in_force():
        assert program() == (2, [False, True], ["unhandled"])


def test_contexts_tell_profilers_which_task_runs(impl):
    """profilers: current_task() or a context variable, at each call."""

    async def body():
        calls = []

        def profile(frame, event, _):
            if event == "call" and frame.f_code.co_name == "leaf":
                calls.append(asyncio.current_task().get_name())

        async def leaf():
            await asyncio.sleep(0)

        sys.setprofile(profile)
        try:
            tasks = [asyncio.create_task(leaf(), name=f"T{number}") for number in range(2)]
            await asyncio.wait(tasks)
        finally:
            sys.setprofile(None)
        return calls[:2]

    assert run_same(impl, body) == ["T0", "T1"]


def test_the_set_of_all_tasks_does_not_keep_them(impl):
    """servers that forget to hold their tasks: the registry is weak, the loop's queue is not."""

    async def body():
        reference = weakref.ref(asyncio.create_task(asyncio.sleep(0)))
        alive = reference() is not None
        await passes(3)
        return alive, reference()

    assert run_same(impl, body) == (True, None)
