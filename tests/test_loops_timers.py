"""A timer that is not due keeps no pass of a stock loop from being left out.

Nothing of that may be seen: what the loop would ask its clock, and tidy up, is done all the same.
Each scenario runs on the interpreter's classes and on ours.
"""

import asyncio
import math
import random
from fractions import Fraction

import pytest
import stopped_clock
from support import BuiltinFuture, run_passes
from support.tasks import assert_like_builtin_on
from test_loops_turns import run_main


@pytest.fixture(autouse=True)
def clock_goes_on():
    yield
    stopped_clock.go_on()


def stop_clock(loop, source):
    """Has the loop take for the time what `source()` returns."""
    if stopped_clock.is_in_place():
        stopped_clock.stop(source)
    else:
        loop.time = source


def test_the_time_of_the_loop_is_asked_for(impl):
    """A loop whose clock stands still until a test moves it, as test tools make them."""

    def scenario(impl, loop, recorder):
        log, now = [], 0.0
        stop_clock(loop, lambda: now)

        async def main():
            nonlocal now
            loop.call_later(10, log.append, "due")
            for number in range(30):
                log.append(number)
                if number == 12:
                    now += 10
                await asyncio.sleep(0)

        return run_main(impl, loop, main()), log

    _, log = assert_like_builtin_on("asyncio", scenario, impl)
    assert "due" in log


@pytest.mark.parametrize("number", [int, float, Fraction])
@pytest.mark.parametrize("moment", [int, float, Fraction])
def test_times_are_any_numbers(impl, number, moment):
    """aiohttp rounds the times of its timers up to whole seconds."""

    def scenario(impl, loop, recorder):
        log, now = [], 0
        stop_clock(loop, lambda: moment(now))

        async def main():
            nonlocal now
            loop.call_at(number(2), log.append, "due")
            for turn in range(12):
                log.append(turn)
                now += turn % 3 == 0
                await asyncio.sleep(0)

        return run_main(impl, loop, main()), log

    _, log = assert_like_builtin_on("asyncio", scenario, impl)
    assert "due" in log


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_time_of_whole_seconds_on_the_clock_of_the_loop(impl, loop_name):
    def scenario(impl, loop, recorder):
        log = []

        async def main():
            timer = loop.call_at(math.ceil(loop.time() + 3600), log.append, "due")
            for turn in range(12):
                log.append(turn)
                await asyncio.sleep(0)
            timer.cancel()

        return run_main(impl, loop, main()), log, [str(one) for one in recorder.take()]

    assert_like_builtin_on(loop_name, scenario, impl)


def test_timers_of_the_same_time_keep_their_order(impl):
    """It depends on when those that were cancelled have left the heap."""

    def scenario(impl, loop, recorder):
        log, now = [], 0.0
        choose = random.Random(20261127)
        stop_clock(loop, lambda: now)

        async def main():
            nonlocal now
            timers = []
            for number in range(400):
                what = choose.random()
                if what < 0.4:
                    due = now + choose.choice((1.0, 2.0, 3.0))
                    timers.append(loop.call_at(due, log.append, number))
                elif what < 0.6 and timers:
                    timers.pop(choose.randrange(len(timers))).cancel()
                elif what < 0.7:
                    now += 1.0
                await asyncio.sleep(0)
            left = len(loop._scheduled), loop._timer_cancelled_count
            for timer in timers:
                timer.cancel()
            return left

        return run_main(impl, loop, main()), log

    _, log = assert_like_builtin_on("asyncio", scenario, impl)
    assert len(log) > 50


@pytest.mark.parametrize("error", [ArithmeticError("no time"), KeyboardInterrupt("now")])
@pytest.mark.parametrize("once", [False, True])
def test_what_the_clock_of_the_loop_raises_leaves_the_loop(impl, error, once):
    """An interrupt may hit the program while it asks for the time: it must not be lost."""

    def scenario(impl, loop, recorder):
        log, time = [], loop.time

        def broken():
            if once:
                loop.time = time
            raise error

        async def main():
            timer = loop.call_later(3600, print)
            for number in range(10):
                log.append(number)
                if number == 5:
                    loop.time = broken
                await asyncio.sleep(0)
            timer.cancel()

        task = impl.Task(main(), loop=loop)
        try:
            loop.run_until_complete(task)
        except (ArithmeticError, KeyboardInterrupt) as seen:
            log.append(str(seen))
        loop.time = time
        loop.run_until_complete(task)
        return log

    log = assert_like_builtin_on("asyncio", scenario, impl)
    assert log.index(str(error)) == 6


@pytest.mark.parametrize("error", [ArithmeticError("no time"), KeyboardInterrupt("now")])
@pytest.mark.parametrize("once", [False, True])
def test_the_same_after_a_wake_up_by_a_built_in_future(impl, error, once):
    def scenario(impl, loop, recorder):
        log, time = [], loop.time

        def broken():
            if once:
                loop.time = time
            raise error

        async def first():
            await woken
            log.append("first")
            ready.set_result(None)
            loop.time = broken

        async def second():
            await ready
            log.append("second")

        woken, ready = BuiltinFuture(loop=loop), impl.Future(loop=loop)
        loop.call_later(3600, print)
        impl.Task(first(), loop=loop)
        task = impl.Task(second(), loop=loop)
        run_passes(loop, 2)
        loop.call_soon(woken.set_result, None)
        try:
            loop.run_until_complete(task)
        except (ArithmeticError, KeyboardInterrupt) as seen:
            log.append(str(seen))
        loop.time = time
        loop.run_until_complete(task)
        return log, [context["message"] for context in recorder.take()]

    log, _ = assert_like_builtin_on("asyncio", scenario, impl)
    assert log == ["first", str(error), "second"]
