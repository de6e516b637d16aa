"""uvloop: a handle that was run is used again, and looks at nothing are left out.

Nothing of that may be seen but how much the loop has to do. Each scenario runs on the interpreter's
classes and on ours.
"""

import asyncio
import collections
import gc
import os
import threading

import pytest
from support import implementation, run_passes
from support.alone import alone, looks
from support.tasks import assert_like_builtin_on, ending, supervised_loop

pytest.importorskip("uvloop")


@pytest.fixture
def like_builtin(impl):
    """Runs `scenario(impl, loop, recorder)` on uvloop; asserts that it gives what it should."""
    return lambda scenario: assert_like_builtin_on("uvloop", scenario, impl)


def queue(loop):
    (queue,) = (it for it in gc.get_referents(loop) if type(it) is collections.deque)
    return queue


async def steps(count, each=lambda: None):
    for _ in range(count):
        each()
        await asyncio.sleep(0)


async def ping_pong(futures, own, other, count):
    for _ in range(count):
        await futures[own]
        futures[own] = asyncio.get_running_loop().create_future()
        futures[other].set_result(None)


def make_ping_pong(impl, loop, count):
    futures = [impl.Future(loop=loop), impl.Future(loop=loop)]
    tasks = [impl.Task(ping_pong(futures, *pair, count), loop=loop) for pair in ((0, 1), (1, 0))]
    futures[0].set_result(None)
    return tasks


def looks_during(impl, prepare=lambda loop: None):
    """How often the loop looks while a task makes 200 steps."""
    with supervised_loop(impl, "uvloop") as (loop, _):
        seen = []

        async def main():
            undo = prepare(loop)
            await steps(10)  # what was prepared is watched by now
            seen.append(looks(loop))
            await steps(200)
            seen.append(looks(loop))
            if undo:
                undo()

        loop.run_until_complete(impl.Task(main(), loop=loop))
        return seen[1] - seen[0]


def run_main(impl, loop, main):
    task = impl.Task(main, loop=loop)
    loop.run_until_complete(task)
    return ending(task)


@alone
def test_looks_at_nothing_are_left_out():
    assert looks_during(implementation("builtin")) == 200
    assert looks_during(implementation("rust")) in range(1, 10)


def with_timers(count):
    def prepare(loop):
        timers = [loop.call_later(3600, print) for _ in range(count)]
        return lambda: [timer.cancel() for timer in timers]

    return prepare


def with_a_file(loop):
    reading, writing = os.pipe()
    loop.add_reader(reading, print)

    def undo():
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)

    return undo


def with_a_file_and_a_timer(loop):
    undoings = with_a_file(loop), with_timers(1)(loop)
    return lambda: [undo() for undo in undoings]


@alone
@pytest.mark.parametrize("count", [1, 4])
def test_timers_of_later_need_no_look(count):
    assert looks_during(implementation("rust"), with_timers(count)) in range(1, 10)


@pytest.mark.parametrize("prepare", [with_a_file, with_a_file_and_a_timer, with_timers(5)])
def test_a_loop_that_watches_something_looks_each_time(prepare):
    assert looks_during(implementation("rust"), prepare) == 200


def test_a_loop_in_debug_mode_looks_each_time():
    assert looks_during(implementation("rust"), lambda loop: loop.set_debug(True)) == 200


def test_calls_from_another_thread_come_through(like_builtin):
    def scenario(impl, loop, recorder):
        called = []

        async def main():
            thread = threading.Thread(
                target=lambda: loop.call_soon_threadsafe(called.append, "called")
            )
            thread.start()
            while not called:
                await asyncio.sleep(0)
            thread.join()
            return called

        return run_main(impl, loop, main())

    like_builtin(scenario)


