"""`asyncio.create_task()`: ours does itself what is common, and hands the rest to asyncio's own.

Each scenario runs on the interpreter's classes and on ours, on loops and factories of all kinds.
"""

import asyncio
import contextlib
import contextvars
import functools
import gc
import re
import sys
import threading
import traceback
import types

import pytest
from support import LOOP_KINDS, collect, implementation, new_loop
from support.child import run_child
from support.oracle import answer, normalised
from support.recorder import Recorder
from support.task_states import Duck
from support.tasks import assert_like_builtin, described, ending, functions_in, reported

EAGER = sys.version_info >= (3, 12)
LOOP_FILE = re.compile(r"loops?\.pyx?$")
VARIABLE = contextvars.ContextVar("variable", default="none")


def run(impl, main, kind="asyncio", factory=None):
    """Returns what `main(loop, log)` logs, and what the loop reports, as a task of `impl`.

    The loop finds its classes in asyncio, where nothing else is said.
    """
    log, reports = [], Recorder()

    async def with_factory():
        if factory is not None:
            loop.set_task_factory(factory(impl, log))
        return await main(loop, log)

    with impl.in_force():
        loop = new_loop(kind)
        loop.set_exception_handler(reports)
        try:
            outer = impl.Task(with_factory(), loop=loop, name="outer")
            with contextlib.suppress(Exception):
                loop.run_until_complete(outer)
            loop.set_debug(False)
            log.append(ending(outer))
        finally:
            loop.close()
            collect()
    return log, reported(reports)


def class_factory(impl, log):
    def factory(loop, coro, **kwargs):
        return impl.Task(coro, loop=loop, **kwargs)

    return factory


def logging_factory(impl, log):
    def factory(loop, coro, **kwargs):
        log.append(sorted(kwargs.items()))
        return impl.Task(coro, loop=loop, **kwargs)

    return factory


def factory_of_anything(impl, log):
    def factory(loop, coro, **kwargs):
        coro.close()
        return types.SimpleNamespace(set_name=log.append)

    return factory


def factory_that_fails(impl, log):
    def factory(loop, coro, **kwargs):
        coro.close()
        raise LookupError("factory")

    return factory


FACTORIES = {
    "none": lambda impl, log: None,
    "class": class_factory,
    "logging": logging_factory,
    "anything": factory_of_anything,
    "failing": factory_that_fails,
}
if EAGER:
    FACTORIES["eager"] = lambda impl, log: asyncio.eager_task_factory
    FACTORIES["own eager"] = lambda impl, log: asyncio.create_eager_task_factory(
        functools.partial(impl.Task)
    )


async def child(log):
    """Tells who it is in its first step and in its second."""
    for _ in range(2):
        current = asyncio.current_task()
        named = current.get_name() if current else None
        log.append((named if named in ("named", "42", "None") else "unnamed", VARIABLE.get()))
        VARIABLE.set("changed by the child")
        await asyncio.sleep(0)
    return "result"


class Text(str):
    pass


class Unnameable:
    def __str__(self):
        raise LookupError("no text")


UNNAMEABLE = Unnameable()


def with_variable(value):
    context = contextvars.copy_context()
    context.run(VARIABLE.set, value)
    return context


CALLS = {
    "bare": lambda coro: asyncio.create_task(coro),
    "by keyword": lambda coro: asyncio.create_task(coro=coro),
    "name": lambda coro: asyncio.create_task(coro, name="named"),
    "no name": lambda coro: asyncio.create_task(coro, name=None),
    "number": lambda coro: asyncio.create_task(coro, name=42),
    "text": lambda coro: asyncio.create_task(coro, name=Text("named")),
    "no text": lambda coro: asyncio.create_task(coro, name=UNNAMEABLE),
    "name that is computed": lambda coro: asyncio.create_task(coro, **{"".join("name"): "named"}),
    "context": lambda coro: asyncio.create_task(coro, context=with_variable("given")),
    "no context": lambda coro: asyncio.create_task(coro, context=None),
    "both": lambda coro: asyncio.create_task(coro, name="named", context=with_variable("given")),
    "eager_start": lambda coro: asyncio.create_task(coro, eager_start=True),
    "unknown": lambda coro: asyncio.create_task(coro, unknown=1),
    "two": lambda coro: asyncio.create_task(coro, coro),
    "nothing": lambda coro: asyncio.create_task(),
    "duck": lambda coro: asyncio.create_task(Duck("sent")),
    "generator": lambda coro: asyncio.create_task(item for item in ()),
    "future": lambda coro: asyncio.create_task(asyncio.Future()),
    "None": lambda coro: asyncio.create_task(None),
}


async def every_call(loop, log):
    for name, call in CALLS.items():
        log.append(name)
        VARIABLE.set("outside")
        coroutine = child(log)
        numbers = [number_of(asyncio.Task(asyncio.sleep(0)))]
        try:
            task = call(coroutine)
        except Exception as error:
            log.append((described(error), functions_outside_of_loops(error)))
        else:
            log.append(("created", isinstance(task, asyncio.Task), VARIABLE.get()))
            if isinstance(task, asyncio.Future):
                log.append(answer(task.result))
                log.append(task.get_name() if task.get_name().isalnum() else "numbered")
                await asyncio.wait([task])
                log.append(ending(task))
        coroutine.close()
        numbers.append(number_of(asyncio.Task(asyncio.sleep(0))))
        log.append(numbers[1] - numbers[0])
        await asyncio.sleep(0)


