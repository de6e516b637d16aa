"""The order in which a stock loop runs what is ready, whoever made it ready.

Ready tasks may share an entry of the loop's queue, and passes of the loop may be left out: nothing
of that may be seen. Each scenario runs on the interpreter's classes and on ours.
"""

import asyncio
import contextvars
import gc
import logging
import socket
import threading

import pytest
from support import adopt, answer, new_loop, run_passes
from support.tasks import assert_like_builtin, ending, supervised_loop


async def steps(log, name, count=3):
    for number in range(count):
        log.append((name, number))
        await asyncio.sleep(0)


async def waiting(log, name, future):
    try:
        log.append((name, await future))
    except asyncio.CancelledError:
        log.append((name, "cancelled"))


def make(impl, loop, log, names, count=3):
    return [impl.Task(steps(log, name, count), loop=loop, name=name) for name in names]


def give_up(task):
    """Lets go of a task that was never run."""
    task._log_destroy_pending = False
    task.get_coro().close()


# Against handles of others


def test_order_against_calls_of_others(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            def call(number):
                log.append(("call", number))
                if number < 3:
                    loop.call_soon(call, number + 1)

            make(impl, loop, log, "ab")
            loop.call_soon(call, 0)
            make(impl, loop, log, "cd")
            loop.call_soon(call, 2)
            run_passes(loop, 6)
        return log

    assert_like_builtin(scenario, impl)


def test_what_becomes_ready_in_a_pass_waits_for_the_next(impl):
    """Also when it becomes ready while a call of somebody else runs, behind which tasks wait."""

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):
            futures = [impl.Future(loop=loop) for _ in range(4)]
            for number, future in enumerate(futures):
                impl.Task(waiting(log, number, future), loop=loop)
            run_passes(loop, 2)
            loop.call_soon(lambda: (futures[0].set_result("first pass"), loop.stop()))
            loop.call_soon(futures[1].set_result, "first pass")
            make(impl, loop, log, "a", 1)
            loop.call_soon(futures[2].set_result, "first pass")
            loop.run_forever()
            log.append("stopped")
            loop.call_soon(lambda: (futures[3].set_result("second pass"), loop.stop()))
            loop.run_forever()
            log.append("stopped")
            run_passes(loop, 3)
        return log

    log = assert_like_builtin(scenario, impl)
    assert log[:2] == [("a", 0), "stopped"]


def test_timers_come_after_what_was_ready(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            async def main():
                make(impl, loop, log, "ab")
                loop.call_later(0, log.append, "timer")
                make(impl, loop, log, "c")
                for number in range(4):
                    log.append(("main", number))
                    await asyncio.sleep(0)

            loop.run_until_complete(impl.Task(main(), loop=loop))
        return log

    log = assert_like_builtin(scenario, impl)
    assert "timer" in log


def test_callbacks_and_wakeups_of_one_future(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):
            future = impl.Future(loop=loop)
            future.add_done_callback(lambda _: loop.call_soon(log.append, "later"))
            impl.Task(waiting(log, "early", future), loop=loop)
            run_passes(loop, 2)
            future.add_done_callback(lambda _: log.append("callback"))
            impl.Task(waiting(log, "late", future), loop=loop)
            future.set_result("result")
            future.add_done_callback(lambda _: log.append("too late"))
            run_passes(loop, 4)
        return log

    assert_like_builtin(scenario, impl)


def test_each_has_its_context(impl):
    variable = contextvars.ContextVar("variable", default="unset")

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            async def setting(name):
                variable.set(name)
                await asyncio.sleep(0)
                log.append((name, variable.get()))

            future = impl.Future(loop=loop)
            for name in ("x", "y"):
                impl.Task(setting(name), loop=loop)
                context = contextvars.Context()
                context.run(variable.set, f"callback of {name}")
                future.add_done_callback(lambda _: log.append(variable.get()), context=context)
            future.set_result(None)
            run_passes(loop, 3)
            log.append(variable.get())
        return log

    assert_like_builtin(scenario, impl)


# Ways out of a pass


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("stop")], ids=repr)
@pytest.mark.parametrize("how", ["step", "callback"])
def test_what_leaves_the_loop_loses_nothing(impl, leave, how):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, recorder):

            def out(_=None):
                raise leave

            async def leaving():
                out()

            async def main():
                make(impl, loop, log, "ab")
                if how == "step":
                    impl.Task(leaving(), loop=loop, name="leaving").add_done_callback(
                        lambda task: task.exception()
                    )
                else:
                    future = impl.Future(loop=loop)
                    future.add_done_callback(out)
                    future.set_result(None)
                make(impl, loop, log, "cd")

            task = impl.Task(main(), loop=loop)
            log.append(answer(loop.run_forever)[:2])
            log.append("left")
            run_passes(loop, 5)
            return log, ending(task), recorder.messages()

    log, *_ = assert_like_builtin(scenario, impl)
    assert log.index("left") > 0
    assert log[-1][0] == "d"


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("passes", [0, 1, 2, 100])
def test_a_task_that_leaves_the_loop_lives_as_long_as_what_it_has_raised(impl, passes, debug):
    """Also where the one before it has switched to debug mode."""

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, recorder):

            async def leaving():
                for _ in range(passes):
                    await asyncio.sleep(0)
                raise SystemExit(3)

            async def switching():
                for _ in range(passes):
                    await asyncio.sleep(0)
                loop.set_debug(debug)

            async def main():
                impl.Task(switching(), loop=loop)
                impl.Task(leaving(), loop=loop)

            impl.Task(main(), loop=loop)
            try:
                loop.run_forever()
            except SystemExit as error:
                log.append((str(error), recorder.messages()))
            gc.collect()
            log.append(recorder.messages())
        return log

    log = assert_like_builtin(scenario, impl)
    assert log == [("3", []), ["Task exception was never retrieved"]]


