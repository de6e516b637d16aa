"""Which task is the current one, seen from everywhere but a step while steps follow one another.

Each scenario runs on the interpreter's classes and on ours.
"""

import asyncio
import contextvars

import pytest
from support import implementation, run_child
from support.tasks import assert_like_builtin_on, ending

KINDS = ("asyncio", "uvloop", "rloop")

variable = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(params=KINDS)
def like_builtin(request, impl):
    """Runs `scenario(impl, loop, recorder)`; asserts that it gives what it should."""
    if request.param != "asyncio":
        pytest.importorskip(request.param)
    return lambda scenario: assert_like_builtin_on(request.param, scenario, impl)


def current(loop):
    task = asyncio.current_task(loop)
    return task and task.get_name()


class Witness:
    """Tells who is the current task when it goes."""

    def __init__(self, loop, log, name):
        self.loop, self.log, self.name = loop, log, name

    def __del__(self):
        self.log.append((self.name, current(self.loop)))


def run_several(loop, impl, *coroutines):
    """Runs the coroutines as tasks that become ready one after the other."""

    async def main():
        tasks = [
            impl.Task(coroutine, loop=loop, name=f"task {number}")
            for number, coroutine in enumerate(coroutines)
        ]
        await asyncio.wait(tasks)
        return [ending(task) for task in tasks]

    return loop.run_until_complete(impl.Task(main(), loop=loop, name="main"))


async def steps(log, loop, count=3):
    for _ in range(count):
        log.append(current(loop))
        await asyncio.sleep(0)


def test_each_step_sees_its_own_task(like_builtin):
    def scenario(impl, loop, recorder):
        log = []
        return run_several(loop, impl, *(steps(log, loop) for _ in range(4))), log

    _, log = like_builtin(scenario)
    assert log == ["task 0", "task 1", "task 2", "task 3"] * 3


def test_nobody_is_there_when_a_callback_runs_between_steps(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def calling():
            for _ in range(3):
                loop.call_soon(lambda: log.append(("call", current(loop))))
                await asyncio.sleep(0)

        async def ending():
            return None

        def add_callback(task):
            task.add_done_callback(lambda _: log.append(("callback", current(loop))))

        async def making():
            add_callback(impl.Task(ending(), loop=loop, name="made"))
            await asyncio.sleep(0)

        coroutines = [steps(log, loop), calling(), making(), steps(log, loop), making()]
        return run_several(loop, impl, *coroutines), log

    _, log = like_builtin(scenario)
    assert [entry for entry in log if entry[0] == "call"] == [("call", None)] * 3
    assert [entry for entry in log if entry[0] == "callback"] == [("callback", None)] * 2


def test_nobody_is_there_when_a_task_that_nobody_holds_goes(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def holding(witness):
            return witness

        async def making():
            for name in "abc":
                impl.Task(holding(Witness(loop, log, name)), loop=loop, name=f"made {name}")
            await asyncio.sleep(0)

        coroutines = [steps(log, loop), making(), steps(log, loop)]
        return run_several(loop, impl, *coroutines), log

    _, log = like_builtin(scenario)
    assert [entry for entry in log if entry[0] in "abc"] == [("a", None), ("b", None), ("c", None)]


def test_nobody_is_there_when_the_result_of_a_future_goes(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        async def waiting(future):
            await future

        async def main():
            futures = [impl.Future(loop=loop) for _ in range(3)]
            for number in range(3):
                impl.Task(waiting(futures[number]), loop=loop, name=f"waiting {number}")
            await asyncio.sleep(0)
            while futures:
                futures.pop().set_result(Witness(loop, log, len(futures)))
            await asyncio.sleep(0)

        return run_several(loop, impl, main()), log

    _, log = like_builtin(scenario)
    assert len(log) == 3


def test_nobody_is_there_for_the_result_of_a_subclass(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        class Telling(impl.Future):
            def result(self):
                log.append(("result", current(loop)))
                return super().result()

        async def waiting(future):
            return await future

        future = Telling(loop=loop)

        async def finishing():
            await asyncio.sleep(0)
            future.set_result("result")

        coroutines = [steps(log, loop), waiting(future), finishing(), steps(log, loop)]
        return run_several(loop, impl, *coroutines), log

    _, log = like_builtin(scenario)
    assert ("result", None) in log


def test_nobody_is_there_when_the_loop_is_told_of_an_error(like_builtin):
    def scenario(impl, loop, recorder):
        log = []

        def handler(*arguments):  # rloop gives it the context only
            log.append((str(arguments[-1]["exception"]), current(loop)))

        loop.set_exception_handler(handler)

        async def failing(name):
            raise ValueError(name)

        async def making():
            for name in "ab":
                impl.Task(failing(name), loop=loop, name=f"made {name}")
            await asyncio.sleep(0)

        return run_several(loop, impl, steps(log, loop), making(), steps(log, loop)), log

    _, log = like_builtin(scenario)
    assert [entry for entry in log if len(entry) == 2] == [("a", None), ("b", None)]


@pytest.mark.parametrize("way", ["leave", "swap"])
def test_a_step_that_takes_itself_away_is_reported(like_builtin, way):
    if way == "swap" and not hasattr(asyncio.tasks, "_swap_current_task"):
        pytest.skip("since 3.12")

    def scenario(impl, loop, recorder):
        log = []

        async def going():
            task = asyncio.current_task()
            if way == "leave":
                asyncio.tasks._leave_task(loop, task)
            else:
                asyncio.tasks._swap_current_task(loop, None)
            log.append(current(loop))
            await asyncio.sleep(0)
            log.append(current(loop))

        coroutines = [steps(log, loop), going(), steps(log, loop)]
        outcome = run_several(loop, impl, *coroutines)
        return outcome, log, [str(report["exception"]) for report in recorder.take()]

    like_builtin(scenario)


def test_to_import_it_within_a_task():
    """On 3.14 it looks there for where the interpreter has the current task."""
    program = """
        import asyncio

        async def main():
            own = asyncio.current_task()
            import aioxide
            assert asyncio.current_task() is own and asyncio.get_running_loop() is own.get_loop()
            await asyncio.sleep(0)
            assert asyncio.current_task() is own
            aioxide.install()
            inner = asyncio.create_task(current())
            assert await inner is inner
            assert asyncio.current_task() is own

        async def current():
            await asyncio.sleep(0)
            return asyncio.current_task()

        asyncio.run(main())
        print("ended")
    """
    outcome = run_child(program, implementation("builtin"))
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "ended\n", "")
