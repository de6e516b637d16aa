"""uvloop: tasks that become ready one after the other may share one call of its `call_soon()`.

Nothing of that may be seen but how much the loop has to do. Each scenario runs on the interpreter's
classes and on ours.
"""

import asyncio
import collections
import contextvars
import gc

import pytest
from support import answer, implementation, run_passes
from support.tasks import assert_like_builtin_on, ending, supervised_loop

pytest.importorskip("uvloop")

variable = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(scope="module", autouse=True)
def memory_that_is_known():
    """What uvloop keeps to itself is compared with what it tells when its first loop runs."""
    impl = implementation("rust")
    with supervised_loop(impl, "uvloop") as (loop, _):

        async def main():
            await asyncio.sleep(0)

        loop.run_until_complete(impl.Task(main(), loop=loop))


@pytest.fixture
def like_builtin(impl):
    """Runs `scenario(impl, loop, recorder)` on uvloop; asserts that it gives what it should."""
    return lambda scenario: assert_like_builtin_on("uvloop", scenario, impl)


def entries(loop):
    """How many entries the queue of the loop has."""
    (queue,) = (it for it in gc.get_referents(loop) if type(it) is collections.deque)
    return len(queue)


async def steps(log, name, count=3):
    for number in range(count):
        log.append((name, number))
        await asyncio.sleep(0)


def make(impl, loop, log, names, count=3):
    return [impl.Task(steps(log, name, count), loop=loop, name=name) for name in names]


def run_main(impl, loop, main, passes=12):
    """Runs the coroutine `main` as a task and then a few passes more; returns how it ended."""
    task = impl.Task(main, loop=loop)
    run_passes(loop, passes)
    return ending(task)


def test_tasks_share_an_entry_of_the_queue():
    impl = implementation("rust")
    with supervised_loop(impl, "uvloop") as (loop, _):
        log, seen = [], []

        async def main():
            loop.call_soon(lambda: seen.append(entries(loop)))
            make(impl, loop, log, "abcdefgh")
            loop.call_soon(lambda: seen.append(entries(loop)))
            await asyncio.sleep(0)

        task = impl.Task(main(), loop=loop)
        loop.run_until_complete(task)
        # The eight, the other call and main; those who have gone on, after main.
        assert seen == [3, 2]
        run_passes(loop, 5)
        assert len(log) == 8 * 3


# Order


