"""Tasks that uvloop wakes one by one, again and again, go on by a handle that they keep.

Each scenario runs on the interpreter's classes and on ours.
"""

import asyncio
import contextvars
import gc
import os
import sys
import threading
import weakref

import pytest
from support import implementation
from support.child import run_child
from support.loops import run_passes
from support.oracle import answer
from support.tasks import assert_like_builtin_on, ending, reported, supervised_loop

pytest.importorskip("uvloop")

VARIABLE = contextvars.ContextVar("variable", default="outside")
TIMES = 5


def like_builtin(scenario, impl):
    return assert_like_builtin_on("uvloop", scenario, impl)


async def waits(loop, futures, log, name, times=TIMES):
    """Waits `times` times, each time for a new future that it appends to `futures`."""
    VARIABLE.set(name)
    for number in range(times):
        futures.append(loop.create_future())
        log.append((name, number, await futures[-1]))
    return name


def wake(futures, result=None):
    """Wakes who waits, not from within a task."""
    futures.pop().set_result(result)


def woken(impl, loop, times, log):
    """Returns a task that was woken so many times, and the list of futures that it appends to."""
    futures = []
    task = impl.Task(waits(loop, futures, log, "task", times + TIMES), loop=loop)
    run_passes(loop)
    for _ in range(times):
        loop.call_soon(wake, futures)
        run_passes(loop, 3)
    return task, futures


def handles_of(task):
    return [held for held in gc.get_referents(task) if type(held).__name__ == "Handle"]


def test_handle_is_kept_and_used_again():
    impl, seen = implementation("rust"), []
    with supervised_loop(impl, "uvloop") as (loop, _):
        task, futures = woken(impl, loop, 0, [])
        assert handles_of(task) == []
        for _ in range(4):
            loop.call_soon(wake, futures)
            run_passes(loop, 3)
            seen += handles_of(task)
        assert len(seen) == 4
        assert len({id(handle) for handle in seen}) == 1
        loop.call_soon(wake, futures)
        run_passes(loop, 3)
        assert task.done()
        assert handles_of(task) == []


def test_order(impl):
    def scenario(impl, loop, _):
        log, futures = [], {name: [] for name in "abc"}
        tasks = [impl.Task(waits(loop, futures[name], log, name), loop=loop) for name in "abc"]
        run_passes(loop)
        for number in range(TIMES):
            for name in "bca":
                loop.call_soon(log.append, f"before {name}")
                loop.call_soon(wake, futures[name], number)
                loop.call_soon(log.append, f"after {name}")
                loop.call_soon(loop.call_soon, log.append, f"later {name}")
            run_passes(loop, 4)
        return log, [ending(task) for task in tasks]

    log, _ = like_builtin(scenario, impl)
    assert ("a", TIMES - 1, TIMES - 1) in log


def test_loop_that_would_sleep_is_told(impl):
    """A callback for a file runs while nothing is ready: the loop does not come to its queue."""

    def scenario(impl, loop, _):
        log, futures = [], []
        read, write = os.pipe()

        def readable():
            os.read(read, 1)
            wake(futures, "read")

        async def writer():
            for _ in range(TIMES):
                await asyncio.sleep(0.001)  # the loop sleeps meanwhile
                os.write(write, b"x")

        loop.add_reader(read, readable)
        task = impl.Task(waits(loop, futures, log, "task"), loop=loop)
        other = impl.Task(writer(), loop=loop)
        loop.run_until_complete(asyncio.wait_for(asyncio.shield(task), 30))
        loop.run_until_complete(other)
        loop.remove_reader(read)
        os.close(read)
        os.close(write)
        return log, ending(task)

    like_builtin(scenario, impl)


def test_loop_that_stands_still(impl):
    def scenario(impl, loop, _):
        log = []
        task, futures = woken(impl, loop, 3, log)
        wake(futures, "still")
        assert log[-1][-1] is None
        run_passes(loop, 2)
        log.append("ran")
        wake(futures, "again")
        run_passes(loop, 2)
        task.cancel()
        run_passes(loop, 2)
        return log, ending(task)

    like_builtin(scenario, impl)


def test_loop_that_is_closed_with_a_handle_in_its_queue(impl):
    def scenario(impl, loop, recorder):
        log = []
        task, futures = woken(impl, loop, 3, log)

        # The loop stops in the pass in which the task is woken.
        loop.call_soon(loop.stop)
        loop.call_soon(loop.call_soon, wake, futures, "never seen")
        loop.run_forever()
        assert not futures
        gone = weakref.ref(task)
        gc.disable()
        try:
            del task
            loop.close()
            reports = reported(recorder)  # which have the task
            return log, gone() is None, reports
        finally:
            gc.enable()

    _, is_gone, reports = like_builtin(scenario, impl)
    # Since 3.14 the future that it awaits has it as well, for the call graph.
    assert is_gone == (sys.version_info < (3, 14))
    assert len(reports) == is_gone


