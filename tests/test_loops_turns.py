"""What becomes ready while a loop runs a wake-up, a callback or a task, of either kind.

It may be run together, and by fewer passes of the loop. Nothing of that may be seen but how much
the loop has to do. Each scenario runs on the interpreter's classes and on ours.
"""

import asyncio
import contextlib
import contextvars
import functools
import socket
import threading
import weakref

import pytest
from support import BuiltinFuture, BuiltinTask, implementation, run_passes
from support.alone import alone, passes_of
from support.tasks import assert_like_builtin_on, ending, supervised_loop

variable = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(params=["asyncio", "uvloop"])
def kind(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def like_builtin(impl, kind):
    """Runs `scenario(impl, loop, recorder)`; asserts that it gives what it should."""
    return lambda scenario: assert_like_builtin_on(kind, scenario, impl)


def run_main(impl, loop, main):
    task = impl.Task(main, loop=loop)
    loop.run_until_complete(task)
    run_passes(loop, 3)
    return ending(task)


async def play(log, make, futures, own, count):
    """A player of ping-pong, whose futures `make()` makes."""
    for number in range(count):
        await futures[own]
        log.append((own, number))
        futures[own] = make()
        futures[1 - own].set_result(None)


def start(impl, loop, mixture, log, count):
    """Two players of both kinds; returns their tasks."""
    own, builtin = (functools.partial(cls, loop=loop) for cls in (impl.Future, BuiltinFuture))
    classes, makers = {
        "tasks": ((impl.Task, BuiltinTask), (own, own)),
        "futures": ((impl.Task, impl.Task), (own, builtin)),
        "crossed": ((impl.Task, BuiltinTask), (builtin, own)),
        "futures of one": ((BuiltinTask, BuiltinTask), (own, builtin)),
    }[mixture]
    futures = [make() for make in makers]
    tasks = [classes[own](play(log, makers[own], futures, own, count), loop=loop) for own in (0, 1)]
    futures[0].set_result(None)
    return tasks


MIXTURES = ("tasks", "futures", "crossed", "futures of one")


# Passes


def passes_to_play(impl, kind, mixture, prepare=lambda loop: None):
    """How many passes the loop makes for 100 rounds of both players."""
    with supervised_loop(impl, kind) as (loop, _):

        async def main():
            await asyncio.sleep(0)
            tasks = start(impl, loop, mixture, [], 100)
            undo = prepare(loop)
            with passes_of(loop) as passes:
                await asyncio.wait(tasks)
            if undo:
                undo()
            return passes[0]

        return loop.run_until_complete(impl.Task(main(), loop=loop))


@alone
@pytest.mark.parametrize(("mixture", "most"), [("tasks", 30), ("futures", 120), ("crossed", 120)])
def test_passes_are_left_out_where_half_is_built_in(kind, mixture, most):
    assert passes_to_play(implementation("builtin"), kind, mixture) >= 200
    assert passes_to_play(implementation("rust"), kind, mixture) <= most


@alone
@pytest.mark.parametrize(("mixture", "most"), [("tasks", 30), ("futures", 120), ("crossed", 120)])
def test_a_timer_of_later_needs_no_pass(kind, mixture, most):
    def with_a_timer(loop):
        return loop.call_later(3600, print).cancel

    assert passes_to_play(implementation("rust"), kind, mixture, with_a_timer) <= most


@pytest.mark.parametrize("mixture", MIXTURES)
def test_a_loop_that_watches_a_file_makes_every_pass(kind, mixture):
    def with_a_file(loop):
        ours, theirs = socket.socketpair()
        loop.add_reader(ours, print)

        def undo():
            loop.remove_reader(ours)
            ours.close()
            theirs.close()

        return undo

    assert passes_to_play(implementation("rust"), kind, mixture, with_a_file) >= 200


@pytest.mark.parametrize("mixture", MIXTURES)
def test_a_loop_in_debug_mode_makes_every_pass(kind, mixture):
    def debug(loop):
        loop.set_debug(True)

    assert passes_to_play(implementation("rust"), kind, mixture, debug) >= 200


# Order


@pytest.mark.parametrize("mixture", MIXTURES)
def test_players_of_both_kinds_beside_calls_and_callbacks(like_builtin, mixture):
    def scenario(impl, loop, recorder):
        log = []

        async def main():
            tasks = start(impl, loop, mixture, log, 50)
            tasks += start(impl, loop, mixture, log, 20)

            def again(left):
                log.append("call")
                if left:
                    loop.call_soon(again, left - 1)

            again(7)
            for _ in range(10):
                await asyncio.sleep(0)
                future = impl.Future(loop=loop)
                for name in "abc":
                    future.add_done_callback(lambda _, name=name: log.append(name))
                future.set_result(None)
                loop.call_soon(log.append, "after")
                impl.Task(asyncio.sleep(0), loop=loop).add_done_callback(lambda _: log.append("d"))
            await asyncio.wait(tasks)

        return run_main(impl, loop, main()), log

    _, log = like_builtin(scenario)
    assert len(log) == 2 * 70 + 8 + 10 * 5


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("between", [0, 1, 2])
def test_what_others_put_between_stays_there(like_builtin, before, between):
    """Callbacks and tasks are ready in turns with calls, while other calls wait in the queue."""

    def scenario(impl, loop, recorder):
        log = []

        async def step(name):
            log.append(name)
            await asyncio.sleep(0)
            log.append(name.upper())

        async def main():
            future = impl.Future(loop=loop)
            for number in range(4):
                future.add_done_callback(lambda _, number=number: log.append(number))
            for _ in range(3):
                for number in range(before):
                    loop.call_soon(log.append, f"before {number}")
                await asyncio.sleep(0)
                for name in "abc":
                    impl.Task(step(name), loop=loop)
                    for number in range(between):
                        loop.call_soon(log.append, f"between {number}")
                if not future.done():
                    future.set_result(None)

        return run_main(impl, loop, main()), log

    _, log = like_builtin(scenario)
    assert len(log) == 3 * (before + 2 * 3 + between * 3) + 4


def test_two_loops_that_run_in_turns(impl, kind):
    """What one loop has ready waits while the other one runs; each has its own queue."""

    def scenario(impl, loop, recorder):
        log = []
        with supervised_loop(impl, kind) as (other, _):

            async def stepping(name, stop):
                for number in range(12):
                    log.append((name, number))
                    await asyncio.sleep(0)
                    if number % 3 == 1:
                        stop()

            tasks = [
                impl.Task(stepping(f"{name}{number}", its.stop), loop=its)
                for name, its in (("one", loop), ("other", other))
                for number in range(3)
            ]
            while not all(task.done() for task in tasks):
                loop.run_forever()
                other.run_forever()
                for its in (loop, other):
                    its.call_soon(its.stop)
            return log

    assert len(assert_like_builtin_on(kind, scenario, impl)) == 6 * 12


# Timers


@pytest.mark.parametrize("mixture", MIXTURES)
def test_a_timer_that_is_due_is_not_late(like_builtin, mixture):
    """It is due while a step runs; then it is called as many steps later as ever."""

    def scenario(impl, loop, recorder):
        class Log(list):
            def append(self, entry):
                super().append(entry)
                if entry in ((0, 3), (1, 7), (0, 12)):
                    due = loop.call_later(0.001, super().append, "due")
                    while loop.time() < due.when() + 0.002:
                        pass

        log = Log()

        async def main():
            later = loop.call_later(3600, print)
            await asyncio.wait(start(impl, loop, mixture, log, 20))
            later.cancel()

        return run_main(impl, loop, main()), log

    _, log = like_builtin(scenario)
    assert log.count("due") == 3


# What goes wrong


def told(recorder):
    return [
        (
            context["message"].split(" at ")[0],
            repr(context["exception"]),
            repr(context["handle"]).split(" at ")[0],
        )
        for context in recorder.take()
    ]


def test_what_callbacks_raise_is_told_in_the_words_of_the_loop(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        def first(future):
            raise ValueError("first")

        def second(future):
            raise KeyError("second")

        def in_a_context(future):
            log.append(variable.get())
            raise LookupError("third")

        async def main():
            context = contextvars.copy_context()
            context.run(variable.set, "set")
            future = impl.Future(loop=loop)
            for callback in (first, log.append, second, log.append):
                future.add_done_callback(callback)
            future.add_done_callback(in_a_context, context=context)
            future.add_done_callback(lambda _: log.append("last"))
            future.set_result(None)
            await asyncio.sleep(0)
            log.append("main")
            await asyncio.sleep(0)

        return run_main(impl, loop, main()), [str(it)[:6] for it in log], told(recorder)

    _, log, reports = like_builtin(scenario)
    assert log == ["<Futur", "<Futur", "set", "last", "main"]
    assert [exception for _, exception, _ in reports] == [
        "ValueError('first')",
        "KeyError('second')",
        "LookupError('third')",
    ]


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("stop")], ids=repr)
@pytest.mark.parametrize("where", ["callback", "task", "woken"])
def test_what_leaves_the_loop_loses_nothing_and_keeps_the_order(like_builtin, leave, where):
    def scenario(impl, loop, recorder):
        log = []

        def leaving(_):
            log.append("leaving")
            raise leave

        async def leaves(awaitable):
            await awaitable
            ready.set_result(None)
            loop.call_soon(log.append, "call of the one that leaves")
            leaving(None)

        async def main():
            for _ in range(3):
                await asyncio.sleep(0)
            ready.set_result(None)

        async def waits(name, future):
            await future
            log.append(name)
            await asyncio.sleep(0)
            log.append(name.upper())

        first, ready = impl.Future(loop=loop), impl.Future(loop=loop)
        waked = BuiltinFuture(loop=loop) if where == "woken" else first
        tasks = [impl.Task(waits(name, first), loop=loop) for name in "ab"]
        if where == "callback":
            first.add_done_callback(leaving)
            loop.call_soon(ready.set_result, None)
        else:
            tasks.append(impl.Task(leaves(waked), loop=loop))
        tasks += [impl.Task(waits(name, first), loop=loop) for name in "cd"]
        tasks += [impl.Task(waits(name, ready), loop=loop) for name in "ef"]
        first.add_done_callback(lambda _: log.append("callback"))
        run_passes(loop, 2)
        with contextlib.suppress(asyncio.InvalidStateError):
            waked.set_result(None)
        with contextlib.suppress(asyncio.InvalidStateError):
            first.set_result(None)
        try:
            run_passes(loop, 5)
        except BaseException as error:
            log.append(type(error).__name__)
        for _ in range(10):
            run_passes(loop, 1)
            log.append("pass")
        for task in tasks:
            task.done() and task.exception()
        return log, [ending(task) for task in tasks]

    log, _ = like_builtin(scenario)
    assert log.count("leaving") == 1
    assert type(leave).__name__ in log
    assert set("abcdefABCDEF") <= set(log)