def functions_outside_of_loops(error):
    """uvloop has lines of its own in a traceback, which nobody can add."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.name for frame in frames if not LOOP_FILE.search(frame.filename)]


def number_of(task):
    return int(task.get_name().removeprefix("Task-"))


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("kind", LOOP_KINDS)
def test_calls(impl, kind, factory):
    assert_like_builtin(lambda impl: run(impl, every_call, kind, FACTORIES[factory]), impl)


# What has been changed about the loop, or in asyncio.


async def loop_with_its_own(loop, log):
    create_task = loop.create_task

    def own(coro, **kwargs):
        log.append(sorted(kwargs))
        return create_task(coro, **kwargs)

    loop.create_task = own
    log.append(await asyncio.create_task(child(log)))


async def class_with_its_own(loop, log):
    create_task = asyncio.BaseEventLoop.create_task

    def own(self, coro, **kwargs):
        log.append(sorted(kwargs))
        return create_task(self, coro, **kwargs)

    asyncio.BaseEventLoop.create_task = own
    try:
        task = asyncio.create_task(child(log))
    finally:
        asyncio.BaseEventLoop.create_task = create_task
    log.append(await task)


async def loop_with_its_own_call_soon(loop, log):
    call_soon = loop.call_soon
    loop.call_soon = lambda *args, **kwargs: log.append("call_soon") or call_soon(*args, **kwargs)
    task = asyncio.create_task(child(log))
    del loop.call_soon
    log.append(await task)


async def another_class_in_asyncio(loop, log):
    own = asyncio.tasks.Task

    class Another(own):
        pass

    asyncio.tasks.Task = Another
    try:
        task = asyncio.create_task(child(log))
    finally:
        asyncio.tasks.Task = own
    log.append((type(task).__name__, await task))


async def another_way_to_find_the_loop(loop, log):
    find = asyncio.events.get_running_loop

    def get_running_loop():
        log.append("asked")
        return find()

    asyncio.events.get_running_loop = get_running_loop
    try:
        task = asyncio.create_task(child(log))
    finally:
        asyncio.events.get_running_loop = find
    log.append(await task)


async def in_another_thread(loop, log):
    def run():
        coroutine = child(log)
        log.append(answer(asyncio.create_task, coroutine))
        coroutine.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


async def debug_mode(loop, log):
    loop.set_debug(True)
    task = asyncio.create_task(child(log))
    log.append([(frame.name, frame.line) for frame in task._source_traceback][-2:])
    log.append(normalised(repr(task)).partition("created at")[2].rpartition("/")[2])
    loop.set_debug(False)
    log.append(await task)


async def factory_that_is_set_past_the_method(loop, log):
    loop._task_factory = logging_factory(implementation("builtin"), log)
    log.append(await asyncio.create_task(child(log)))


async def method_of_the_factory_is_another(loop, log):
    """`create_task()` of asyncio's loops does not call it."""
    loop.get_task_factory = lambda: log.append("asked")
    log.append(await asyncio.create_task(child(log)))


@pytest.mark.parametrize("factory", [name for name in FACTORIES if name in ("none", "eager")])
@pytest.mark.parametrize(
    "main",
    [
        loop_with_its_own,
        class_with_its_own,
        loop_with_its_own_call_soon,
        another_class_in_asyncio,
        another_way_to_find_the_loop,
        in_another_thread,
        debug_mode,
        factory_that_is_set_past_the_method,
        method_of_the_factory_is_another,
    ],
    ids=lambda main: main.__name__,
)
def test_whatever_was_changed(impl, main, factory):
    assert_like_builtin(lambda impl: run(impl, main, factory=FACTORIES[factory]), impl)


# Loops that are said to be running, and are not.


def open_loop(loop):
    return loop


def closed_loop(loop):
    loop.close()
    return loop


def no_loop(loop):
    return None


@pytest.mark.parametrize("said", [open_loop, closed_loop, no_loop], ids=lambda said: said.__name__)
@pytest.mark.parametrize("kind", LOOP_KINDS)
def test_loop_that_is_said_to_be_running(impl, kind, said):
    def scenario(impl):
        log, loop = [], new_loop(kind)
        with impl.in_force():
            coroutine = child(log)
            asyncio._set_running_loop(said(loop))
            try:
                task = asyncio.create_task(coroutine)
            except RuntimeError as error:
                log.append((described(error), functions_outside_of_loops(error)))
                coroutine.close()
            finally:
                asyncio._set_running_loop(None)
            if log == []:
                log.append((task.get_loop() is loop, loop.run_until_complete(task)))
        loop.close()
        return log

    assert_like_builtin(scenario, impl)


@pytest.mark.parametrize("kind", ["uvloop", "rloop"])
def test_debug_mode_of_others(impl, kind):
    assert_like_builtin(lambda impl: run(impl, debug_mode, kind), impl)


