"""The kinds of loops: futures and tasks run on all of them, through documented methods alone."""

import asyncio
import contextvars
import gc
import threading
import warnings

import pytest
from support import LOOP_KINDS, LoopMissing, adopt, answer, new_loop, run_passes
from support.tasks import assert_like_builtin

variable = contextvars.ContextVar("variable", default="unset")


async def value(result):
    return result


async def waiting(future):
    return await future


def loop_or_skip(kind, impl):
    try:
        return adopt(new_loop(kind), impl)
    except LoopMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def strict_loop(loop, loop_kind):
    """A loop of every kind that refuses calls once it is closed, and that SystemExit leaves."""
    if loop_kind == "rloop":
        pytest.skip("rloop takes calls when it is closed, and only reports SystemExit")
    return loop


# Everything at once


def test_programme_of_tasks_and_futures(loop, impl):
    log = []

    async def worker(number, started, go):
        started.set_result(number)
        log.append(await go)
        await asyncio.sleep(0)
        return number

    async def main():
        go = loop.create_future()
        starts = [loop.create_future() for _ in range(3)]
        workers = [loop.create_task(worker(n, starts[n], go)) for n in range(3)]
        assert await asyncio.gather(*starts) == [0, 1, 2]
        assert asyncio.all_tasks() == {asyncio.current_task(), *workers}
        go.set_result("go")
        return await asyncio.gather(*workers)

    assert loop.run_until_complete(main()) == [0, 1, 2]
    assert log == ["go"] * 3


def test_timers(loop, impl):
    async def main():
        started = loop.time()
        await asyncio.sleep(0.01)
        return loop.time() - started

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) > 0


def test_cancellation(loop, impl):
    async def main():
        task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
        await asyncio.sleep(0)
        task.cancel("because")
        with pytest.raises(asyncio.CancelledError, match="because"):
            await task

    loop.run_until_complete(impl.Task(main(), loop=loop))


def test_context_of_a_task_is_entered(loop, impl):
    context = contextvars.Context()

    async def main():
        variable.set("inside")
        await asyncio.sleep(0)
        return variable.get()

    task = impl.Task(main(), loop=loop, context=context)
    assert loop.run_until_complete(task) == "inside"
    assert context[variable] == "inside"
    assert variable.get() == "unset"


def test_ten_thousand_steps(loop, impl):
    async def main():
        for _ in range(10_000):
            await asyncio.sleep(0)
        return "arrived"

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == "arrived"


def test_loop_runs_again(loop, impl):
    first, second = impl.Future(loop=loop), impl.Future(loop=loop)

    async def main():
        return await first, await second

    task = impl.Task(main(), loop=loop)
    run_passes(loop, 2)
    first.set_result(1)
    run_passes(loop, 2)
    assert not task.done()
    assert not loop.is_running()
    second.set_result(2)
    run_passes(loop, 2)
    assert task.result() == (1, 2)


def test_stop_from_a_task(loop, impl):
    async def main():
        loop.stop()
        await asyncio.sleep(0)
        return "went on later"

    task = impl.Task(main(), loop=loop)
    loop.run_forever()
    if not task.done():
        run_passes(loop, 2)
    assert task.result() == "went on later"


def test_run_until_complete_that_is_stopped(loop, impl):
    future = impl.Future(loop=loop)
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(future)
    future.set_result("later")
    assert loop.run_until_complete(future) == "later"


def test_task_made_while_the_loop_stands_still(loop, impl):
    task = impl.Task(value("made early"), loop=loop)
    assert not task.done()
    run_passes(loop, 2)
    assert task.result() == "made early"


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("interrupted")], ids=repr)
def test_leaving_the_loop_from_a_task(strict_loop, impl, leave):
    async def main():
        raise leave

    task = impl.Task(main(), loop=strict_loop)
    with pytest.raises(type(leave)) as caught:
        strict_loop.run_forever()
    assert caught.value is leave
    assert task.exception() is leave
    # The loop is fit to go on.
    assert (
        strict_loop.run_until_complete(impl.Task(value("afterwards"), loop=strict_loop))
        == "afterwards"
    )


@pytest.mark.parametrize("leave", [SystemExit(3), KeyboardInterrupt("interrupted")], ids=repr)
def test_leaving_the_loop_from_a_callback(strict_loop, impl, leave):
    def callback(future):
        raise leave

    future = impl.Future(loop=strict_loop)
    future.add_done_callback(callback)
    future.set_result(None)
    with pytest.raises(type(leave)) as caught:
        strict_loop.run_forever()
    assert caught.value is leave
    assert (
        strict_loop.run_until_complete(impl.Task(value("afterwards"), loop=strict_loop))
        == "afterwards"
    )


