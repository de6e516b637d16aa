"""`install()`, `uninstall()` and `installed()`: which names change, and that loops follow."""

import asyncio
import asyncio.futures
import asyncio.tasks
import importlib
import importlib.util
import pkgutil
import sys

import aioxide
import pytest
from support import (
    BuiltinFuture,
    BuiltinTask,
    answer,
    implementation,
    new_loop,
    normalised,
    run_child,
)

EAGER = sys.version_info >= (3, 12)
AWAITED_BY = sys.version_info >= (3, 14)


@pytest.fixture(autouse=True)
def _nothing_installed():
    aioxide.uninstall()
    yield
    aioxide.uninstall()


@pytest.fixture
def plain_loop():
    """A stock loop, with no task factory."""
    loop = new_loop("asyncio")
    yield loop
    loop.close()


# Names


def names():
    """Returns what each name in each of asyncio's modules is bound to."""
    modules = [asyncio]
    for found in pkgutil.iter_modules(asyncio.__path__, "asyncio."):
        if "windows" not in found.name and not found.name.endswith("__main__"):
            modules.append(importlib.import_module(found.name))
    return {(m.__name__, name): value for m in modules for name, value in vars(m).items()}


def test_install_changes_these_names_and_no_others():
    before = names()
    aioxide.install()
    after = names()
    changed = {name: after[name] for name in after if after[name] is not before.get(name)}
    expected = {
        ("asyncio.tasks", "_GatheringFuture"): aioxide._core._GatheringFuture,
        ("asyncio.tasks", "_wait"): aioxide.combinators.wait,
        ("asyncio", "gather"): aioxide._core.gather,
        ("asyncio.tasks", "gather"): aioxide._core.gather,
        ("asyncio", "shield"): aioxide._core.shield,
        ("asyncio.tasks", "shield"): aioxide._core.shield,
        ("asyncio", "create_task"): aioxide._core.create_task,
        ("asyncio.tasks", "create_task"): aioxide._core.create_task,
        ("asyncio", "ensure_future"): aioxide._core.ensure_future,
        ("asyncio.tasks", "ensure_future"): aioxide._core.ensure_future,
        ("asyncio", "iscoroutine"): aioxide.combinators.iscoroutine,
        ("asyncio.coroutines", "iscoroutine"): aioxide.combinators.iscoroutine,
        ("asyncio", "Future"): aioxide.Future,
        ("asyncio", "Task"): aioxide.Task,
        ("asyncio.futures", "Future"): aioxide.Future,
        ("asyncio.tasks", "Task"): aioxide.Task,
    }
    if EAGER:
        expected["asyncio", "eager_task_factory"] = aioxide.eager_task_factory
        expected["asyncio.tasks", "eager_task_factory"] = aioxide.eager_task_factory
    if AWAITED_BY:
        for module in ("asyncio", "asyncio.futures"):
            for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by"):
                expected[module, name] = getattr(aioxide._core, name)
    assert changed == expected


def test_uninstall_puts_every_name_back():
    before = names()
    aioxide.install()
    aioxide.uninstall()
    assert {name: id(value) for name, value in names().items()} == {
        name: id(value) for name, value in before.items()
    }
    assert asyncio.Task is BuiltinTask
    assert asyncio.Future is BuiltinFuture


def test_both_are_idempotent():
    before = names()
    aioxide.uninstall()
    assert names() == before
    aioxide.install()
    installed = names()
    aioxide.install()
    assert names() == installed
    aioxide.uninstall()
    assert names() == before
    aioxide.uninstall()
    assert names() == before


def test_importing_changes_nothing():
    # The functions as well: asyncio takes them from its C module only if that was not loaded first.
    program = """
    import asyncio
    for module in asyncio, asyncio.tasks, asyncio.futures, asyncio.events:
        for name, value in sorted(vars(module).items()):
            if callable(value):
                print(name, value)
    """
    plain = run_child(program, implementation("builtin"))
    assert plain.stdout.count("\n") > 100
    assert run_child(program, implementation("builtin"), setup="import aioxide") == plain


