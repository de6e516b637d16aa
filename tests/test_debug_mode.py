"""Debug mode: where futures and tasks were made, wrong threads, and callbacks that take long."""

import asyncio
import gc
import logging
import sys
import threading
import traceback
import warnings

import pytest
from support import LOOP_KINDS, LoopMissing, adopt, answer, new_loop, run_child, run_passes
from support.tasks import assert_like_builtin, supervised_loop


@pytest.fixture
def debug_loop(loop):
    """A loop of every kind in turn, in debug mode."""
    loop.set_debug(True)
    if not loop.get_debug():
        pytest.skip("this loop has no debug mode")
    return loop


@pytest.fixture
def stock_debug_loop(stock_loop):
    stock_loop.set_debug(True)
    return stock_loop


async def nothing():
    pass


async def waiting(future):
    return await future


def line():
    """Returns the number of the line that calls it."""
    return sys._getframe(1).f_lineno


# Source tracebacks


def test_future_knows_where_it_was_made(debug_loop, impl):
    future, where = impl.Future(loop=debug_loop), line()
    assert isinstance(future._source_traceback, list)
    assert isinstance(future._source_traceback, traceback.StackSummary)
    last = future._source_traceback[-1]
    assert (last.filename, last.lineno) == (__file__, where)
    assert last.name == "test_future_knows_where_it_was_made"


def test_task_knows_where_it_was_made(debug_loop, impl):
    task, where = impl.Task(nothing(), loop=debug_loop), line()
    last = task._source_traceback[-1]
    assert (last.filename, last.lineno) == (__file__, where)
    assert last.name == "test_task_knows_where_it_was_made"
    debug_loop.run_until_complete(task)


def test_none_without_debug_mode(loop, impl):
    future, task = impl.Future(loop=loop), impl.Task(nothing(), loop=loop)
    assert future._source_traceback is None
    assert task._source_traceback is None
    loop.run_until_complete(task)


def test_debug_mode_switched_on_later(debug_loop, impl):
    debug_loop.set_debug(False)
    before = impl.Future(loop=debug_loop)
    debug_loop.set_debug(True)
    assert before._source_traceback is None
    assert impl.Future(loop=debug_loop)._source_traceback is not None


def test_source_traceback_is_always_the_same_list(stock_debug_loop, impl):
    future = impl.Future(loop=stock_debug_loop)
    frames = future._source_traceback
    assert future._source_traceback is frames
    before = len(frames)
    del future._source_traceback[-1]
    assert len(future._source_traceback) == before - 1


def test_source_traceback_has_every_frame(stock_debug_loop, impl):
    def deep(cls, left):
        return deep(cls, left - 1) if left else cls(loop=stock_debug_loop)._source_traceback

    names = [frame.name for frame in deep(impl.Future, 50)]
    assert names[-52:] == ["test_source_traceback_has_every_frame"] + ["deep"] * 51
    assert len(names) > 52


def test_source_traceback_of_a_subclass_ends_in_its_init(stock_debug_loop, impl):
    def scenario(impl):
        class Promise(impl.Future):
            def __init__(self):
                super().__init__(loop=stock_debug_loop)

        class Job(impl.Task):
            def __init__(self):
                super().__init__(nothing(), loop=stock_debug_loop)

        promise, job = Promise(), Job()
        stock_debug_loop.run_until_complete(job)
        return [[frame.name for frame in each._source_traceback] for each in (promise, job)]

    promise, job = assert_like_builtin(scenario, impl)
    assert promise[-1] == job[-1] == "__init__"


@pytest.mark.parametrize("make", ["create_future", "create_task"])
def test_what_a_stock_loop_made_names_its_caller(impl, make):
    def scenario(impl):
        loop = new_loop("asyncio")
        loop.set_debug(True)
        with impl.in_force():
            made = loop.create_task(nothing()) if make == "create_task" else loop.create_future()
        assert type(made) is (impl.Task if make == "create_task" else impl.Future)
        frames = [(frame.name, frame.lineno) for frame in made._source_traceback]
        if make == "create_task":
            loop.run_until_complete(made)
        loop.close()
        # Below this function the stacks are those of the test and of the comparison.
        names = [name for name, _ in frames]
        return frames[names.index("scenario") :]

    assert assert_like_builtin(scenario, impl)[0][0] == "scenario"


def test_true_and_false_debug_flags(impl):
    class Loop:
        def __init__(self, flag):
            self.flag = flag

        def get_debug(self):
            return self.flag

    for flag in (True, 1, "yes", [0]):
        assert impl.Future(loop=Loop(flag))._source_traceback
    for flag in (False, 0, "", [], None):
        assert impl.Future(loop=Loop(flag))._source_traceback is None