def test_an_error_in_a_step_is_reported_and_the_rest_runs(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, recorder):

            def failing(_):
                raise ValueError("message")

            async def main():
                make(impl, loop, log, "a")
                for _ in range(2):
                    future = impl.Future(loop=loop)
                    future.add_done_callback(failing)
                    future.set_result(None)
                make(impl, loop, log, "b")

            loop.run_until_complete(impl.Task(main(), loop=loop))
            run_passes(loop, 4)
            reports = recorder.take()
            shown = [
                (report["message"].split("(")[0], str(report["exception"]), "handle" in report)
                for report in reports
            ]
            return log, shown

    _, shown = assert_like_builtin(scenario, impl)
    assert len(shown) == 2


def test_stop_ends_the_pass_and_not_more(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            async def stopping():
                log.append("stop")
                loop.stop()
                await asyncio.sleep(0)
                log.append("after the stop")

            make(impl, loop, log, "a")
            impl.Task(stopping(), loop=loop)
            make(impl, loop, log, "b")
            for _ in range(4):
                loop.call_soon(log.append, "run again")
                loop.run_forever() if "stop" not in log else run_passes(loop)
                log.append("stopped")
        return log

    assert_like_builtin(scenario, impl)


def test_stop_by_a_task_that_is_alone(impl):
    """Nothing else is there: its passes need not be passes of the loop."""

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            async def alone():
                for number in range(300):
                    log.append(number)
                    if number % 100 == 50:
                        loop.stop()
                    await asyncio.sleep(0)

            task = impl.Task(alone(), loop=loop)
            for _ in range(3):
                loop.run_forever()
                log.append("stopped")
            loop.run_until_complete(task)
        return log

    assert_like_builtin(scenario, impl)


# Loops inside of steps


def test_a_pass_inside_of_a_step_goes_on_with_the_rest(impl):
    """As those do who let a loop run inside itself: with its private methods."""

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            def inside(task):
                log.append("in")
                asyncio.tasks._leave_task(loop, task)
                loop._run_once()
                asyncio.tasks._enter_task(loop, task)
                log.append("out")

            async def nesting():
                loop.call_soon(log.append, "call before")
                inside(asyncio.current_task())
                loop.call_soon(log.append, "call after")
                await asyncio.sleep(0)
                log.append("nesting goes on")

            async def main():
                make(impl, loop, log, "ab")
                impl.Task(nesting(), loop=loop)
                make(impl, loop, log, "cd")

            loop.run_until_complete(impl.Task(main(), loop=loop))
            run_passes(loop, 5)
        return log

    log = assert_like_builtin(scenario, impl)
    assert log.index("in") < log.index(("c", 0)) < log.index("out")


def test_what_is_ready_may_be_thrown_away(impl):
    log, tasks = [], []
    with supervised_loop(impl) as (loop, _):

        async def clearing():
            loop._ready.clear()
            log.append("cleared")

        async def main():
            make(impl, loop, log, "ab")
            impl.Task(clearing(), loop=loop)
            tasks.extend(make(impl, loop, log, "cd"))

        impl.Task(main(), loop=loop)
        asyncio._set_running_loop(loop)
        loop._run_once()
        answer(loop._run_once)  # the loop itself may miss what it has counted
        asyncio._set_running_loop(None)
        run_passes(loop, 3)
        for task in tasks:
            give_up(task)
    assert log[:3] == [("a", 0), ("b", 0), "cleared"]
    assert not {("c", 0), ("d", 0)} & set(log)


def test_what_is_ready_may_be_cancelled_by_its_handle(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):
            [task] = make(impl, loop, log, "a")
            [handle] = loop._ready
            seen = [handle.cancelled(), handle._cancelled, handle._context is not None]
            handle.cancel()
            seen += [handle.cancelled(), handle._cancelled]
            run_passes(loop, 2)
            give_up(task)
            return log, seen, task.done(), repr(handle)

    log, *_, shown = assert_like_builtin(scenario, impl)
    assert log == []
    assert shown == "<Handle cancelled>"


# Changes halfway


def test_debug_mode_switched_on_halfway(impl, caplog):
    """Every step that is still to be run in this pass is timed, one by one."""

    def scenario(impl):
        log = []
        caplog.clear()
        with supervised_loop(impl) as (loop, _):
            loop.slow_callback_duration = 0

            async def switching():
                loop.set_debug(True)

            async def main():
                make(impl, loop, log, ["a"], 1)
                impl.Task(switching(), loop=loop, name="switching")
                make(impl, loop, log, ["b", "c"], 1)

            task = impl.Task(main(), loop=loop, name="main")
            with caplog.at_level(logging.WARNING, logger="asyncio"):
                loop.run_until_complete(task)
                run_passes(loop, 2)
            loop.set_debug(False)
            slow = [record.getMessage() for record in caplog.records]
            named = [name for name in "abc" if any(f"name='{name}'" in text for text in slow)]
            return log, named

    _, named = assert_like_builtin(scenario, impl)
    assert named[-2:] == ["b", "c"]


def test_call_soon_replaced_halfway(impl):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):
            call_soon = loop.call_soon

            def noting(callback, *arguments, **options):
                log.append("call_soon")
                return call_soon(callback, *arguments, **options)

            async def replacing():
                loop.call_soon = noting

            async def main():
                make(impl, loop, log, "a")
                impl.Task(replacing(), loop=loop)
                make(impl, loop, log, "b")

            loop.run_until_complete(impl.Task(main(), loop=loop))
            run_passes(loop, 4)
            del loop.call_soon
        return log

    log = assert_like_builtin(scenario, impl)
    assert "call_soon" in log