@pytest.mark.parametrize("running", [False, True])
def test_a_wake_up_that_is_called_by_hand_runs_nothing_else(like_builtin, running):
    """Outside of the loop, or of its thread: what becomes ready by that waits for the loop."""

    def scenario(impl, loop, recorder):
        log = []

        async def waits(future):
            await future
            log.append("woken")
            ready.set_result(None)
            log.append("ready")

        async def other():
            await ready
            log.append("other")

        def by_hand():
            try:
                context.run(wakeup, future)
            except RuntimeError:  # 3.14: the loop is not the one of this thread
                log.append("refused")
            log.append("by hand")

        def in_another_thread():
            thread = threading.Thread(target=by_hand)
            thread.start()
            thread.join()
            loop.stop()

        ready, future = impl.Future(loop=loop), BuiltinFuture(loop=loop)
        tasks = [impl.Task(waits(future), loop=loop), impl.Task(other(), loop=loop)]
        run_passes(loop, 2)
        ((wakeup, context),) = future._callbacks
        assert future.remove_done_callback(wakeup) == 1
        future.set_result(None)
        if running:
            loop.call_soon(in_another_thread)
            loop.run_forever()
        else:
            by_hand()
        run_passes(loop, 3)
        outcomes = [ending(task) for task in tasks]
        for task in tasks:
            task.cancel()
        run_passes(loop, 3)
        return log, outcomes

    log, _ = like_builtin(scenario)
    assert log in (["woken", "ready", "by hand", "other"], ["refused", "by hand"])