def test_repr_shows_where_it_was_made(debug_loop, impl):
    future, where = impl.Future(loop=debug_loop), line()
    task, there = impl.Task(nothing(), loop=debug_loop), line()
    assert repr(future).endswith(f" created at {__file__}:{where}>")
    assert f" created at {__file__}:{there}" in repr(task)
    debug_loop.run_until_complete(task)
    assert f" created at {__file__}:{there}" in repr(task)


@pytest.mark.parametrize("outcome", ["exception", "pending"])
def test_reports_have_the_source_traceback(debug_loop, impl, errors, outcome):
    async def failing():
        raise LookupError("forgotten")

    async def stuck():
        await impl.Future(loop=debug_loop)

    coroutine = {"exception": failing, "pending": stuck}[outcome]()
    task, where = impl.Task(coroutine, loop=debug_loop), line()
    run_passes(debug_loop, 3)
    del task, coroutine
    gc.collect()
    [report] = errors.take()
    assert report["source_traceback"][-1].lineno == where


# Threads


@pytest.fixture
def busy_loop(stock_debug_loop):
    """A stock loop in debug mode that runs in a thread of its own."""
    thread = threading.Thread(target=stock_debug_loop.run_forever)
    running = threading.Event()
    stock_debug_loop.call_soon(running.set)
    thread.start()
    running.wait()
    yield stock_debug_loop
    stock_debug_loop.call_soon_threadsafe(stock_debug_loop.stop)
    thread.join()


def in_loop(loop, call):
    """Runs `call()` in the thread of `loop`, and waits for it."""
    called = threading.Event()
    loop.call_soon_threadsafe(lambda: (call(), called.set()))
    called.wait()


WRONG = "Non-thread-safe operation"


@pytest.mark.parametrize(
    "finish",
    [
        lambda future: future.set_result(1),
        lambda future: future.set_exception(ValueError()),
        lambda future: future.cancel(),
    ],
    ids=["result", "exception", "cancel"],
)
def test_finishing_in_the_wrong_thread(busy_loop, impl, finish):
    future = impl.Future(loop=busy_loop)
    future.add_done_callback(print)
    with pytest.raises(RuntimeError, match=WRONG):
        finish(future)
    answer(future.exception)


def test_finishing_a_future_that_a_task_waits_for_in_the_wrong_thread(busy_loop, impl):
    future = impl.Future(loop=busy_loop)
    tasks = []
    in_loop(busy_loop, lambda: tasks.append(impl.Task(waiting(future), loop=busy_loop)))
    in_loop(busy_loop, lambda: None)
    with pytest.raises(RuntimeError, match=WRONG):
        future.set_result("never heard of")
    # The task was not woken: cancelling it, in its own thread, does.
    in_loop(busy_loop, tasks[0].cancel)
    in_loop(busy_loop, lambda: None)
    assert not tasks[0].done() or tasks[0].cancelled()
    tasks[0]._log_destroy_pending = False


def test_adding_a_callback_to_a_done_future_in_the_wrong_thread(busy_loop, impl):
    future = impl.Future(loop=busy_loop)
    future.set_result(1)
    with pytest.raises(RuntimeError, match=WRONG):
        future.add_done_callback(print)


def test_making_a_task_in_the_wrong_thread(busy_loop, impl, errors):
    coroutine = nothing()
    with pytest.raises(RuntimeError, match=WRONG):
        impl.Task(coroutine, loop=busy_loop)
    coroutine.close()
    # Half made, it was pending already.
    assert errors.messages() == ["Task was destroyed but it is pending!"]


def test_right_thread(busy_loop, impl):
    results = []

    def work():
        future = impl.Future(loop=busy_loop)
        future.add_done_callback(lambda future: results.append(future.result()))
        future.set_result("right")

    in_loop(busy_loop, work)
    in_loop(busy_loop, lambda: None)
    assert results == ["right"]


# Slow callbacks

STOCK_KINDS = [kind for kind in LOOP_KINDS if kind in ("asyncio", "subclass")]


@pytest.fixture(params=STOCK_KINDS)
def slow_loop(request, impl):
    """A stock loop that finds every callback slow."""
    loop = adopt(new_loop(request.param), impl)
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    yield loop
    loop.close()


def executed(caplog):
    """Returns what the log says was executed, without how long it took."""
    return [
        record.getMessage().removeprefix("Executing ").split(" took ")[0]
        for record in caplog.records
        if record.getMessage().startswith("Executing ")
    ]