def test_somebody_elses_class_comes_back(monkeypatch):
    monkeypatch.setattr(asyncio.tasks, "Task", asyncio.tasks._PyTask)
    aioxide.install()
    assert asyncio.tasks.Task is aioxide.Task
    aioxide.uninstall()
    assert asyncio.tasks.Task is asyncio.tasks._PyTask
    assert asyncio.Task is BuiltinTask


def test_class_that_somebody_has_put_there_since_stays():
    class Special(aioxide.Task):
        pass

    aioxide.install()
    asyncio.tasks.Task = Special
    try:
        aioxide.uninstall()
        assert asyncio.tasks.Task is Special
        assert asyncio.Task is BuiltinTask
    finally:
        asyncio.tasks.Task = BuiltinTask


# installed()


def test_installed_ends_with_its_block():
    with aioxide.installed():
        assert asyncio.Task is aioxide.Task
    assert asyncio.Task is BuiltinTask


def test_installed_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), aioxide.installed():
        1 / 0  # noqa: B018
    assert asyncio.Task is BuiltinTask


def test_installed_within_an_installation_keeps_it():
    aioxide.install()
    with aioxide.installed():
        assert asyncio.Task is aioxide.Task
    assert asyncio.Task is aioxide.Task


def test_installed_within_installed():
    with aioxide.installed():
        with aioxide.installed():
            pass
        assert asyncio.Future is aioxide.Future
    assert asyncio.Future is BuiltinFuture


def test_installed_as_a_decorator():
    @aioxide.installed()
    def task_class():
        return asyncio.Task

    for _ in range(2):
        assert task_class() is aioxide.Task
        assert asyncio.Task is BuiltinTask


# What a loop and asyncio's functions make


async def returning(value=None):
    return value


def test_stock_loop_follows_while_it_runs(plain_loop):
    made = []

    def make():
        task, future = asyncio.create_task(returning()), plain_loop.create_future()
        made.append((type(task), type(future)))
        return task

    async def main():
        tasks = [make()]
        aioxide.install()
        tasks.append(make())
        aioxide.uninstall()
        tasks.append(make())
        for task in tasks:
            await task
        return type(asyncio.current_task())

    assert plain_loop.run_until_complete(main()) is BuiltinTask
    rust, builtin = (aioxide.Task, aioxide.Future), (BuiltinTask, BuiltinFuture)
    assert made == [builtin, rust, builtin]


def test_everything_that_asyncio_makes_is_an_asyncio_task_or_future(plain_loop):
    async def main():
        loop = asyncio.get_running_loop()
        shielded = loop.create_future()
        made = {
            "current_task": asyncio.current_task(),
            "create_task": asyncio.create_task(returning()),
            "ensure_future": asyncio.ensure_future(returning()),
            "Task": asyncio.Task(returning(), loop=loop),
            "create_future": loop.create_future(),
            "gather": asyncio.gather(returning(), returning()),
            "gather of nothing": asyncio.gather(),
            "shield": asyncio.shield(shielded),
            "run_in_executor": loop.run_in_executor(None, int),
        }
        async with asyncio.TaskGroup() as group:
            made["TaskGroup"] = group.create_task(returning())
        shielded.set_result(None)
        made["create_future"].set_result(None)
        await asyncio.wait([future for name, future in made.items() if name != "current_task"])
        await loop.shutdown_default_executor()
        return made

    with aioxide.installed():
        made = plain_loop.run_until_complete(main())
        assert {name: isinstance(it, asyncio.Future) for name, it in made.items()} == dict.fromkeys(
            made, True
        )
    for name, future in made.items():
        assert isinstance(future, BuiltinFuture)
        assert isinstance(future, aioxide.Future)
        assert isinstance(future, aioxide.Task) == isinstance(future, BuiltinTask)
        if name != "gather":
            assert type(future) in (aioxide.Task, aioxide.Future)