def test_handles_that_are_watched(impl, monkeypatch):
    """Who replaces `Handle._run` sees every step."""

    def scenario(impl):
        log, seen = [], []
        run = asyncio.Handle._run

        def watched(handle):
            seen.append(type(handle).__name__)
            return run(handle)

        with supervised_loop(impl) as (loop, _):
            with monkeypatch.context() as patch:
                patch.setattr(asyncio.Handle, "_run", watched)
                make(impl, loop, log, "ab")
                run_passes(loop, 5)
            make(impl, loop, log, "c")
            run_passes(loop, 5)
        return log, seen

    _, seen = assert_like_builtin(scenario, impl)
    assert len(seen) >= 8


# Passes that are left out


def test_a_task_that_is_alone_lets_others_in(impl):
    """A thread, a timer and a file come to their turn beside a task that never waits."""
    loop = adopt(new_loop("asyncio"), impl)
    came = set()
    mine, other = socket.socketpair()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(came.add, "thread"))

    async def alone():
        await asyncio.sleep(0)
        thread.start()
        while "thread" not in came:
            await asyncio.sleep(0)
        loop.call_later(0.001, came.add, "timer")
        while "timer" not in came:
            await asyncio.sleep(0)
        loop.add_reader(mine, came.add, "file")
        other.send(b"x")
        while "file" not in came:
            await asyncio.sleep(0)
        loop.remove_reader(mine)

    loop.run_until_complete(impl.Task(alone(), loop=loop))
    thread.join()
    assert came == {"thread", "timer", "file"}
    for end in (mine, other):
        end.close()
    loop.close()


def test_signals_come_to_their_turn(impl):
    signal = pytest.importorskip("signal")
    loop = adopt(new_loop("asyncio"), impl)
    came = []
    loop.add_signal_handler(signal.SIGUSR1, came.append, "signal")

    async def alone():
        signal.raise_signal(signal.SIGUSR1)
        while not came:
            await asyncio.sleep(0)

    loop.run_until_complete(impl.Task(alone(), loop=loop))
    assert came == ["signal"]
    loop.remove_signal_handler(signal.SIGUSR1)
    loop.close()


def test_a_task_that_is_alone_takes_its_steps_in_passes(impl):
    """However many passes are left out, each step is one: what it made ready comes before it."""

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):

            async def answering(future, number):
                log.append(("answer", number))
                future.set_result(number)

            async def asking():
                for number in range(200):
                    future = impl.Future(loop=loop)
                    impl.Task(answering(future, number), loop=loop)
                    log.append(("asked", await future))

            loop.run_until_complete(impl.Task(asking(), loop=loop))
        return log

    assert_like_builtin(scenario, impl)
