"""Tasks whose `__init__` ran twice, or not at all."""

import gc
import re

import pytest
from support import (
    BuiltinTask,
    answer,
    implementation,
    run_child,
    run_passes,
)
from support.tasks import assert_like_builtin, ending, reported, supervised_loop


async def returning(value=None):
    return value


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
    with pytest.raises(TypeError, match=r"^a coroutine was expected, got None$"):
        task.__init__(None, loop=stock_loop)
    assert not task.done()
    assert not task._log_destroy_pending
    del task
    gc.collect()
    assert errors.take() == []


# What every method and attribute says where `__init__` never ran, each tried in a process forked
# for it alone.
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

    def setting(task, name, value):
        setattr(task, name, value)
        return getattr(task, name)

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
                attempt(f"{name}={value}", lambda task: setting(task, name, value))
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
            # Where the interpreter's class brings the process down, ours does anything but that.
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