def gathering(return_exceptions):
    """Returns what `gather()` does with its children, cancelled and not."""

    async def failing():
        raise ValueError("failing")

    async def refusing():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            return error.args

    async def main():
        seen = []
        for children, cancelled in [
            ([returning(1), returning(2)], False),
            ([returning(1), failing()], False),
            ([refusing(), refusing()], True),
        ]:
            outer = asyncio.gather(*children, return_exceptions=return_exceptions)
            seen.append(normalised(repr(outer)))
            await asyncio.sleep(0)
            if cancelled:
                seen.append(outer.cancel(msg="enough"))
            await asyncio.wait([outer])
            seen += [normalised(repr(outer)), outer.cancelled(), outer.cancel()]
            seen.append(normalised(repr(answer(outer.result))))
        return seen

    with asyncio.Runner(loop_factory=lambda: new_loop("asyncio")) as runner:
        return runner.run(main())


@pytest.mark.parametrize("return_exceptions", [False, True])
def test_gather_does_what_it_did(return_exceptions):
    expected = gathering(return_exceptions)
    with aioxide.installed():
        assert gathering(return_exceptions) == expected


def test_eager_start_of_a_task_made_by_its_class(plain_loop):
    async def main():
        return asyncio.Task(returning(7), loop=plain_loop, eager_start=True).result()

    with aioxide.installed():
        assert plain_loop.run_until_complete(main()) == 7


@pytest.mark.skipif(not EAGER, reason="asyncio has no eager tasks here")
def test_eager_task_factory_of_asyncio(plain_loop):
    async def main():
        task = asyncio.create_task(returning(7))
        return type(task), task.done()

    with aioxide.installed():
        plain_loop.set_task_factory(asyncio.eager_task_factory)
        assert plain_loop.run_until_complete(main()) == (aioxide.Task, True)


# Loops that look the classes up when they are imported

PACKAGES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(name) is None, reason=f"{name} is not installed"
        ),
    )
    for name in ("uvloop", "rloop")
]
IMPORTED_LOOP = pytest.mark.parametrize("package", PACKAGES)

KINDS = """
import asyncio, aioxide

def kinds(loop):
    async def main():
        made = [
            asyncio.current_task(),
            asyncio.create_task(asyncio.sleep(0)),
            loop.create_task(asyncio.sleep(0)),
            asyncio.ensure_future(asyncio.sleep(0)),
        ]
        await asyncio.wait(made[1:])
        made.append(loop.create_future())
        return {type(it) in (aioxide.Task, aioxide.Future) for it in made}

    try:
        return {(True,): "rust", (False,): "builtin"}[tuple(loop.run_until_complete(main()))]
    finally:
        loop.close()
"""


def check(program):
    """Runs `program` in an interpreter of its own; it has to end well, and to say nothing else."""
    outcome = run_child(program, implementation("builtin"))
    assert outcome == (0, "", "")


@IMPORTED_LOOP
def test_loop_imported_first(package):
    check(
        KINDS
        + f"""
import {package} as package
loop_class = type(package.new_event_loop())
before = dict(vars(loop_class))
assert kinds(package.new_event_loop()) == "builtin"
for _ in range(2):
    aioxide.install()
    assert kinds(package.new_event_loop()) == "rust"
    aioxide.uninstall()
    assert kinds(package.new_event_loop()) == "builtin"
    assert dict(vars(loop_class)) == before
"""
    )


@IMPORTED_LOOP
def test_loop_imported_while_installed(package):
    check(
        KINDS
        + f"""
aioxide.install()
import {package} as package
loop_class = type(package.new_event_loop())
before = dict(vars(loop_class))
for _ in range(2):
    assert kinds(package.new_event_loop()) == "rust"
    assert dict(vars(loop_class)) == before
    aioxide.uninstall()
    assert kinds(package.new_event_loop()) == "builtin"
    aioxide.install()
"""
    )