# What is asked of a loop


def test_every_step_goes_through_call_soon_of_a_subclass(impl):
    loop = adopt(new_loop("subclass"), impl)
    future = impl.Future(loop=loop)

    async def main():
        await asyncio.sleep(0)
        return await future

    task = impl.Task(main(), loop=loop)
    assert loop.calls == 1  # the first step
    loop.call_soon(future.set_result, "result")
    assert loop.calls == 2
    loop.run_until_complete(task)
    # The second step, the wake-up, the callback of run_until_complete().
    assert loop.calls == 5
    loop.close()


def test_steps_go_through_call_soon_that_was_replaced_on_the_instance(impl):
    loop = adopt(new_loop("asyncio"), impl)
    calls, call_soon = [], loop.call_soon

    def counting(callback, *arguments, **keywords):
        calls.append(callback)
        return call_soon(callback, *arguments, **keywords)

    loop.call_soon = counting
    future = impl.Future(loop=loop)

    async def main():
        await asyncio.sleep(0)
        return await future

    task = impl.Task(main(), loop=loop)
    future.set_result(None)
    loop.run_until_complete(task)
    assert len(calls) == 3
    del loop.call_soon
    loop.close()


def test_steps_go_through_call_soon_that_was_replaced_on_the_class(impl, monkeypatch):
    calls, call_soon = [], asyncio.BaseEventLoop.call_soon

    def counting(self, callback, *arguments, **keywords):
        calls.append(callback)
        return call_soon(self, callback, *arguments, **keywords)

    loop = adopt(new_loop("asyncio"), impl)
    # A task before, a task while, and a task after it was replaced.
    loop.run_until_complete(impl.Task(value(1), loop=loop))
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.BaseEventLoop, "call_soon", counting)
        loop.run_until_complete(impl.Task(value(2), loop=loop))
        assert len(calls) == 2
    loop.run_until_complete(impl.Task(value(3), loop=loop))
    assert len(calls) == 2
    loop.close()


class SpyLoop:
    """Answers `get_debug()` and `call_soon()`, and notes whatever else is asked of it."""

    def __init__(self):
        self.asked = set()
        self.calls = []

    def __getattr__(self, name):
        self.asked.add(name)
        raise AttributeError(name)

    def get_debug(self):
        return False

    def call_soon(self, callback, *arguments, context):
        self.calls.append((callback, arguments, context))

    def run(self):
        while self.calls:
            callback, arguments, context = self.calls.pop(0)
            context.run(callback, *arguments)


def test_unknown_loop_is_asked_for_documented_methods_alone(impl):
    loop = SpyLoop()
    future = impl.Future(loop=loop)
    future.add_done_callback(lambda future: None)
    task = impl.Task(waiting(future), loop=loop)
    loop.run()
    future.set_result("result")
    loop.run()
    assert task.result() == "result"
    cancelled = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
    loop.run()
    cancelled.cancel()
    loop.run()
    assert cancelled.cancelled()
    assert {name for name in loop.asked if name.startswith("_")} == set()


def test_unknown_loop_may_be_unhashable_and_equal_to_everything(impl):
    class Odd(SpyLoop):
        def __eq__(self, other):
            return True

        __hash__ = None

    def scenario(impl):
        loop = Odd()
        future = impl.Future(loop=loop)
        future.add_done_callback(lambda future: None)
        future.set_result("result")
        loop.run()
        return future.result()

    assert_like_builtin(scenario, impl)


# Closed loops


def test_future_on_a_closed_loop(loop, impl):
    before = impl.Future(loop=loop)
    loop.close()
    future = impl.Future(loop=loop)
    # Nobody waits, so the loop is not asked for anything.
    for each in (before, future):
        each.set_result("still fine")
        assert each.result() == "still fine"


@pytest.mark.parametrize("end", ["set_result", "set_exception", "cancel"])
def test_finishing_with_callbacks_on_a_closed_loop(strict_loop, impl, end):
    future = impl.Future(loop=strict_loop)
    future.add_done_callback(print)
    strict_loop.close()
    argument = {"set_result": [1], "set_exception": [ValueError()], "cancel": []}[end]
    with pytest.raises(RuntimeError, match="Event strict_loop is closed"):
        getattr(future, end)(*argument)
    assert future.done()
    answer(future.exception)


