"""`aioxide.run()` against `asyncio.run()`."""

import asyncio
import contextvars
import signal
import sys
import threading

import aioxide
import pytest
from support import BuiltinTask, answer, new_loop

variable = contextvars.ContextVar("variable", default="unset")


def asyncio_run(main, *, debug=None, loop_factory=None):
    """`asyncio.run()`, with a `loop_factory` also where that has none."""
    if sys.version_info >= (3, 12):
        return asyncio.run(main, debug=debug, loop_factory=loop_factory)
    if loop_factory is None:
        return asyncio.run(main, debug=debug)
    with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
        return runner.run(main)


RUN = pytest.mark.parametrize("run", [asyncio_run, aioxide.run], ids=["asyncio", "aioxide"])


@pytest.fixture(autouse=True)
def _no_current_loop():
    yield
    asyncio.set_event_loop(None)


async def nothing():
    pass


# What runs


def test_tasks_are_rust_tasks_and_the_process_stays_as_it_is():
    async def main():
        task = asyncio.create_task(nothing())
        await task
        async with asyncio.TaskGroup() as group:
            in_group = group.create_task(nothing())
        assert asyncio.Task is BuiltinTask
        return {type(it) for it in (asyncio.current_task(), task, in_group)}

    before = aioxide.stats()
    assert aioxide.run(main()) == {aioxide.Task}
    assert aioxide.stats().tasks >= before.tasks + 3
    assert asyncio.Task is BuiltinTask


def test_stats_count_tasks_and_futures():
    loop = new_loop("asyncio")
    tasks, futures = before = aioxide.stats()
    assert before == aioxide.Stats(tasks=before[0], futures=before[1])
    aioxide.Future(loop=loop)
    assert aioxide.stats() == (tasks, futures + 1)
    loop.run_until_complete(aioxide.Task(nothing(), loop=loop))
    assert aioxide.stats() == (tasks + 1, futures + 1)
    loop.run_until_complete(nothing())
    assert aioxide.stats() == (tasks + 1, futures + 1)
    loop.close()


@RUN
def test_result_and_exception(run):
    async def returning():
        return 7

    async def failing():
        raise ValueError("failed")

    assert run(returning()) == 7
    with pytest.raises(ValueError, match="failed"):
        run(failing())


@RUN
def test_context_is_a_copy(run):
    async def main():
        seen = variable.get()
        variable.set("inside")
        return seen

    variable.set("outside")
    assert run(main()) == "outside"
    assert variable.get() == "outside"


@RUN
@pytest.mark.parametrize("debug", [None, False, True])
def test_debug(run, debug):
    async def main():
        return asyncio.get_running_loop().get_debug()

    by_default = asyncio_run(main())
    assert run(main(), debug=debug) is (by_default if debug is None else debug)


# What is refused


@pytest.mark.parametrize("main", [None, 42, nothing, "text", [nothing]])
def test_what_is_no_coroutine_is_refused_in_the_same_words(main):
    expected = answer(asyncio_run, main)
    assert expected[0] == "raised"
    assert answer(aioxide.run, main) == expected


def test_awaitable_is_taken_or_refused_as_by_asyncio():
    class Awaitable:
        def __await__(self):
            yield
            return "awaited"

        def __repr__(self):
            return "awaitable"

    expected = answer(asyncio_run, Awaitable())
    assert expected[:2] == ("returned", "awaited") or sys.version_info < (3, 14)
    assert answer(aioxide.run, Awaitable()) == expected


def test_running_loop_is_refused_in_the_same_words():
    async def main(run):
        coro = nothing()
        try:
            return answer(run, coro)
        finally:
            coro.close()

    expected = asyncio_run(main(asyncio_run))
    assert expected[1] is RuntimeError
    assert asyncio_run(main(aioxide.run)) == expected


@RUN
def test_arguments_are_keywords(run):
    coro = nothing()
    with pytest.raises(TypeError):
        run(coro, True)
    coro.close()


# What is cleaned up


