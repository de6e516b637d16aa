"""A pass of the loop is left out only where nobody would see that.

Each scenario runs on the interpreter's classes and on ours; `test_alone.py` runs them where passes
are left out.
"""

import asyncio
import collections
import logging
import threading
import time
from unittest import mock

import pytest
from support.alone import passes_of
from support.tasks import assert_like_builtin_on, ending, supervised_loop


@pytest.fixture(params=["asyncio", "uvloop"])
def kind(request):
    pytest.importorskip(request.param)
    return request.param


async def spin(log, count=300):
    for number in range(count):
        log.append(number)
        await asyncio.sleep(0)


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


# What ends the loop does so at once


@pytest.mark.parametrize("spinner_first", [False, True])
@pytest.mark.parametrize("length", range(4))
def test_the_end_of_the_main_task(impl, kind, length, spinner_first):
    def scenario(impl, loop, recorder):
        log = []
        coroutines = [steps(length), spin(log)]
        tasks = [impl.Task(it, loop=loop) for it in coroutines[:: -1 if spinner_first else 1]]
        spinner = tasks.pop(0 if spinner_first else 1)
        loop.run_until_complete(tasks[0])
        seen = len(log)
        spinner.cancel()
        loop.run_until_complete(asyncio.wait([spinner]))
        return seen

    assert assert_like_builtin_on(kind, scenario, impl) < 20


def test_the_end_of_a_future_that_a_callback_sets(impl, kind):
    def scenario(impl, loop, recorder):
        log, future = [], impl.Future(loop=loop)
        loop.call_soon(future.set_result, 1)
        spinner = impl.Task(spin(log), loop=loop)
        loop.run_until_complete(future)
        seen = len(log)
        spinner.cancel()
        loop.run_until_complete(asyncio.wait([spinner]))
        return seen

    assert assert_like_builtin_on(kind, scenario, impl) < 20


@pytest.mark.parametrize("stops_in", ["callback", "task"])
def test_stop(impl, kind, stops_in):
    def scenario(impl, loop, recorder):
        log, tasks = [], []

        def begin():
            loop.stop()
            tasks.append(impl.Task(spin(log), loop=loop))

        async def stopper():
            await asyncio.sleep(0)
            loop.stop()
            log.append("stop")

        if stops_in == "callback":
            loop.call_soon(begin)
        else:
            tasks.append(impl.Task(spin(log), loop=loop))
            tasks.append(impl.Task(stopper(), loop=loop))
        loop.run_forever()
        seen = len(log)
        loop.run_until_complete(asyncio.wait(tasks))
        return seen, log

    assert assert_like_builtin_on(kind, scenario, impl)[0] < 20


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["task", "callback", "later callback", "done callback"])
def test_what_ends_the_program(impl, kind, where, error):
    def scenario(impl, loop, recorder):
        log = []

        def end(*_):
            raise error("now")

        async def ending_task():
            end()

        if where == "task":
            broken = impl.Task(ending_task(), loop=loop)
        elif where == "callback":
            loop.call_soon(end)
        elif where == "done callback":
            future = impl.Future(loop=loop)
            future.add_done_callback(end)
            future.set_result(None)
        spinner = impl.Task(spin(log), loop=loop)
        if where == "later callback":
            loop.call_soon(end)
        with pytest.raises(error):
            loop.run_forever()
        seen = len(log)
        if where == "task":
            assert broken.exception()
        loop.run_until_complete(asyncio.wait([spinner]))
        return seen, log

    assert assert_like_builtin_on(kind, scenario, impl)[0] < 20


# Others look at each pass