def test_adding_a_callback_to_a_done_future_on_a_closed_loop(strict_loop, impl):
    future = impl.Future(loop=strict_loop)
    future.set_result(1)
    strict_loop.close()
    with pytest.raises(RuntimeError, match="Event strict_loop is closed"):
        future.add_done_callback(print)


def test_task_on_a_closed_loop(strict_loop, impl, errors):
    strict_loop.close()
    coroutine = value(1)
    with pytest.raises(RuntimeError, match="Event strict_loop is closed"):
        impl.Task(coroutine, loop=strict_loop)
    coroutine.close()
    gc.collect()
    # Half made, it was pending already.
    assert errors.messages() == ["Task was destroyed but it is pending!"]


def test_task_whose_loop_is_closed_before_its_end(strict_loop, impl, errors):
    future = impl.Future(loop=strict_loop)
    task = impl.Task(waiting(future), loop=strict_loop)
    run_passes(strict_loop, 2)
    strict_loop.close()
    with pytest.raises(RuntimeError, match="Event strict_loop is closed"):
        future.set_result("too late")
    assert not task.done()
    del task, future
    gc.collect()
    assert errors.messages() == ["Task was destroyed but it is pending!"]


def test_cancelling_a_task_whose_loop_is_closed(strict_loop, impl, errors):
    task = impl.Task(waiting(impl.Future(loop=strict_loop)), loop=strict_loop)
    run_passes(strict_loop, 2)
    strict_loop.close()
    with pytest.raises(RuntimeError, match="Event strict_loop is closed"):
        task.cancel()
    assert not task.done()
    del task
    gc.collect()
    assert errors.messages() == ["Task was destroyed but it is pending!"]


# Threads


def running_in_a_thread(loop):
    """Starts `loop` in a thread; returns a function that stops and joins it."""
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def stop():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    return stop


def test_finishing_from_another_thread(loop, impl):
    future = impl.Future(loop=loop)
    thread = threading.Thread(
        target=loop.call_soon_threadsafe, args=(future.set_result, "from a thread")
    )
    task = impl.Task(waiting(future), loop=loop)
    loop.call_soon(thread.start)
    assert loop.run_until_complete(task) == "from a thread"
    thread.join()


def test_cancelling_from_another_thread(loop, impl):
    task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(task.cancel, "thread"))
    loop.call_soon(thread.start)
    with pytest.raises(asyncio.CancelledError, match="thread"):
        loop.run_until_complete(task)
    thread.join()


def test_looking_at_a_task_of_another_thread(loop, impl):
    task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
    stop = running_in_a_thread(loop)
    try:
        assert not task.done()
        assert task in asyncio.all_tasks(loop)
        assert repr(task).startswith("<Task pending")
        assert task.get_loop() is loop
        assert isinstance(task.get_stack(), list)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        stop()
    run_passes(loop, 2)
    assert task.cancelled()


def test_two_loops_in_two_threads(loop_kind, impl):
    rounds, threads, totals, failures = 200, [], {}, []

    def serve(own, inbox, outbox, name):
        """Passes a number back and forth with the other thread, one future for each round."""

        async def main():
            total = 0
            for number in range(rounds):
                other_loop, other_future = outbox[number]
                other_loop.call_soon_threadsafe(other_future.set_result, number)
                total += await inbox[number][1]
                assert asyncio.current_task() is task
                assert asyncio.all_tasks() == {task}
            return total

        try:
            task = impl.Task(main(), loop=own)
            totals[name] = own.run_until_complete(task)
        except BaseException as error:
            failures.append(error)

    loops = [loop_or_skip(loop_kind, impl) for _ in range(2)]
    boxes = [[(each, impl.Future(loop=each)) for _ in range(rounds)] for each in loops]
    for number in range(2):
        arguments = (loops[number], boxes[number], boxes[1 - number], number)
        threads.append(threading.Thread(target=serve, args=arguments))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in loops:
        each.close()
    assert failures == []
    assert totals == {0: sum(range(rounds)), 1: sum(range(rounds))}


def test_making_tasks_in_many_threads(impl):
    """Each thread has a loop of its own; names and counts are shared by all."""
    names, failures, barrier = [], [], threading.Barrier(8)

    def work():
        async def named():
            return asyncio.current_task().get_name()

        async def main():
            barrier.wait()
            return [await impl.Task(named(), loop=loop) for _ in range(100)]

        loop = adopt(new_loop("asyncio"), impl)
        try:
            names.extend(loop.run_until_complete(main()))
        except BaseException as error:
            failures.append(error)
        finally:
            loop.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(names)) == 800