def test_order_against_calls_of_others(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        def call(number):
            log.append(("call", number))
            if number < 3:
                loop.call_soon(call, number + 1)

        async def main():
            make(impl, loop, log, "abc")
            loop.call_soon(call, 0)
            make(impl, loop, log, "def")
            make(impl, loop, log, "g")
            loop.call_soon(call, 2)
            loop.call_soon_threadsafe(call, 3)
            make(impl, loop, log, "hi")

        return run_main(impl, loop, main()), log

    _, log = like_builtin(scenario)
    assert len(log) > 30


def test_order_against_futures_callbacks_and_timers(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def waiting(name, future):
            try:
                log.append((name, await future))
            except asyncio.CancelledError:
                log.append((name, "cancelled"))

        async def main():
            futures = [impl.Future(loop=loop) for _ in range(4)]
            for number, future in enumerate(futures):
                for name in "ab":
                    impl.Task(waiting(f"{name}{number}", future), loop=loop)
                future.add_done_callback(lambda future: log.append("callback"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            futures[0].set_result(0)
            futures[1].cancel()
            make(impl, loop, log, "xyz")
            futures[2].set_result(2)
            loop.call_soon(futures[3].set_result, 3)

        return run_main(impl, loop, main()), log

    like_builtin(scenario)


def test_order_of_generations_of_tasks(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def parent(name, depth):
            log.append(name)
            if depth:
                for child in "abc":
                    impl.Task(parent(name + child, depth - 1), loop=loop)
            await asyncio.sleep(0)
            log.append(name.upper())

        return run_main(impl, loop, parent("", 3), passes=20), log

    _, log = like_builtin(scenario)
    assert len(log) == 2 * (1 + 3 + 9 + 27)


# Ways out


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("stop")], ids=repr)
def test_what_leaves_the_loop_loses_nothing_and_keeps_the_order(like_builtin, leave):
    def scenario(impl, loop, recorder):
        log = []

        async def leaving():
            raise leave

        async def main():
            make(impl, loop, log, "abc")
            impl.Task(leaving(), loop=loop).add_done_callback(lambda task: task.exception())
            make(impl, loop, log, "def")
            loop.call_soon(log.append, "call")
            make(impl, loop, log, "ghi")

        task = impl.Task(main(), loop=loop)
        log.append(answer(loop.run_forever)[:2])
        log.append("left")
        run_passes(loop, 8)
        return log, ending(task), recorder.messages()

    log, *_ = like_builtin(scenario)
    assert log.count("left") == 1
    assert len(log) == 9 * 3 + 3


def test_a_loop_that_is_stopped_goes_on_where_it_was(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def stopping():
            log.append("stop")
            loop.stop()

        async def main():
            make(impl, loop, log, "abc")
            impl.Task(stopping(), loop=loop)
            make(impl, loop, log, "def")

        impl.Task(main(), loop=loop)
        loop.run_forever()
        log.append("stopped")
        run_passes(loop, 6)
        return log

    assert len(like_builtin(scenario)) == 6 * 3 + 2


def test_a_loop_that_is_closed_destroys_what_waits(like_builtin):
    def scenario(impl, loop, recorder):
        async def main():
            make(impl, loop, [], "abcdef")
            loop.stop()

        impl.Task(main(), loop=loop)
        loop.run_forever()
        loop.close()
        gc.collect()
        return recorder.messages()

    assert like_builtin(scenario).count("Task was destroyed but it is pending!") == 6


# Changes of the loop


def test_call_soon_of_the_object_is_called_for_each(like_builtin):
    def scenario(impl, loop, recorder):
        log, calls = [], []
        class_has = type(loop).call_soon

        def call_soon(callback, *args, context=None):
            calls.append(1)
            return class_has(loop, callback, *args, context=context)

        async def main():
            make(impl, loop, log, "abc")
            loop.call_soon = call_soon
            make(impl, loop, log, "def")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            del loop.call_soon
            return len(calls)

        return run_main(impl, loop, main()), log

    (_, calls), _ = like_builtin(scenario)
    assert calls > 12


def test_debug_mode_that_comes_and_goes(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def switch(mode):
            for _ in range(3):
                loop.set_debug(mode)
                log.append(mode)
                await asyncio.sleep(0)

        async def main():
            make(impl, loop, log, "abc")
            impl.Task(switch(True), loop=loop)
            make(impl, loop, log, "def")
            impl.Task(switch(False), loop=loop)
            make(impl, loop, log, "gh")

        return run_main(impl, loop, main()), log, recorder.messages()

    like_builtin(scenario)


# Contexts


def test_debug_mode_that_comes_before_a_report(like_builtin):
    """What became ready before that is reported as it is out of debug mode."""

    def scenario(impl, loop, reports):
        future = impl.Future(loop=loop)
        future.add_done_callback(lambda future: 1 / 0)

        async def main():
            future.set_result(None)
            loop.set_debug(True)

        loop.run_until_complete(impl.Task(main(), loop=loop))
        run_passes(loop, 1)
        debug = loop.get_debug()
        loop.set_debug(False)
        (report,) = reports.take()
        return debug, sorted(report), "created at" in repr(report["handle"])

    assert like_builtin(scenario) == (True, ["exception", "handle", "message"], False)


def test_every_step_has_its_own_context(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def setting(name):
            log.append((name, variable.get()))
            variable.set(name)
            await asyncio.sleep(0)
            log.append((name, variable.get()))

        async def main():
            for name in "abcde":
                impl.Task(setting(name), loop=loop)

        token = variable.set("outside")
        try:
            return run_main(impl, loop, main()), log, variable.get()
        finally:
            variable.reset(token)

    assert len(like_builtin(scenario)[1]) == 10


def test_what_a_task_leaves_behind_goes_outside_of_its_context(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        class Witness:
            def __del__(self):
                log.append(variable.get())

        async def leaving(name, witness):
            variable.set(name)
            raise ValueError(witness)

        async def main():
            for name in "abcd":
                impl.Task(leaving(name, Witness()), loop=loop)

        token = variable.set("outside")
        try:
            outcome = run_main(impl, loop, main())
        finally:
            variable.reset(token)
        return outcome, [report["message"] for report in recorder.take()], log

    _, messages, log = like_builtin(scenario)
    assert messages == ["Task exception was never retrieved"] * 4
    assert len(log) == 4