def test_another_thread(impl, kind):
    """It waits for the moments at which the loop lets go of the interpreter."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with supervised_loop(impl, kind) as (loop, _), passes_of(loop) as passes:
            loop.run_until_complete(impl.Task(steps(200), loop=loop))
    finally:
        ended.set()
        thread.join()
    assert passes[0] >= 200


@pytest.mark.parametrize("name", ["time", "_process_events", "_run_once"])
@pytest.mark.parametrize("within", [False, True])
def test_methods_of_the_loop(impl, name, within):
    """Put on the loop before it runs, or by a task."""

    def scenario(impl, loop, recorder):
        calls, original = [], getattr(loop, name)

        def counted(*args):
            calls.append(1)
            return original(*args)

        async def main():
            setattr(loop, name, counted)
            await steps(30)

        if not within:
            setattr(loop, name, counted)
        loop.run_until_complete(impl.Task(main() if within else steps(30), loop=loop))
        delattr(loop, name)
        return len(calls)

    assert assert_like_builtin_on("asyncio", scenario, impl) >= 30


def test_the_selector(impl):
    def scenario(impl, loop, recorder):
        calls, original = [], loop._selector.select

        def counted(timeout=None):
            calls.append(timeout)
            return original(timeout)

        async def main():
            await steps(5)
            loop._selector.select = counted
            await steps(30)

        loop.run_until_complete(impl.Task(main(), loop=loop))
        del loop._selector.select
        return len(calls)

    assert assert_like_builtin_on("asyncio", scenario, impl) >= 30


@pytest.mark.parametrize("target", ["time.monotonic", "asyncio.base_events.time"])
def test_a_clock_that_ticks_when_it_is_asked(impl, target):
    def scenario(impl, loop, recorder):
        ticks = iter(range(10_000))

        def tick():
            return float(next(ticks))

        async def main():
            count, end = 0, loop.time() + 100
            while loop.time() < end:
                count += 1
                await asyncio.sleep(0)
            return count

        clock = tick if target == "time.monotonic" else mock.Mock(wraps=time, monotonic=tick)
        with mock.patch(target, clock):
            return loop.run_until_complete(impl.Task(main(), loop=loop))

    assert assert_like_builtin_on("asyncio", scenario, impl) < 60


def test_timers_of_another_class(impl):
    """A pass compares the time at which they are due."""

    def scenario(impl, loop, recorder):
        asked = []

        class Timer(asyncio.TimerHandle):
            def __getattribute__(self, name):
                if name == "_when":
                    asked.append(name)
                return super().__getattribute__(name)

        async def main():
            timer = Timer(loop.time() + 3600, print, (), loop)
            loop._scheduled.append(timer)
            await steps(30)
            loop._scheduled.remove(timer)

        loop.run_until_complete(impl.Task(main(), loop=loop))
        return len(asked)

    assert assert_like_builtin_on("asyncio", scenario, impl) >= 30


def test_passes_that_a_step_runs_by_hand(impl):
    """They end when what the step waits for is there."""

    def scenario(impl, loop, recorder):
        log = []

        async def setter(future):
            await steps(3)
            future.set_result(None)

        async def main():
            future = impl.Future(loop=loop)
            spinner = impl.Task(spin(log), loop=loop)
            setting = impl.Task(setter(future), loop=loop)
            own = asyncio.current_task()
            asyncio.tasks._leave_task(loop, own)
            while not future.done():
                loop._run_once()
            asyncio.tasks._enter_task(loop, own)
            seen = len(log)
            spinner.cancel()
            await asyncio.wait([spinner, setting])
            return seen

        return loop.run_until_complete(impl.Task(main(), loop=loop))

    assert assert_like_builtin_on("asyncio", scenario, impl) < 20


# The queue of the loop


@pytest.mark.parametrize("queue_class", [collections.deque, type("Own", (collections.deque,), {})])
@pytest.mark.parametrize("watches", [False, True])
def test_a_step_gives_the_loop_another_queue(impl, queue_class, watches):
    def scenario(impl, loop, recorder):
        log = []

        async def step(number):
            await steps(2)
            loop._ready = queue_class(loop._ready)
            log.append(number)
            await asyncio.sleep(0)
            log.append(number)

        async def main():
            await asyncio.wait([impl.Task(step(number), loop=loop) for number in range(3)])

        if watches:
            loop.add_reader(loop._csock, print)
        main = impl.Task(main(), loop=loop)
        loop.call_later(10, main.cancel)
        loop.run_until_complete(main)
        if watches:
            loop.remove_reader(loop._csock)
        return log, ending(main)

    log, ended = assert_like_builtin_on("asyncio", scenario, impl)
    assert len(log) == 6 and ended == ("returned", None)


def test_the_last_of_several_leaves_an_empty_queue(impl):
    def scenario(impl, loop, recorder):
        async def nothing():
            pass

        async def look():
            return len(loop._ready)

        tasks = [impl.Task(it, loop=loop) for it in (nothing(), nothing(), nothing(), look())]
        for _ in range(3):
            loop.call_soon(loop.stop)
            loop.run_forever()
        return tasks[-1].result()

    # One for `stop()`; none of those that have been run.
    assert assert_like_builtin_on("asyncio", scenario, impl) == 1


def test_a_loop_that_is_closed_while_it_is_run_by_hand(impl):
    def scenario(impl, loop, recorder):
        async def main():
            await asyncio.sleep(0)
            loop.close()
            await asyncio.sleep(0)

        task = impl.Task(main(), loop=loop)
        asyncio._set_running_loop(loop)
        try:
            loop._run_once()
            loop._run_once()
        finally:
            asyncio._set_running_loop(None)
        ended = ending(task)
        task._log_destroy_pending = False
        return ended, [str(context["exception"]) for context in recorder.take()]

    _, errors = assert_like_builtin_on("asyncio", scenario, impl)
    assert errors == ["Event loop is closed"]


# Debug mode


def test_debug_mode_is_off_where_it_is_false_in_any_way(impl, caplog):
    def scenario(impl, loop, recorder):
        caplog.clear()
        loop.slow_callback_duration = 0

        async def step(number):
            if number == 0:
                loop.set_debug(0)

        tasks = [impl.Task(step(number), loop=loop) for number in range(3)]
        loop.run_until_complete(asyncio.wait(tasks))
        loop.set_debug(False)
        return [record.getMessage() for record in caplog.records]

    with caplog.at_level(logging.WARNING, "asyncio"):
        assert assert_like_builtin_on("asyncio", scenario, impl) == []


def test_a_handle_that_was_made_otherwise(impl):
    """Somebody counts them."""

    def scenario(impl, loop, recorder):
        made, original = [], asyncio.Handle.__init__

        def counted(self, *args, **kwargs):
            made.append(1)
            original(self, *args, **kwargs)

        with mock.patch.object(asyncio.Handle, "__init__", counted):
            loop.run_until_complete(impl.Task(steps(10), loop=loop))
        return len(made)

    assert assert_like_builtin_on("asyncio", scenario, impl) >= 10