# Tasks that are run at once.


class Leaving(SystemExit):
    pass


async def leaves(loop, log):
    async def leaving():
        raise Leaving

    try:
        log.append(asyncio.create_task(leaving()))
    except Leaving as error:
        log.append(functions_in(error))


async def one_within_another(loop, log):
    async def nested(depth):
        log.append((depth, asyncio.current_task().get_coro().__name__))
        if depth:
            task = asyncio.create_task(nested(depth - 1))
            log.append((depth, task.done()))
            await task
        return depth

    log.append(await asyncio.create_task(nested(5)))


async def changes_the_factory(loop, log):
    async def changing():
        loop.set_task_factory(None)
        return await child(log)

    first, second = asyncio.create_task(changing()), asyncio.create_task(child(log))
    log.append(await first)
    log.append(await second)


async def debug_mode_meanwhile(loop, log):
    async def changing():
        loop.set_debug(True)
        return await child(log)

    first, second = asyncio.create_task(changing()), asyncio.create_task(child(log))
    log.append([bool(task._source_traceback) for task in (first, second)])
    log.append(await first)
    log.append(await second)


async def too_deep(loop, log):
    """Up to where the interpreter ends it; how deep that is differs."""

    async def nested():
        await asyncio.create_task(nested())

    try:
        await nested()
    except RecursionError:
        log.append("too deep")


@pytest.mark.skipif(not EAGER, reason="eager tasks are of 3.12")
@pytest.mark.parametrize(
    "main",
    [leaves, one_within_another, changes_the_factory, debug_mode_meanwhile, too_deep],
    ids=lambda main: main.__name__,
)
def test_at_once(impl, main):
    assert_like_builtin(lambda impl: run(impl, main, factory=FACTORIES["eager"]), impl)


DEEP = """
    import asyncio, sys
    sys.setrecursionlimit(1_000_000)

    async def nested():
        await MAKE(nested())

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(aioxide.eager_task_factory)
        try:
            await nested()
        except RecursionError:
            print("too deep")

    asyncio.run(main())
"""


@pytest.mark.skipif(not EAGER, reason="eager tasks are of 3.12")
@pytest.mark.parametrize(
    "make", ["asyncio.create_task", "asyncio.get_running_loop().create_task", "asyncio.gather"]
)
def test_no_task_is_made_where_the_stack_ends(make):
    """Though the interpreter was told that it does not."""
    done = run_child(DEEP.replace("MAKE", make), implementation("rust"), "-Wignore")
    assert (done.status, done.stdout) == (0, "too deep\n"), done.stderr[-1000:]


def test_nothing_is_left_of_the_arguments(impl):
    class Held:
        pass

    async def main(loop, log):
        held = Held()
        context = contextvars.copy_context()
        context.run(VARIABLE.set, held)
        await asyncio.create_task(asyncio.sleep(0, held), name="named", context=context)
        del held, context
        await asyncio.sleep(0)
        gc.collect()
        log.append(sum(type(object) is Held for object in gc.get_objects()))

    (left, ended), reports = run(impl, main)
    assert (left, ended, reports) == (0, ("returned", None), [])


# What is seen of the function.


def test_it_is_found_by_its_name():
    program = """
        import asyncio, pickle
        import aioxide
        aioxide.install()
        assert asyncio.create_task is asyncio.tasks.create_task is aioxide._core.create_task
        assert pickle.loads(pickle.dumps(asyncio.create_task)) is asyncio.create_task
        print(asyncio.create_task.__qualname__, asyncio.create_task.__module__)
        print(asyncio.create_task.__doc__)
    """
    done = run_child(program, implementation("builtin"))
    expected = "create_task aioxide._core\nSchedule a coroutine on the running loop and return"
    assert (done.status, done.stdout, done.stderr) == (0, f"{expected} its task.\n", "")


def test_uvloop_that_is_imported_later(impl):
    pytest.importorskip("uvloop")
    program = """
        import asyncio, traceback
        import uvloop

        async def child():
            return asyncio.current_task().get_name()

        async def main():
            loop = asyncio.get_running_loop()
            first = asyncio.create_task(child())
            print(await first == first.get_name(), type(first) is asyncio.Task)
            print(await asyncio.create_task(child(), name="named"))
            create_task = loop.create_task
            loop.create_task = lambda coro, **options: print(options) or create_task(coro)
            print(await asyncio.create_task(child()) == "Task-4")
            del loop.create_task
            loop.set_task_factory(lambda loop, coro, **options: coro.close() or 1 / 0)
            try:
                asyncio.create_task(child())
            except ZeroDivisionError as error:
                calls = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
                print(calls[0], calls[1], calls[-1])
            loop.set_task_factory(None)
            loop.set_debug(True)
            print([frame.name for frame in asyncio.create_task(child())._source_traceback][-2:])
            loop.set_debug(False)

        uvloop.new_event_loop().run_until_complete(main())
    """
    seen = run_child(program, impl)
    assert seen == run_child(program, implementation("builtin"))
    assert (seen.status, seen.stdout.count("\n")) == (0, 6), seen.stderr