def test_loop_that_moves_to_another_thread(loop, impl):
    future = impl.Future(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop, 2)
    thread = threading.Thread(target=run_passes, args=(loop, 3))
    future.set_result("moved")
    thread.start()
    thread.join()
    assert task.result() == "moved"


# Which loop, when none is given


@pytest.fixture
def no_current_loop():
    asyncio.set_event_loop(None)
    yield
    asyncio.set_event_loop(None)


MAKE = pytest.mark.parametrize(
    "make",
    [lambda impl: impl.Future(), lambda impl: impl.Future(loop=None)],
    ids=["without", "None"],
)


@MAKE
def test_running_loop_is_taken(loop, impl, make):
    async def main():
        return make(impl)

    assert loop.run_until_complete(impl.Task(main(), loop=loop)).get_loop() is loop


def test_running_loop_is_taken_by_a_task(loop, impl):
    async def main():
        task = impl.Task(value("child"))
        assert task.get_loop() is loop
        return await task

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == "child"


def in_a_new_thread(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(answer(call)), name="loopless")
    thread.start()
    thread.join()
    return answers[0]


def with_warnings(call):
    """Returns the answer of `call` and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        given = answer(call)
    gc.collect()
    return given, [(warning.category, str(warning.message)) for warning in caught]


@pytest.mark.parametrize("where", ["main thread", "other thread"])
@pytest.mark.parametrize("kind", ["Future", "Task"])
def test_no_loop_at_all(impl, no_current_loop, where, kind):
    def make(impl):
        if kind == "Future":
            return impl.Future().get_loop()
        coroutine = value(1)
        try:
            return impl.Task(coroutine).get_loop()
        finally:
            coroutine.close()

    def scenario(impl):
        call = lambda: make(impl)  # noqa: E731
        return with_warnings(call if where == "main thread" else lambda: in_a_new_thread(call))

    given, _ = assert_like_builtin(scenario, impl)
    assert RuntimeError in (given[1] if given[0] == "returned" else given)


@MAKE
def test_current_loop_that_does_not_run(impl, no_current_loop, make):
    # Taken with or without a warning, depending on the version.
    loop = new_loop("asyncio")
    asyncio.set_event_loop(loop)

    def scenario(impl):
        return with_warnings(lambda: make(impl).get_loop() is loop)

    given, _ = assert_like_builtin(scenario, impl)
    assert given == ("returned", True)
    loop.close()


def test_running_loop_wins_over_the_current_one(stock_loop, impl, no_current_loop):
    other = new_loop("asyncio")
    asyncio.set_event_loop(other)

    async def main():
        return impl.Future().get_loop()

    assert stock_loop.run_until_complete(main()) is stock_loop
    other.close()


def test_fresh_process_without_a_loop(impl):
    # Where nothing was ever set, older versions make a loop, newer ones warn or refuse.
    from support import implementation, run_child

    program = """
        import asyncio, warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                loop = asyncio.Future().get_loop()
            except RuntimeError as error:
                print("RuntimeError:", error)
            else:
                print("made:", type(loop).__name__)
                loop.close()
        for warning in caught:
            print(warning.category.__name__, warning.message, warning.lineno)
    """
    expected = run_child(program, implementation("builtin"))
    assert run_child(program, impl) == expected
    assert expected.status == 0


def test_event_loop_policy_is_asked(impl, no_current_loop):
    def scenario(impl):
        asked = []

        class Policy(asyncio.DefaultEventLoopPolicy):
            def get_event_loop(self):
                asked.append("asked")
                raise LookupError("from the policy")

        asyncio.set_event_loop_policy(Policy())
        try:
            return answer(impl.Future), asked
        finally:
            asyncio.set_event_loop_policy(None)

    with warnings.catch_warnings():
        # Policies are on their way out since 3.14.
        warnings.simplefilter("ignore", DeprecationWarning)
        given, asked = assert_like_builtin(scenario, impl)
    assert given[1] is LookupError
    assert asked == ["asked"]


@pytest.mark.parametrize("kinds", [("asyncio", other) for other in LOOP_KINDS], ids=lambda k: k[1])
def test_future_of_another_loop_is_refused(impl, kinds):
    one, other = (loop_or_skip(kind, impl) for kind in kinds)
    future = impl.Future(loop=other)
    task = impl.Task(waiting(future), loop=one)
    with pytest.raises(RuntimeError, match="attached to a different loop"):
        one.run_until_complete(task)
    future.cancel()
    one.close()
    other.close()