def test_nothing_is_left_when_it_ends(impl):
    def scenario(impl, loop, _):
        log = []
        task, futures = woken(impl, loop, TIMES, log)
        for _ in range(TIMES):
            loop.call_soon(wake, futures)
            run_passes(loop, 3)
        gone = weakref.ref(task)
        gc.disable()
        try:
            outcome = ending(task)
            del task
            run_passes(loop, 2)
            left = [held for held in gc.get_objects() if type(held).__name__ == "Resume"]
            return outcome, gone() is None, len(left)
        finally:
            gc.enable()

    assert like_builtin(scenario, impl) == (("returned", "task"), True, 0)


def test_pending_task_is_freed_with_what_it_keeps(impl):
    def scenario(impl, loop, recorder):
        task, futures = woken(impl, loop, 3, [])
        gone = weakref.ref(task)
        del task
        futures.clear()
        gc.collect()
        reports = reported(recorder)  # which have the task
        gc.collect()
        left = [held for held in gc.get_objects() if type(held).__name__ == "Resume"]
        return gone() is None, len(left), reports

    is_gone, left, reports = like_builtin(scenario, impl)
    assert (is_gone, left) == (True, 0)
    assert len(reports) == 1


def test_contexts_in_which_things_go(impl):
    """What the last reference to a result goes with, and that to the task."""

    def scenario(impl, loop, recorder):
        log = []

        class Result:
            def __del__(self):
                log.append(("result", VARIABLE.get()))

        def finish(futures):
            wake(futures, Result())

        async def waits_for_results(futures):
            VARIABLE.set("task")
            for _ in range(TIMES):
                futures.append(loop.create_future())
                await futures[-1]
                await asyncio.sleep(0)

        def report(loop, context):
            log.append((context["message"], VARIABLE.get()))

        loop.set_exception_handler(report)
        futures = []
        task = impl.Task(waits_for_results(futures), loop=loop)
        run_passes(loop)
        for number in range(TIMES):
            loop.call_soon(finish, futures)
            if number == TIMES - 1:
                del task
            run_passes(loop, 4)

        class Forgetful:
            _asyncio_future_blocking = False

            def add_done_callback(self, callback, *, context=None):
                pass

            def get_loop(self):
                return loop

            def __await__(self):
                self._asyncio_future_blocking = True
                yield self

        # A task that only its handle still holds, and that waits for what does not hold it.
        async def lost(futures):
            VARIABLE.set("task")
            for _ in range(3):
                futures.append(loop.create_future())
                await futures[-1]
            await Forgetful()

        task = impl.Task(lost(futures), loop=loop)
        run_passes(loop)
        for number in range(3):
            loop.call_soon(wake, futures)
            if number == 2:
                del task
            run_passes(loop, 3)
        return log

    log = like_builtin(scenario, impl)
    assert ("Task was destroyed but it is pending!", "outside") in log


def test_what_changes_between(impl):
    """Debug mode, a `call_soon()` of the program's own."""

    def scenario(impl, loop, _):
        log = []

        class Loop(type(loop)):
            pass

        task, futures = woken(impl, loop, 3, log)
        loop.set_debug(True)
        loop.call_soon(wake, futures, "debug")
        run_passes(loop, 3)
        loop.set_debug(False)
        loop.call_soon(wake, futures, "not debug")
        run_passes(loop, 3)
        call_soon = loop.call_soon

        def own(callback, *args, context=None):
            log.append(getattr(callback, "__name__", "?"))
            return call_soon(callback, *args, context=context)

        loop.call_soon = own
        call_soon(wake, futures, "own")
        del own
        loop.run_until_complete(asyncio.sleep(0.001))
        del loop.call_soon
        call_soon(wake, futures, "not own")
        run_passes(loop, 3)
        task.cancel("enough")
        run_passes(loop, 3)
        return [entry for entry in log if type(entry) is tuple], ending(task)

    log, outcome = like_builtin(scenario, impl)
    assert [result for _, _, result in log[-4:]] == ["debug", "not debug", "own", "not own"]
    assert outcome[0] == "cancelled" or outcome == "cancelled"


def test_debug_mode_knows_the_thread(impl):
    """There `call_soon()` refuses to be called from another one; else it does not look."""

    def scenario(impl, loop, _):
        log, answers = [], []
        task, futures = woken(impl, loop, 3, log)
        loop.set_debug(True)

        def wake_in_a_thread():
            thread = threading.Thread(target=lambda: answers.append(answer(wake, futures)))
            thread.start()
            thread.join()

        loop.call_soon(wake_in_a_thread)
        run_passes(loop, 3)
        loop.set_debug(False)
        task.cancel()
        run_passes(loop, 3)
        return log, answers

    _, answers = like_builtin(scenario, impl)
    assert answers[0][1] is RuntimeError


