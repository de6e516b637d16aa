"""What one step makes ready, one after the other, and what comes in between.

On a stock loop such pieces of work share an entry of the queue, as long as nobody can see that.
Each scenario runs on the interpreter's classes and on ours, on a loop that runs by itself.
"""

import asyncio
import collections

import pytest
from support import run_passes
from support.tasks import assert_like_builtin, supervised_loop

NAMES = "abcdef"


async def steps(log, name):
    for number in range(2):
        log.append((name, number))
        await asyncio.sleep(0)


def give_up(tasks):
    """Lets go of tasks whose handles were cancelled."""
    for task in tasks:
        if not task.done():
            task._log_destroy_pending = False
            task.get_coro().close()


class Context:
    """Passes for a context, of which only `run()` is known."""

    def __init__(self, log):
        self.log = log

    def run(self, function, *arguments):
        self.log.append("in a context")
        return function(*arguments)


class Between:
    """What happens in a step before it makes anything ready, and between that."""

    def __init__(self, impl, loop, log, patch):
        self.impl, self.loop, self.log, self.patch = impl, loop, log, patch
        self.tasks = []

    def make(self, name, **options):
        task = self.impl.Task(steps(self.log, name), loop=self.loop, name=name, **options)
        self.tasks.append(task)

    def noting(self, function):
        def noted(*arguments, **options):
            self.log.append(function.__name__)
            return function(*arguments, **options)

        return noted

    def nothing(self, number):
        pass

    def a_call(self, number):
        self.loop.call_soon(self.log.append, ("call", number))

    def debug_mode(self, number):
        if number % 2:  # the last one was made in it
            self.log.append(self.loop._ready[-1]._source_traceback is not None)
        self.loop._debug = number % 2 == 0  # set_debug() puts a handle into the queue

    def another_queue(self, number):
        self.loop._ready = collections.deque(self.loop._ready)

    def a_queue_that_is_emptied_for_a_while(self, number):
        ready = list(self.loop._ready)
        self.loop._ready.clear()
        self.loop.call_soon(self.log.append, ("call", number))
        self.loop._ready.extend(ready)

    def cancelled_handles(self, number):
        if number:
            self.loop._ready[-1].cancel()
        else:
            self.loop.call_soon(self.log.append, "first")

    def call_soon_of_the_loop(self, number):
        if number == 1:
            self.loop.call_soon = self.noting(self.loop.call_soon)
        elif number == 3:
            del self.loop.call_soon

    def call_soon_of_the_class(self, number):
        if number == 1:
            noted = self.noting(asyncio.BaseEventLoop.call_soon)
            self.patch.setattr(asyncio.BaseEventLoop, "call_soon", noted)
        elif number == 3:
            self.patch.undo()

    def handles_that_are_watched(self, number):
        if number == 0:
            self.patch.setattr(asyncio.Handle, "_run", self.noting(asyncio.Handle._run))

    def a_task_with_another_kind_of_context(self, number):
        self.make(f"{number}", context=Context(self.log))


CASES = [name for name in vars(Between) if name[0] != "_" and name not in ("noting", "make")]


@pytest.mark.parametrize("case", CASES)
def test_between_tasks_that_a_step_makes(impl, monkeypatch, case):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, reports), monkeypatch.context() as patch:
            between = Between(impl, loop, log, patch)

            async def main():
                for number, name in enumerate(NAMES):
                    getattr(between, case)(number)
                    between.make(name)

            loop.run_until_complete(impl.Task(main(), loop=loop))
            loop.set_debug(False)
            run_passes(loop, 4)
            give_up(between.tasks)
        return log, reports.messages()

    log, _ = assert_like_builtin(scenario, impl)
    assert ("f", 0) in log


@pytest.mark.parametrize("case", [case for case in CASES if "context" not in case])
def test_between_futures_that_a_step_finishes(impl, monkeypatch, case):
    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, reports), monkeypatch.context() as patch:
            between = Between(impl, loop, log, patch)
            futures = {name: impl.Future(loop=loop) for name in NAMES}

            async def waiting(name):
                log.append((name, await futures[name]))
                await steps(log, name)

            async def main():
                for number, name in enumerate(NAMES):
                    getattr(between, case)(number)
                    futures[name].set_result(number)

            tasks = [impl.Task(waiting(name), loop=loop, name=name) for name in NAMES]
            run_passes(loop, 1)
            loop.run_until_complete(impl.Task(main(), loop=loop))
            loop.set_debug(False)
            run_passes(loop, 5)
            give_up(tasks)
        return log, reports.messages()

    log, _ = assert_like_builtin(scenario, impl)
    assert ("f", 0) in log


def test_an_entry_that_was_run_takes_no_more(impl):
    """Somebody runs what a step has made ready, and puts the entry back."""

    def scenario(impl):
        log = []
        with supervised_loop(impl) as (loop, _):
            futures = [impl.Future(loop=loop) for _ in range(3)]

            async def waiting(number):
                log.append((number, await futures[number]))

            async def main():
                futures[0].add_done_callback(lambda future: log.append("called"))
                futures[0].set_result("first")
                entry = loop._ready.pop()
                entry._run()
                loop._ready.append(entry)
                futures[1].set_result("second")
                loop._ready.remove(entry)
                futures[2].set_result("third")

            tasks = [impl.Task(waiting(number), loop=loop) for number in (1, 2)]
            run_passes(loop, 1)
            loop.run_until_complete(impl.Task(main(), loop=loop))
            run_passes(loop, 3)
            assert all(task.done() for task in tasks)
        return log

    log = assert_like_builtin(scenario, impl)
    assert log == ["called", (1, "second"), (2, "third")]


def test_they_share_an_entry(impl):
    """Also on a loop after another one was given a `call_soon()` of its own."""
    lengths = []
    for _ in range(2):
        with supervised_loop(impl) as (loop, _):

            async def main(loop):
                for name in NAMES:
                    impl.Task(steps([], name), loop=loop)
                lengths.append(len(loop._ready))

            loop.run_until_complete(impl.Task(main(loop), loop=loop))
            run_passes(loop, 3)
            loop.call_soon = loop.call_soon
            del loop.call_soon
    assert lengths == ([1, 1] if impl.name == "rust" else [len(NAMES)] * 2)