@RUN
def test_tasks_that_are_left_are_cancelled(run):
    log = []

    async def left(name):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            log.append((name, error.args))
            raise

    async def main():
        tasks = [asyncio.create_task(left(name)) for name in "ab"]
        await asyncio.sleep(0)
        return tasks

    tasks = run(main())
    assert sorted(log) == [("a", ()), ("b", ())]
    assert all(task.cancelled() for task in tasks)


def failing_at_shutdown(run):
    reports = []

    async def left():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at shutdown")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        left.task = asyncio.create_task(left(), name="left")
        await asyncio.sleep(0)

    run(main())
    (report,) = reports
    assert report.pop("task") is left.task
    return report["message"], repr(report["exception"]), sorted(report)


def test_task_that_fails_at_shutdown_is_reported():
    assert failing_at_shutdown(aioxide.run) == failing_at_shutdown(asyncio_run)


@RUN
def test_loop_async_generators_and_executor_are_closed(run):
    log = []

    async def generator():
        try:
            yield
        finally:
            log.append("generator closed")

    async def main():
        iterator = generator()
        await anext(iterator)
        loop = asyncio.get_running_loop()
        thread = await loop.run_in_executor(None, threading.current_thread)
        return iterator, loop, thread

    _, loop, thread = run(main())
    assert log == ["generator closed"]
    assert loop.is_closed()
    assert not thread.is_alive()


def current_loop_after(run, **options):
    mine = new_loop("asyncio")
    asyncio.set_event_loop(mine)
    run(nothing(), **options)
    try:
        return asyncio.get_event_loop() is mine
    except RuntimeError as error:
        return str(error)
    finally:
        mine.close()


@pytest.mark.parametrize("factory", [None, asyncio.new_event_loop], ids=["", "loop_factory"])
def test_current_loop_afterwards(factory):
    expected = current_loop_after(asyncio_run, loop_factory=factory)
    assert current_loop_after(aioxide.run, loop_factory=factory) == expected


# Ctrl-C


@RUN
def test_ctrl_c_cancels_the_main_task(run):
    log = []

    async def main():
        log.append(type(asyncio.current_task()) is aioxide.Task)
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert log == [run is aioxide.run, "cancelled"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@RUN
def test_ctrl_c_that_the_main_task_survives(run):
    async def main():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "survived"

    assert run(main()) == "survived"


@RUN
def test_second_ctrl_c_stops_at_once(run):
    log = []

    async def main():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                log.append("raised here")
                raise

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert log == ["raised here"]


@RUN
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_errors_that_end_a_program_come_out(run, error):
    async def main():
        raise error("out")

    with pytest.raises(error, match="out"):
        run(main())


# The loop


@RUN
def test_loop_factory_is_called_once_and_its_loop_runs(run):
    made = []

    def factory():
        made.append(new_loop("subclass"))
        return made[-1]

    async def main():
        return asyncio.get_running_loop()

    assert [run(main(), loop_factory=factory)] == made
    assert made[0].is_closed()


def kind_of_task_and_whether_eager(loop_factory):
    async def main():
        task = asyncio.create_task(nothing())
        done = task.done()
        await task
        return type(task), done

    return aioxide.run(main(), loop_factory=loop_factory)


def with_factory(task_factory):
    def loop_factory():
        loop = new_loop("asyncio")
        loop.set_task_factory(task_factory)
        return loop

    return loop_factory


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio has no eager tasks here")
def test_eager_factory_of_asyncio_becomes_ours():
    factory = with_factory(asyncio.eager_task_factory)
    assert kind_of_task_and_whether_eager(factory) == (aioxide.Task, True)


def test_our_eager_factory_stays():
    factory = with_factory(aioxide.eager_task_factory)
    assert kind_of_task_and_whether_eager(factory) == (aioxide.Task, True)


def test_any_other_factory_stays():
    def factory(loop, coro, **kwargs):
        return BuiltinTask(coro, loop=loop, **kwargs)

    assert kind_of_task_and_whether_eager(with_factory(factory)) == (BuiltinTask, False)


def test_run_while_installed():
    with aioxide.installed():
        assert kind_of_task_and_whether_eager(None) == (aioxide.Task, False)
