"""What a task is made of: its arguments, the kinds of coroutines, and every way in which making one fails."""

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
    implementation,
    new_loop,
    run_child,
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
def test_no_coroutine_is_a_type_error(loop, impl, errors, kind):
    argument = NOT_COROUTINES[kind]()
    outcome = answer(impl.Task, argument, loop=loop)
    assert outcome == answer(BuiltinTask, argument, loop=loop)
    assert outcome[1] is TypeError
    assert outcome[2].startswith("a coroutine was expected, got ")
    gc.collect()
    # No pending task is left to be reported, and none to be run.
    assert errors.take() == []
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
    with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
        loop.run_until_complete(task)


def test_one_coroutine_in_two_tasks(impl):
    """Both wait for the future in turn; the one that wakes up second finds the coroutine finished."""

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


# Other threads


@pytest.fixture
def foreign_loop(impl):
    """A stock loop that runs in a thread of its own."""
    loop = new_loop("asyncio")
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = threading.Event()
    loop.call_soon_threadsafe(running.set)
    running.wait()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


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


# Making it twice, or not at all


def making_it_twice(impl, *, at):
    with supervised_loop(impl) as (loop, reports):
        future = loop.create_future()

        async def first():
            log.append("first")
            log.append(await future)

        async def second():
            log.append("second")
            return 2

        log = []
        original = first()
        task = impl.Task(original, loop=loop, name="A")
        if at != "scheduled":
            run_passes(loop)
        if at == "finished":
            future.set_result("result")
            run_passes(loop)
        log.append(answer(task.__init__, second(), loop=loop, name="B"))
        log.append((task.get_name(), ending(task), task.cancelling()))
        run_passes(loop)
        if not future.done():
            future.set_result("late")
        run_passes(loop, 2)
        original.close()
        return log, ending(task), reported(reports)


@pytest.mark.parametrize("at", ["scheduled", "waiting", "finished"])
def test_init_called_twice(impl, at):
    log, end, _ = assert_like_builtin(lambda impl: making_it_twice(impl, at=at), impl)
    assert ("B", "pending", 0) in log
    assert end == ("returned", 2)


def test_init_with_no_coroutine_leaves_a_quiet_task(stock_loop, impl, errors):
    task = impl.Task(returning(1), loop=stock_loop)
    stock_loop.run_until_complete(task)
    with pytest.raises(TypeError, match="^a coroutine was expected, got None$"):
        task.__init__(None, loop=stock_loop)
    assert not task.done()
    assert not task._log_destroy_pending
    del task
    gc.collect()
    assert errors.take() == []


# What every method and attribute says where `__init__` never ran. Each is tried in a process forked for it alone.
UNINITIALISED = """
    import asyncio, os

    class Uninitialised(asyncio.Task):
        def __init__(self):
            pass

    def attempt(label, action):
        read, write = os.pipe()
        if not (child := os.fork()):
            try:
                outcome = f"gives {action(Uninitialised())!r}"
            except BaseException as error:
                outcome = f"raises {type(error).__name__}: {error}"
            os.write(write, outcome.encode())
            os._exit(0)
        os.close(write)
        status = os.waitpid(child, 0)[1]
        print(label, os.read(read, 10_000).decode() if status == 0 else "CRASHES", sep="|")
        os.close(read)

    ARGUMENTS = {
        "set_result": (1,), "set_exception": (ValueError(),), "set_name": ("x",),
        "add_done_callback": (print,), "remove_done_callback": (print,),
    }
    for name in NAMES:
        if callable(getattr(asyncio.Task, name)):
            attempt(f"{name}()", lambda task: getattr(task, name)(*ARGUMENTS.get(name, ())))
        else:
            attempt(name, lambda task: getattr(task, name))
            for value in (None, True, False, "text"):
                attempt(f"{name}={value}", lambda task: (setattr(task, name, value), getattr(task, name))[1])
    attempt("repr", repr)
    attempt("iter", iter)
    attempt("__await__", lambda task: task.__await__())
    attempt("isfuture", asyncio.isfuture)

    async def wait_for(task):
        await task

    def awaited(task):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(wait_for(task))

    attempt("awaited", awaited)
"""


def sweep_uninitialised(impl):
    names = [name for name in dir(BuiltinTask) if not name.startswith("__")]
    outcome = run_child(UNINITIALISED, impl, "-W", "ignore", setup=f"NAMES = {names}")
    assert outcome.status == 0, outcome.stderr
    return dict(line.split("|", 1) for line in outcome.stdout.splitlines())


def without_what_names_a_class(said):
    """Read-only attributes are refused in words that differ between implementations of classes."""
    return re.sub(r"AttributeError: .*", "AttributeError", said)


def test_uninitialised_subclass_raises_and_never_crashes(impl):
    ours = sweep_uninitialised(impl)
    oracle = sweep_uninitialised(implementation("builtin"))
    assert ours.keys() == oracle.keys()
    for what, said in oracle.items():
        if said == "CRASHES":
            # Where the interpreter's class brings the process down, ours says what is wrong or carries on.
            assert impl.name == "builtin" or ours[what] != "CRASHES", what
        else:
            assert without_what_names_a_class(ours[what]) == without_what_names_a_class(said), what
    for what in (
        "repr",
        "iter",
        "awaited",
        "_callbacks",
        "_result",
        "_exception",
        "get_loop()",
        "get_stack()",
    ):
        assert "RuntimeError: Future object is not initialized." in ours[what]
