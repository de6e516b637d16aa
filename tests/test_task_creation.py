"""What a task is made of: its arguments, the kinds of coroutines, and how making one fails."""

import asyncio
import collections.abc
import gc
import re
import sys
import threading
import types
import warnings

import pytest
from support import (
    BuiltinTask,
    LoopMissing,
    answer,
    new_loop,
    run_passes,
)
from support.tasks import assert_like_builtin, ending, passes_until_done, reported, supervised_loop


async def returning(value=None):
    return value


def plain_generator():
    yield


@types.coroutine
def generator_based():
    yield
    return "generator-based"


async def async_generator():
    yield "item"


class CoroutineSubclass(collections.abc.Coroutine):
    """The least that an implementation of the abstract class must have."""

    def send(self, value):
        raise StopIteration("subclass")

    def throw(self, kind, value=None, traceback=None):
        raise kind

    def close(self):
        pass

    def __await__(self):
        return self


class CoroutineByShape:
    """Has the four methods, and is a `collections.abc.Coroutine` for no other reason."""

    send = CoroutineSubclass.send
    throw = CoroutineSubclass.throw
    close = CoroutineSubclass.close
    __await__ = CoroutineSubclass.__await__


class OnlyAwaitable:
    def __await__(self):
        return iter(())


COROUTINES = {
    "native": (lambda: returning("native"), "native"),
    "subclass": (CoroutineSubclass, "subclass"),
    "by shape": (CoroutineByShape, "subclass"),
    "asend": (lambda: async_generator().asend(None), "item"),
    "anext": (lambda: anext(async_generator()), "item"),
    "aclose": (lambda: async_generator().aclose(), None),
}


NOT_COROUTINES = {
    "number": lambda: 1,
    "text": lambda: "coroutine",
    "nothing": lambda: None,
    "coroutine function": lambda: returning,
    "async generator": async_generator,
    "awaitable": OnlyAwaitable,
    "class": lambda: CoroutineSubclass,
}


# The coroutine


@pytest.mark.parametrize("kind", COROUTINES)
def test_every_kind_of_coroutine_runs(loop, impl, kind):
    make, result = COROUTINES[kind]
    task = impl.Task(make(), loop=loop)
    assert loop.run_until_complete(task) == result


@pytest.mark.parametrize("make", [plain_generator, generator_based])
def test_generators_are_taken_where_the_interpreter_takes_them(impl, make):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _):
            return answer(lambda: loop.run_until_complete(impl.Task(make(), loop=loop)))

    outcome = assert_like_builtin(scenario, impl)
    assert (outcome[0] == "returned") is (sys.version_info < (3, 12))


@pytest.mark.parametrize("kind", NOT_COROUTINES)
def test_no_coroutine_is_a_type_error(loop, impl, errors, caplog, kind):
    argument = NOT_COROUTINES[kind]()
    outcome = answer(impl.Task, argument, loop=loop)
    assert outcome == answer(BuiltinTask, argument, loop=loop)
    assert outcome[1] is TypeError
    assert outcome[2].startswith("a coroutine was expected, got ")
    gc.collect()
    # No pending task is left to be reported, and none to be run.
    assert errors.take() == []
    assert caplog.records == []
    assert asyncio.all_tasks(loop) == set()
    run_passes(loop, 2)


def test_future_is_not_a_coroutine(stock_loop, impl):
    future = stock_loop.create_future()
    with pytest.raises(TypeError, match=re.escape(f"a coroutine was expected, got {future!r}")):
        impl.Task(future, loop=stock_loop)


def test_done_coroutine_fails_the_task(loop, impl):
    coroutine = returning()
    coroutine.close()
    task = impl.Task(coroutine, loop=loop)
    with pytest.raises(RuntimeError, match=r"^cannot reuse already awaited coroutine$"):
        loop.run_until_complete(task)


def test_one_coroutine_in_two_tasks(impl):
    """Both wait for the future; the one that wakes up second finds the coroutine finished."""

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            future = loop.create_future()

            async def waiting():
                return await future

            coroutine = waiting()
            tasks = [impl.Task(coroutine, loop=loop) for _ in range(2)]
            run_passes(loop)
            future.set_result("done")
            run_passes(loop, 3)
            return [ending(task) for task in tasks], reported(reports)

    endings, _ = assert_like_builtin(scenario, impl)
    assert endings[0] == ("returned", "done")
    assert endings[1][1][:2] == (RuntimeError, ("cannot reuse already awaited coroutine",))


