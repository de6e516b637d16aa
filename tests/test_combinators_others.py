"""`shield()`, `wait()` and `sleep()` in every circumstance, and what can be seen of them."""

import asyncio
import contextlib
import inspect
import itertools
import sys
import traceback
import types
import warnings

import aioxide
import pytest
from support import (
    BuiltinFuture,
    BuiltinTask,
    implementation,
    new_loop,
    normalised,
    run_child,
)
from support.programs import assert_same_course, every_way, failure, passes, settled, task, value

programs = []


def program(function):
    programs.append(function)
    return function


def built_in():
    future = BuiltinFuture()
    asyncio.get_running_loop().call_soon(future.set_result, "built-in")
    return future


def done(result):
    future = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


CHILDREN = {
    "task": lambda: task(value("task", 2)),
    "failing task": lambda: task(failure("failing task", 2)),
    "done": lambda: done("done"),
    "built-in future": built_in,
    "built-in task": lambda: BuiltinTask(value("built-in task", 1)),
    "gathering": lambda: asyncio.gather(value("inner", 2)),
    "shield": lambda: asyncio.shield(value("inner", 3)),
}


# shield


async def cancel_inner(inner, outer):
    return inner.cancel("inner")


async def cancel_outer(inner, outer):
    return outer.cancel("outer")


async def cancel_outer_later(inner, outer):
    await passes(2)
    return outer.cancel("outer")


async def finish_outer(inner, outer):
    if outer is not inner and not outer.done():
        outer.set_result("from outside")


async def nothing(inner, outer):
    pass


MEANWHILE = [nothing, cancel_inner, cancel_outer, cancel_outer_later, finish_outer]


@program
async def shield_of_each_child_while_something_is_done(log):
    for name, meanwhile in itertools.product(CHILDREN, MEANWHILE):
        inner = CHILDREN[name]()
        outer = asyncio.shield(inner)
        calls = []
        inner.add_done_callback(lambda _, calls=calls: calls.append("inner"))
        outer.add_done_callback(lambda _, calls=calls: calls.append("outer"))
        seen = [normalised(repr(outer)), await meanwhile(inner, outer)]
        seen += [await settled(outer), len(inner._callbacks or ()), await settled(inner), calls]
        log.append((name, meanwhile.__name__, seen))


@program
async def shield_of_what_is_no_future(log):
    class Awaitable:
        def __await__(self):
            return (yield from value("awaitable").__await__())

    log.append(await asyncio.shield(value("coroutine")))
    log.append(await asyncio.shield(Awaitable()))
    for mistake in (42, None):
        try:
            asyncio.shield(mistake)
        except TypeError as error:
            log.append(str(error))


@program
async def shield_is_seen_among_the_callbacks(log):
    for inner in (asyncio.get_running_loop().create_future(), BuiltinFuture()):
        outer = asyncio.shield(inner)
        log.append([normalised(repr(future)) for future in (inner, outer)])
        inner.set_result("result")
        log.append(await outer)


@program
async def shield_whose_inner_fails_when_nobody_listens(log):
    """Whether that is reported depends on the version."""
    inner = task(failure("late", 3))
    outer = asyncio.shield(inner)
    await passes(1)
    outer.cancel()
    await passes(5)
    log.append((inner.done(), outer.cancelled()))


# wait


@program
async def wait_for_each_pair_of_children(log):
    conditions = asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION
    for *names, condition in itertools.product(CHILDREN, CHILDREN, conditions):
        children = [CHILDREN[name]() for name in names]
        done, pending = await asyncio.wait(children, return_when=condition)
        log.append((names, condition, [child in done for child in children]))
        log.append([len(child._callbacks or ()) for child in children])
        if pending:
            await asyncio.wait(pending)
        log.append([await settled(child) for child in children])


@program
async def wait_is_over_in_the_pass_after_the_last(log):
    children = [asyncio.get_running_loop().create_future() for _ in range(3)]
    waiting = task(asyncio.wait(children))
    await passes(1)
    for child in children:
        child.set_result(None)
        child.add_done_callback(lambda _: log.append(("child", waiting._fut_waiter.done())))
        await passes(1)
        log.append(waiting.done())
    await waiting


@program
async def wait_with_a_timeout_in_time(log):
    children = [task(value(number, number)) for number in range(3)]
    done, pending = await asyncio.wait(children, timeout=60)
    log.append((len(done), len(pending)))
    loop = asyncio.get_running_loop()
    log.append(len(getattr(loop, "_scheduled", ())) > 10)