def test_slow_step_shows_the_task(slow_loop, impl, caplog):
    async def stepping():
        await asyncio.sleep(0)

    task, where = impl.Task(stepping(), loop=slow_loop, name="slow one"), line()
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        run_passes(slow_loop, 3)
    shown = [text for text in executed(caplog) if text.startswith("<Task ")]
    assert [text.split()[1] for text in shown] == ["pending", "finished"]
    for text in shown:
        assert "name='slow one'" in text
        assert f"created at {__file__}:{where}>" in text
    assert task.done()


def test_slow_wakeup_shows_the_task(slow_loop, impl, caplog):
    future = impl.Future(loop=slow_loop)
    task = impl.Task(waiting(future), loop=slow_loop, name="slow one")
    run_passes(slow_loop, 2)
    future.set_result("woken")
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        run_passes(slow_loop, 2)
    [text] = [text for text in executed(caplog) if "tick" not in text]
    assert text.startswith("<Task finished name='slow one' ")
    assert task.result() == "woken"


def test_slow_callback_shows_the_callback_and_the_future(slow_loop, impl, caplog):
    def slow_callback(future):
        pass

    future = impl.Future(loop=slow_loop)
    future.add_done_callback(slow_callback)
    future.set_result("result")
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        run_passes(slow_loop, 2)
    [text] = [text for text in executed(caplog) if "tick" not in text]
    assert text.startswith("<Handle ")
    assert "slow_callback(<Future finis..." in text


def test_handles_know_where_they_were_made(impl):
    # In debug mode the handle of a callback remembers who finished the future.
    def scenario(impl):
        loop = new_loop("asyncio")
        loop.set_debug(True)
        reports = []
        loop.set_exception_handler(lambda loop, context: reports.append(context))
        future = impl.Future(loop=loop)

        def failing(future):
            raise LookupError("callback failed")

        def finisher():
            future.set_result(1)

        future.add_done_callback(failing)
        finisher()
        run_passes(loop)
        loop.close()
        [report] = reports
        return sorted(report), report["source_traceback"][-1].name

    assert assert_like_builtin(scenario, impl)[1] == "finisher"


# Coroutines


def test_coroutine_that_was_never_awaited_tells_its_origin(stock_debug_loop, impl):
    async def main():
        nothing()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stock_debug_loop.run_until_complete(impl.Task(main(), loop=stock_debug_loop))
        gc.collect()
    [warning] = caught
    text = str(warning.message)
    assert text.startswith("coroutine 'nothing' was never awaited\nCoroutine created at")
    assert "in main" in text


def test_debug_mode_from_the_environment(impl):
    outcome = run_child(
        """
        import asyncio

        async def main():
            loop = asyncio.get_running_loop()
            task = asyncio.current_task()
            print(loop.get_debug(), task._source_traceback is not None)
            future = loop.create_future()
            print(future._source_traceback[-1].name)
            print(asyncio.Future()._source_traceback[-1].name)

        asyncio.run(main())
        """,
        impl,
        "-X",
        "dev",
        "-W",
        "error",
    )
    assert outcome == (0, "True True\ncreate_future\nmain\n", "")


@pytest.mark.parametrize("kind", LOOP_KINDS)
def test_everything_works_in_debug_mode(kind, impl):
    try:
        loop = adopt(new_loop(kind), impl)
    except LoopMissing as missing:
        pytest.skip(str(missing))
    loop.set_debug(True)

    async def child(number):
        await asyncio.sleep(0)
        return number

    async def main():
        future = impl.Future(loop=loop)
        loop.call_soon(future.set_result, "result")
        children = [impl.Task(child(number), loop=loop) for number in range(3)]
        return await future, await asyncio.gather(*children)

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == ("result", [0, 1, 2])
    loop.close()


# What a callback raises


def refuse(future):
    raise LookupError


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("callbacks", [1, 2])
def test_what_raises_is_shown_as_the_mode_has_it_by_then(impl, debug, callbacks):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            messages = []
            loop.set_exception_handler(lambda loop, context: messages.append(context["message"]))
            future = impl.Future(loop=loop)
            for _ in range(callbacks):
                future.add_done_callback(refuse)
            future.set_result(None)
            loop.set_debug(debug)
            run_passes(loop, 2)
            return messages

    messages = assert_like_builtin(scenario, impl)
    assert len(messages) == callbacks
    shown = "refuse(<Future finished result=None>)" in messages[0]
    assert shown == (debug or sys.version_info < (3, 13))