@IMPORTED_LOOP
def test_loop_imported_between_two_installations(package):
    check(
        KINDS
        + f"""
aioxide.install()
aioxide.uninstall()
import {package} as package
assert kinds(package.new_event_loop()) == "builtin"
with aioxide.installed():
    assert kinds(package.new_event_loop()) == "rust"
assert kinds(package.new_event_loop()) == "builtin"
"""
    )


@IMPORTED_LOOP
def test_loop_that_exists_already_follows(package):
    check(
        KINDS
        + f"""
import {package}
loop = {package}.new_event_loop()
aioxide.install()
assert kinds(loop) == "rust"
"""
    )


@IMPORTED_LOOP
def test_subclass_of_a_loop_follows(package):
    check(
        KINDS
        + f"""
import {package}

class Loop(type({package}.new_event_loop())):
    def create_task(self, coro, **kwargs):
        calls.append(coro)
        return super().create_task(coro, **kwargs)

calls = []
aioxide.install()
assert kinds(Loop()) == "rust"
assert len(calls) == 4
"""
    )


@IMPORTED_LOOP
def test_method_that_somebody_has_wrapped_since_stays(package):
    check(
        KINDS
        + f"""
import {package} as package
loop_class = type(package.new_event_loop())
aioxide.install()
wrapped = loop_class.create_task
def wrapper(*args, **kwargs):
    calls.append(args)
    return wrapped(*args, **kwargs)
calls = []
loop_class.create_task = wrapper
for expected in "builtin", "rust", "builtin":
    aioxide.uninstall() if expected == "builtin" else aioxide.install()
    assert kinds(package.new_event_loop()) == expected
    assert len(calls) == 4, calls
    calls.clear()
"""
    )


def test_loops_are_not_imported_for_it():
    check(
        """
        import sys, aioxide
        aioxide.install()
        aioxide.uninstall()
        assert not {"uvloop", "rloop"} & set(sys.modules)
        """
    )


CREATE_TASK = """
import asyncio, contextvars, os
import {package}

variable = contextvars.ContextVar("variable", default="outer")
context = contextvars.copy_context()
context.run(variable.set, "inner")
loop = {package}.new_event_loop()

async def read():
    return variable.get()

async def make(**options):
    coro = read()
    try:
        task = loop.create_task(coro, **options)
    except TypeError:
        coro.close()
        return "TypeError"
    name = task.get_name()
    return task.done(), name if "name" in options else name[:5], await task

def factory(*args, **options):
    print(options, len(args))
    return asyncio.Task(args[1], loop=args[0])

for factory in None, factory:
    loop.set_task_factory(factory)
    for options in [
        {{}}, {{"name": "named"}}, {{"name": 7}}, {{"context": context}}, {{"context": None}},
        {{"name": "named", "context": context}}, {{"nonsense": 1}},
        {{"eager_start": None}}, {{"eager_start": False}}, {{"eager_start": True}},
        {{"eager_start": True, "name": "named"}},
    ]:
        print(loop.run_until_complete(make(**options)))

loop.set_task_factory(None)

async def made_in_debug_mode():
    loop.set_debug(True)
    future = loop.create_future()
    future.set_result(None)
    for made in future, loop.create_task(read()), asyncio.create_task(read(), name="named"):
        frames = made._source_traceback or []
        print([(os.path.basename(frame.filename), frame.lineno) for frame in frames])
        await made
    loop.set_debug(False)

loop.run_until_complete(made_in_debug_mode())

def attempt(coro):
    try:
        loop.create_task(coro)
    except Exception as error:
        print(type(error), error)

attempt(42)
loop.close()
coro = read()
attempt(coro)
coro.close()
"""


@IMPORTED_LOOP
@pytest.mark.parametrize("imported", ["before", "after"])
def test_create_task_is_as_the_loops_own(package, imported):
    """`before`: made by our method. `after`: made by the loop's own method, of the Rust class."""
    program = CREATE_TASK.format(package=package)
    expected = run_child(program, implementation("builtin"))
    assert expected.status == 0, expected.stderr
    setup = f"import {package}" if imported == "before" else ""
    assert run_child(program, implementation("rust"), setup=setup) == expected