@program
async def wait_is_seen_among_the_callbacks(log):
    children = [asyncio.get_running_loop().create_future(), BuiltinFuture()]
    waiting = task(asyncio.wait(children), name="waiting")
    await passes(1)
    log.append([normalised(repr(child)) for child in children])
    log.append(normalised(repr(waiting)))
    log.append(waiting.get_coro().cr_await.__qualname__)
    for child in children:
        child.set_result(None)
    await waiting


@program
async def wait_shows_its_frames_when_it_is_cancelled(log):
    waiting = task(asyncio.wait([asyncio.get_running_loop().create_future()]))
    await passes(1)
    waiting.cancel("why")
    try:
        await waiting
    except asyncio.CancelledError as error:
        log.append([frame.name for frame in traceback.extract_tb(error.__traceback__)])


@program
async def wait_refuses(log):
    coroutine = value(1)
    mistakes = [[], [coroutine], coroutine, task(value(2)), {3}, None]
    for mistake in mistakes:
        log.append(await settled(asyncio.wait(mistake)))
    log.append(await settled(asyncio.wait([task(value(3))], return_when="never")))
    coroutine.close()


# sleep


@program
async def sleep_of_nothing_is_one_pass(log):
    async def sleeping(name):
        for number in range(3):
            log.append((name, number))
            log.append(await asyncio.sleep(0, name))
            log.append(await asyncio.sleep(-1))

    await asyncio.gather(sleeping("a"), sleeping("b"))


@program
async def sleep_in_a_task_of_its_own(log):
    for delay in (0, 60):
        sleeping = task(asyncio.sleep(delay), name="sleeping")
        log.append(normalised(repr(sleeping)))
        await passes(1)
        log.append([frame.f_code.co_name for frame in sleeping.get_stack()])
        sleeping.cancel("why")
        log.append(await settled(sleeping))
        log.append(await settled(asyncio.gather(asyncio.sleep(0, "gathered"), asyncio.sleep(0))))


@program
async def sleep_is_cancelled_with_all_its_frames(log):
    for delay in (0, 60):
        sleeping = task(asyncio.sleep(delay))
        await passes(1)
        sleeping.cancel()
        try:
            await sleeping
        except asyncio.CancelledError as error:
            # The task ends in the pass in which it would have gone on.
            log.append([frame.name for frame in traceback.extract_tb(error.__traceback__)])


@program
async def sleep_by_hand(log):
    """What drives a coroutine may do anything with it at any time."""

    def attempt(call, *arguments):
        try:
            log.append(call(*arguments))
        except BaseException as error:
            log.append((type(error).__name__, error.args))

    for acts in itertools.product(["send", "throw", "close"], repeat=3):
        coroutine = asyncio.sleep(0, "result")
        log.append(acts)
        for act in acts:
            arguments = {"send": (None,), "throw": (ValueError("thrown"),), "close": ()}[act]
            attempt(getattr(coroutine, act), *arguments)


@program
async def sleep_refuses(log):
    for delay in (float("nan"), "1", None):
        log.append(await settled(asyncio.wait_for(asyncio.sleep(delay), 0.001)))


@every_way(programs)
def test_combinator(impl, program, way, kind):
    assert_same_course(program, impl, way, kind)


# What can be seen of the functions


@pytest.fixture
def _installed():
    with aioxide.installed():
        yield


def seen_of(function):
    return inspect.signature(function), function.__name__, inspect.iscoroutinefunction(function)


def test_functions_show_the_same_signatures():
    names = ("gather", "shield", "wait", "sleep", "wait_for", "as_completed")
    names += ("create_task", "ensure_future", "iscoroutine")
    expected = {name: seen_of(getattr(asyncio, name)) for name in names}
    with aioxide.installed():
        assert {name: seen_of(getattr(asyncio, name)) for name in names} == expected


def generator():
    yield


def candidates(kinds):
    """What may be asked whether it is a coroutine, or to be made a future; by name."""

    class OtherLoop(kinds.Future):
        def get_loop(self):
            return None

    hidden = kinds.Future()
    hidden.get_loop = lambda: None
    return {
        "future": kinds.Future(),
        "future without a loop": kinds.Future.__new__(kinds.Future),
        "future that hides its loop": hidden,
        "future of a subclass": OtherLoop(),
        "task": kinds.Task(asyncio.sleep(0)),
        "gathering": asyncio.gather(kinds.Future()),
        "coroutine": asyncio.sleep(0),
        "generator": generator(),
        "awaitable": Awaitable(),
        "coroutine of another kind": CoroutineLike(),
        "class": kinds.Future,
        "None": None,
    }


class Awaitable:
    def __await__(self):
        return iter(())


class CoroutineLike(Awaitable):
    def send(self, value):
        raise StopIteration

    def throw(self, *exception):
        raise exception[0]

    def close(self):
        pass