def handles_seen(impl):
    """The handles that the loop has in its queue for 100 steps of two tasks."""
    with supervised_loop(impl, "uvloop") as (loop, _):
        timer = loop.call_later(3600, print)
        seen = []

        async def main():
            entries = queue(loop)

            def look():
                seen.append(entries[-1])
                if not all(task.done() for task in both):
                    loop.call_soon(look)

            both = [impl.Task(steps(50), loop=loop) for _ in range(2)]
            loop.call_soon(look)
            await asyncio.wait(both)

        loop.run_until_complete(impl.Task(main(), loop=loop))
        timer.cancel()
        assert len(seen) >= 50
        return len({id(handle) for handle in seen})


def test_handles_are_used_again():
    assert handles_seen(implementation("builtin")) >= 40
    assert handles_seen(implementation("rust")) <= 6


def test_a_file_that_can_be_read_is_seen_at_once(like_builtin):
    def scenario(impl, loop, recorder):
        reading, writing = os.pipe()
        log = []

        async def main():
            tasks = make_ping_pong(impl, loop, 500)
            tasks.append(impl.Task(steps(500, lambda: log.append("step")), loop=loop))
            await steps(5)
            os.write(writing, b"?")
            loop.add_reader(reading, log.append, "read")
            while "read" not in log:
                await asyncio.sleep(0)
            loop.remove_reader(reading)
            await asyncio.wait(tasks)
            return log.index("read")

        try:
            return run_main(impl, loop, main())
        finally:
            os.close(reading)
            os.close(writing)

    like_builtin(scenario)


def test_a_loop_that_is_stopped_in_between_loses_nothing(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def stopping():
            number = 0
            while not all(task.done() for task in both):
                number += 1
                await steps(number)
                log.append(number)
                loop.stop()

        both = make_ping_pong(impl, loop, 100)
        task = impl.Task(stopping(), loop=loop)
        while not task.done():
            loop.run_forever()
            log.append("stopped")
            run_passes(loop, 1)
        tasks = [*both, task]
        return log, [ending(task) for task in tasks]

    like_builtin(scenario)


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("stop")], ids=repr)
def test_what_leaves_the_loop_in_between_loses_nothing(like_builtin, leave):
    def scenario(impl, loop, recorder):
        log = []

        async def leaving():
            await steps(7)
            raise leave

        task = impl.Task(leaving(), loop=loop)
        tasks = make_ping_pong(impl, loop, 20)
        others = [impl.Task(steps(20, lambda: log.append("step")), loop=loop) for _ in range(3)]
        try:
            loop.run_forever()
        except BaseException as error:
            log.append(type(error).__name__)
        task.exception()
        run_passes(loop, 100)
        return log, [ending(task) for task in (*tasks, *others)]

    log, _ = like_builtin(scenario)
    assert log.count("step") == 60
    assert log.index(type(leave).__name__) in range(15, 30)


def test_call_soon_that_is_replaced_in_between_is_called(like_builtin):
    def scenario(impl, loop, recorder):
        calls = []
        class_has = type(loop).call_soon

        def call_soon(callback, *args, context=None):
            calls.append(1)
            return class_has(loop, callback, *args, context=context)

        async def main():
            tasks = make_ping_pong(impl, loop, 100)
            await steps(20)
            loop.call_soon = call_soon
            await steps(20)
            del loop.call_soon
            await asyncio.wait(tasks)
            return len(calls) >= 20

        return run_main(impl, loop, main())

    like_builtin(scenario)


def test_what_a_callback_of_shield_raises_is_told_in_the_words_of_the_loop(like_builtin):
    def scenario(impl, loop, recorder):
        async def nothing():
            pass

        async def main():
            outer = asyncio.shield(nothing())
            await steps(1)
            outer.set_result("by somebody else")
            await steps(3)
            return outer.result()

        with impl.in_force():
            outcome = run_main(impl, loop, main())
        return outcome, [
            (it["message"].split(" at ")[0], repr(it["handle"])) for it in recorder.take()
        ]

    _, [(message, handle)] = like_builtin(scenario)
    assert "_inner_done_callback" in message
    assert "_inner_done_callback" in handle