def test_own_call_soon_is_asked(impl):
    def scenario(impl, loop, _):
        calls = []
        task, futures = woken(impl, loop, 3, [])
        call_soon = loop.call_soon

        def own(callback, *args, context=None):
            calls.append(getattr(callback, "__name__", None))
            return call_soon(callback, *args, context=context)

        loop.call_soon = own
        wake(futures)
        del loop.call_soon
        task.cancel()
        run_passes(loop, 3)
        return len(calls)

    assert like_builtin(scenario, impl) == 1


def test_errors_leave_as_ever(impl):
    """What is meant to end the program, and leaves the step of a task that has kept its handle."""

    class Leaving(SystemExit):
        pass

    def scenario(impl, loop, recorder):
        log = []

        async def leaving(futures):
            for _ in range(3):
                futures.append(loop.create_future())
                await futures[-1]
            raise Leaving

        futures = []
        task = impl.Task(leaving(futures), loop=loop)
        run_passes(loop)
        for _ in range(3):
            loop.call_soon(wake, futures)
            try:
                run_passes(loop, 3)
            except Leaving:
                log.append("left")
        return log, ending(task), reported(recorder)

    log, _, _ = like_builtin(scenario, impl)
    assert log == ["left"]


def test_task_that_is_made_anew(impl):
    """It does not go on by what it has kept as another one, in another context."""

    def scenario(impl, loop, recorder):
        log = []
        task, futures = woken(impl, loop, 3, log)
        first = task.get_coro()
        futures.clear()
        context = contextvars.copy_context()
        context.run(VARIABLE.set, "another")

        async def another():
            for _ in range(3):
                futures.append(loop.create_future())
                await futures[-1]
                log.append(VARIABLE.get())

        loop.call_soon(lambda: task.__init__(another(), loop=loop, context=context))
        run_passes(loop, 2)
        for _ in range(3):
            loop.call_soon(wake, futures)
            run_passes(loop, 3)
        first.close()
        return log, ending(task)

    log, _ = like_builtin(scenario, impl)
    assert log[-3:] == ["another"] * 3


@pytest.mark.parametrize("options", [{}, {"eager_start": True}], ids=["later", "at once"])
@pytest.mark.parametrize("by_itself", [True, False])
def test_task_that_is_made_anew_while_its_handle_is_in_use(impl, by_itself, options):
    if options and sys.version_info < (3, 12):
        pytest.skip("eager tasks are of 3.12")

    def in_context(name):
        context = contextvars.copy_context()
        context.run(VARIABLE.set, name)
        return context

    def scenario(impl, loop, _):
        log, futures, coroutines = [], [], []

        async def new():
            for _ in range(5):
                futures.append(loop.create_future())
                await futures[-1]
                log.append(("new", VARIABLE.get()))

        def make_anew():
            task.__init__(new(), loop=loop, context=in_context("new"), **options)

        async def old():
            for _ in range(4):
                futures.append(loop.create_future())
                await futures[-1]
                log.append(("old", VARIABLE.get()))
            if by_itself:
                make_anew()
            futures.append(loop.create_future())
            await futures[-1]

        coroutines.append(old())
        task = impl.Task(coroutines[0], loop=loop, context=in_context("old"))
        run_passes(loop)
        for _ in range(4):
            loop.call_soon(wake, futures)
            run_passes(loop, 3)
        if not by_itself:
            loop.call_soon(lambda: (wake(futures), make_anew()))
            run_passes(loop, 3)
        for _ in range(4):
            loop.call_soon(lambda: futures and wake(futures))
            run_passes(loop, 3)
        task.cancel()
        run_passes(loop, 3)
        coroutines[0].close()
        return log

    log = like_builtin(scenario, impl)
    assert ("new", "new") in log


def test_loop_that_was_said_to_be_running():
    """What is known of uvloop is found out while a loop of it runs, not while one only seems to."""
    program = """
        import asyncio, gc
        import uvloop

        async def waits(loop, futures):
            for _ in range(5):
                futures.append(loop.create_future())
                await futures[-1]

        def handles(held):
            return {id(one) for one in gc.get_referents(held) if type(one).__name__ == "Handle"}

        async def main():
            loop, futures, seen = asyncio.get_running_loop(), [], set()
            task = asyncio.create_task(waits(loop, futures))
            await asyncio.sleep(0)
            for _ in range(4):
                loop.call_soon(lambda: futures.pop().set_result(None))
                await asyncio.sleep(0.001)
                seen |= handles(task)
            print(len(seen))
            task.cancel()

        other = uvloop.new_event_loop()
        asyncio._set_running_loop(other)
        coroutine = asyncio.sleep(0)
        task = other.create_task(coroutine)
        asyncio._set_running_loop(None)
        other.run_until_complete(task)
        uvloop.new_event_loop().run_until_complete(main())
    """
    done = run_child(program, implementation("rust"))
    assert (done.status, done.stdout, done.stderr) == (0, "1\n", "")