def answered(function, *args, **kwargs):
    """What the function returns, or the words of its error."""
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError, RuntimeError) as error:
        return type(error), str(error)


async def told_of_candidates(kinds):
    """What asyncio's functions say of each; a future that is returned as it is says so."""
    loop, told = asyncio.get_running_loop(), {}
    for name, candidate in candidates(kinds).items():
        is_coroutine = asyncio.iscoroutine(candidate)
        made = answered(asyncio.ensure_future, candidate)
        kept = answered(asyncio.ensure_future, candidate, loop=loop) if made is candidate else None
        other = answered(asyncio.ensure_future, candidate, loop=object()) if kept else None
        told[name] = (
            is_coroutine,
            "same" if made is candidate else type(made).__name__,
            "same" if kept is candidate else kept,
            other,
        )
        if name == "coroutine" and made is not candidate:
            await made
    return told


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_says_of_everything_what_asyncio_says(kind):
    told = []
    for scope in (contextlib.nullcontext, aioxide.installed):
        with scope(), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # coroutines that nobody runs
            loop = new_loop(kind)
            told.append(loop.run_until_complete(told_of_candidates(asyncio)))
            loop.close()
    assert told[0] == told[1]
    assert told[1]["future"][:3] == (False, "same", "same")
    assert told[1]["coroutine"][0] is True


@pytest.mark.usefixtures("_installed")
def test_sleep_is_a_coroutine_function():
    assert inspect.iscoroutinefunction(asyncio.sleep)
    coroutine = asyncio.sleep(0)
    assert isinstance(coroutine, types.CoroutineType)
    assert asyncio.iscoroutine(coroutine)
    assert coroutine.cr_frame.f_code.co_name == "sleep"
    coroutine.close()


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("make", [lambda: asyncio.sleep(0), lambda: asyncio.wait([])])
def test_coroutine_that_is_never_awaited_is_reported(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        coroutine = make()
        name = coroutine.__name__
        del coroutine
    assert [str(warning.message) for warning in caught] == [f"coroutine '{name}' was never awaited"]


WRAPPED = ("gather", "shield", "_wait", "create_task", "ensure_future")


@pytest.mark.parametrize("name", WRAPPED)
def test_function_that_somebody_has_wrapped_stays(monkeypatch, name):
    original = getattr(asyncio.tasks, name)
    calls = []

    def wrapper(*args, **kwargs):
        calls.append(name)
        return original(*args, **kwargs)

    monkeypatch.setattr(asyncio.tasks, name, wrapper)
    with aioxide.installed():
        assert getattr(asyncio.tasks, name) is wrapper
        if hasattr(asyncio, name):
            assert getattr(asyncio, name) is not original
    assert getattr(asyncio.tasks, name) is wrapper
    assert not calls


def test_functions_that_somebody_has_wrapped_before_the_import_stay():
    program = """
        import asyncio
        from asyncio import coroutines, tasks

        calls = []

        def wrapped(function):
            def wrapper(*args, **kwargs):
                calls.append(function.__name__)
                return function(*args, **kwargs)

            return wrapper

        iscoroutine = asyncio.iscoroutine = coroutines.iscoroutine = wrapped(asyncio.iscoroutine)
        ensure_future = asyncio.ensure_future = tasks.ensure_future = wrapped(asyncio.ensure_future)
        import aioxide

        aioxide.install()
        assert asyncio.iscoroutine is coroutines.iscoroutine is iscoroutine
        assert asyncio.ensure_future is tasks.ensure_future is ensure_future

        async def main():
            task = asyncio.create_task(asyncio.sleep(0))
            del calls[:]
            await asyncio.wait([task])
            for earliest in asyncio.as_completed([task]):
                await earliest
            print({"iscoroutine", "ensure_future"} <= set(calls))

        asyncio.run(main())
    """
    done = run_child(program, implementation("builtin"))
    assert (done.status, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("name", WRAPPED)
def test_function_that_somebody_has_put_there_since_stays(name):
    original = getattr(asyncio.tasks, name)
    aioxide.install()
    setattr(asyncio.tasks, name, test_function_that_somebody_has_put_there_since_stays)
    try:
        aioxide.uninstall()
        replacement = getattr(asyncio.tasks, name)
        assert replacement is test_function_that_somebody_has_put_there_since_stays
    finally:
        setattr(asyncio.tasks, name, original)


def test_functions_are_known_on_this_version():
    """Where asyncio's own is of a release with other ways, ours is not put in its place."""
    expected = {"gather", "shield", "_wait", "create_task", "ensure_future", "iscoroutine"}
    assert set(aioxide.combinators.functions) == expected, sys.version