def test_coroutine_starts_in_the_next_pass_and_not_before(loop, impl):
    started = []

    async def start():
        started.append(True)

    task = impl.Task(start(), loop=loop)
    assert (started, task.done()) == ([], False)
    assert passes_until_done(loop, task) == 1
    assert started == [True]


# The arguments


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1, 2), {}),
        ((), {"coro": 1, "loop": "loop"}),
        ((1,), {"coro": 2}),
        ((1,), {"nonsense": 1}),
        ((1,), {"loop": 1}),
        ((1,), {"loop": object()}),
    ],
)
def test_wrong_arguments(impl, args, kwargs):
    outcome = answer(impl.Task, *args, **kwargs)
    assert outcome == answer(BuiltinTask, *args, **kwargs)
    assert outcome[0] == "raised"


def test_coroutine_may_be_named(loop, impl):
    task = impl.Task(coro=returning(3), loop=loop, name="named", context=None)
    assert loop.run_until_complete(task) == 3


def test_running_loop_is_the_default(loop, impl):
    async def main():
        task = impl.Task(returning(), loop=None)
        assert task.get_loop() is loop
        assert impl.Task(returning()).get_loop() is loop
        await task

    loop.run_until_complete(main())


@pytest.mark.parametrize("loop_set", [False, True])
def test_default_loop_outside_of_any(impl, loop_set):
    def scenario(impl):
        with supervised_loop(impl) as (loop, _), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.set_event_loop(loop if loop_set else None)
            coroutine = returning()
            try:
                task = impl.Task(coroutine)
                outcome = task.get_loop() is loop, loop.run_until_complete(task)
            except RuntimeError as error:
                outcome = str(error)
            finally:
                asyncio.set_event_loop(None)
                coroutine.close()
            return outcome, [
                str(warning.message) for warning in caught if "event loop" in str(warning.message)
            ]

    outcome, _ = assert_like_builtin(scenario, impl)
    assert outcome == (True, None) if loop_set else "no current event loop" in outcome


def test_closed_loop(loop_kind, impl):
    """rloop takes calls when it is closed; the other loops refuse them, and the task is lost."""

    def scenario(impl):
        with supervised_loop(impl, loop_kind) as (loop, reports):
            loop.close()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                outcome = answer(impl.Task, returning(), loop=loop, name="T")
                refused = outcome[0] == "raised"
                gc.collect()
                told = reported(reports)  # and lets go of the task
            assert len(asyncio.all_tasks(loop)) == (0 if refused else 1)
            if not refused:
                outcome[1]._log_destroy_pending = False
                outcome[1].get_coro().close()
            return refused and outcome, told, [str(warning.message) for warning in caught]

    try:
        outcome, reports, caught = assert_like_builtin(scenario, impl)
    except LoopMissing as missing:
        pytest.skip(str(missing))
    if loop_kind != "rloop":
        assert outcome[1] is RuntimeError
        assert reports == [("Task was destroyed but it is pending!", None)]
        assert caught == ["coroutine 'returning' was never awaited"]


@pytest.mark.parametrize("method", ["get_debug", "call_soon"])
def test_errors_of_the_loop_come_through(impl, method):
    class Refusing(asyncio.SelectorEventLoop):
        pass

    def refuse(*_, **__):
        raise ZeroDivisionError(method)

    loop = Refusing()
    loop.set_exception_handler(lambda *_: None)
    coroutine = returning()
    setattr(loop, method, refuse)
    with pytest.raises(ZeroDivisionError, match=method):
        impl.Task(coroutine, loop=loop)
    delattr(loop, method)
    assert asyncio.all_tasks(loop) == set()
    coroutine.close()
    loop.close()


@pytest.fixture
def foreign_loop(impl):
    """A stock loop that runs in a thread of its own."""
    loop = new_loop("asyncio")
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = threading.Event()
    loop.call_soon_threadsafe(running.set)
    running.wait()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


# Other threads


def test_task_for_the_loop_of_another_thread(foreign_loop, impl):
    finished = threading.Event()

    async def where():
        return threading.current_thread()

    task = impl.Task(where(), loop=foreign_loop)
    foreign_loop.call_soon_threadsafe(task.add_done_callback, lambda _: finished.set())
    finished.wait()
    assert task.result() is not threading.main_thread()


def test_debug_mode_refuses_another_thread(foreign_loop, impl):
    foreign_loop.set_debug(True)
    reports = []
    foreign_loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
    coroutine = returning()
    message = "Non-thread-safe operation invoked on an event loop other than the current one"
    with pytest.raises(RuntimeError, match=message):
        impl.Task(coroutine, loop=foreign_loop)
    gc.collect()
    assert reports == ["Task was destroyed but it is pending!"]
    coroutine.close()