# What goes


class Thing:
    """Tells when it goes."""

    def __init__(self, log, name):
        self.log, self.name = log, name

    def __del__(self):
        self.log.append(f"{self.name} goes")


@pytest.mark.parametrize("woken_by", ["own", "built-in"])
@pytest.mark.parametrize("what", ["task", "result", "context", "future"])
def test_what_a_step_lets_go_goes_at_once(like_builtin, what, woken_by):
    """Not when the turn ends in which other tasks go on."""

    def scenario(impl, loop, recorder):
        log = []
        make = {"own": impl.Future, "built-in": BuiltinFuture}[woken_by]

        async def other(count):
            for number in range(count):
                log.append(number)
                await asyncio.sleep(0)

        async def ends(future):
            if what == "context":
                variable.set(Thing(log, what))
            await future
            del future
            for number in range(3):
                log.append(("step", number))
                ready[number].set_result(None)
                await asyncio.sleep(0)
            log.append("end")
            return Thing(log, what) if what == "task" else None

        async def waits(number):
            await ready[number]
            log.append(("ready", number))
            await other(10 * (number == 0))

        def begin():
            future = make(loop=loop)
            impl.Task(ends(future), loop=loop)
            if what == "future":
                weakref.finalize(future, log.append, "future goes")
            return future

        ready = [impl.Future(loop=loop) for _ in range(3)]
        tasks = [impl.Task(waits(number), loop=loop) for number in range(3)]
        main = impl.Task(asyncio.wait(tasks), loop=loop)
        future = begin()
        run_passes(loop, 3)
        loop.call_soon(future.set_result, Thing(log, what) if what == "result" else None)
        del future
        loop.run_until_complete(main)
        return log

    log = like_builtin(scenario)
    assert f"{what} goes" in log
