"""Every circumstance of a cancellation with every other.

When it comes, what the task waits for, how often and with which messages, and what the coroutine
makes of it. The whole course must be that of the interpreter's class: everything that can be seen
between the passes of the loop, the state of the task, what the coroutine saw, what `cancel()`
answered, how it all ended and what was reported.
"""

import asyncio
import itertools
from asyncio.futures import _PyFuture
from asyncio.tasks import _PyTask

import pytest
from support import BuiltinFuture, BuiltinTask, answer, implementation, run_passes
from support.tasks import described, ending, reported, supervised_loop

WHEN = (
    "before the first step",
    "while waiting",
    "when the awaited is done",
    "while running, before waiting",
    "while running, before the end",
    "while cleaning up",
)

# What is done to the task: in each group at one moment, between the groups a pass of the loop.
REQUESTS = {
    "once": [["cancel first"]],
    "once without message": [["cancel"]],
    "twice at once": [["cancel first", "cancel second"]],
    "twice, the second without message": [["cancel first", "cancel"]],
    "twice, a pass between": [["cancel first"], ["cancel second"]],
    "and taken back": [["cancel first", "uncancel"]],
    "and taken back a pass later": [["cancel first"], ["uncancel"]],
    "twice and taken back twice": [["cancel first", "cancel second", "uncancel", "uncancel"]],
    "taken back and renewed": [["cancel first", "uncancel", "cancel second"]],
}

REACTIONS = (
    "is not caught",
    "is raised again",
    "is raised anew",
    "is swallowed",
    "is turned into an error",
    "is taken back, and waits on",
    "waits on and raises again",
)


class Awaited:
    """What the task waits for: `wait()` makes the awaitable, `finish()` lets it come to its end."""

    def __init__(self, wait, finish=lambda: None, states=lambda: ()):
        self.wait = wait
        self.finish = finish
        self.states = states


def of_future(kind):
    def make(impl, loop):
        future = kind(impl)(loop=loop)
        return Awaited(lambda: future, lambda: settle(future), lambda: (future,))

    return make


def of_task(kind, body):
    """`body` is given the future that it waits for, always one of the interpreter's own."""

    def make(impl, loop):
        future = BuiltinFuture(loop=loop)
        task = kind(impl)(body(future), loop=loop, name="inner")
        return Awaited(lambda: task, lambda: settle(future), lambda: (task, future))

    return make


def settle(future):
    if not future.done():
        future.set_result("settled")


def stubborn(impl):
    """A future that does not let itself be cancelled."""

    class Stubborn(impl.Future):
        def cancel(self, msg=None):
            return False

    return Stubborn


def explosive(impl):
    class Explosive(impl.Future):
        def cancel(self, msg=None):
            raise ZeroDivisionError(msg)

    return Explosive


async def plain(future):
    return await future


async def swallowing(future):
    try:
        await future
    except asyncio.CancelledError:
        return "swallowed"


async def waiting_on(future):
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await future


async def converting(future):
    try:
        await future
    except asyncio.CancelledError as error:
        raise LookupError("converted") from error


def shielded(impl, loop):
    future = BuiltinFuture(loop=loop)
    return Awaited(lambda: asyncio.shield(future), lambda: settle(future), lambda: (future,))


def nothing(impl, loop):
    return Awaited(lambda: asyncio.sleep(0))


AWAITED = {
    "own future": of_future(lambda impl: impl.Future),
    "stock future": of_future(lambda _: BuiltinFuture),
    "python future": of_future(lambda _: _PyFuture),
    "stubborn future": of_future(stubborn),
    "explosive future": of_future(explosive),
    "own task": of_task(lambda impl: impl.Task, plain),
    "stock task": of_task(lambda _: BuiltinTask, plain),
    "python task": of_task(lambda _: _PyTask, plain),
    "own task that swallows it": of_task(lambda impl: impl.Task, swallowing),
    "own task that waits on": of_task(lambda impl: impl.Task, waiting_on),
    "own task that turns it into an error": of_task(lambda impl: impl.Task, converting),
    "shield": shielded,
    "bare yield": nothing,
}


class Course:
    """One task under one set of circumstances, run to its end; `trace` tells all that was seen."""

    def __init__(self, impl, loop, when, awaited, requests, reaction):
        self.loop = loop
        self.when = when
        self.reaction = reaction
        self.requests = iter(requests)
        self.trace = []
        self.first = AWAITED[awaited](impl, loop)
        self.second = AWAITED[awaited](impl, loop)
        self.task = impl.Task(self.body(), loop=loop, name="T")
        self.task.add_done_callback(lambda _: self.trace.append("callback"))

    async def body(self):
        caught = () if self.reaction == "is not caught" else asyncio.CancelledError
        self.trace.append("started")
        if self.when == "while running, before waiting":
            self.request()
        try:
            self.trace.append(("resumed with", await self.first.wait()))
            if self.when == "while running, before the end":
                self.request()
            return "end"
        except caught as error:
            self.trace.append(described(error))
            return await self.react()
        finally:
            if self.when == "while cleaning up":
                self.trace.append("cleaning up")
                await self.second.wait()
                self.trace.append("cleaned up")

    async def react(self):
        match self.reaction:
            case "is raised again":
                raise
            case "is raised anew":
                raise asyncio.CancelledError("anew")
            case "is turned into an error":
                raise ValueError("turned")
            case "is taken back, and waits on":
                self.trace.append(self.task.uncancel())
                return await self.second.wait()
            case "waits on and raises again":
                await self.second.wait()
                raise
        return "swallowed"

    def request(self):
        for request in next(self.requests, ()):
            verb, *message = request.split()
            self.trace.append((request, answer(getattr(self.task, verb), *message)))
            self.look()

    def look(self):
        task = self.task
        waiter = task._fut_waiter
        waits_for = [
            future is waiter for awaited in (self.first, self.second) for future in awaited.states()
        ]
        state = task._state, task._must_cancel, task.cancelling(), task._cancel_message
        self.trace.append((*state, waiter is None, waits_for))

    def run(self):
        """Lets the task come as far as it has to, cancels it there, then lets everything finish."""
        if self.when == "before the first step":
            self.request()
        self.a_pass()
        if self.when == "while waiting":
            self.request()
        elif self.when == "when the awaited is done":
            self.first.finish()
            self.request()
        elif self.when in ("while running, before the end", "while cleaning up"):
            self.first.finish()
            self.a_pass(3)
            if self.when == "while cleaning up":
                self.request()
        self.a_pass()
        self.request()  # the second group
        self.a_pass(3)
        for awaited in (self.first, self.second):
            awaited.finish()
            self.a_pass(4)
        for future in (self.task, *self.first.states(), *self.second.states()):
            self.trace.append(ending(future))
            future._log_destroy_pending = False  # some wait for ever, here as there
        return self.trace

    def a_pass(self, passes=1):
        for _ in range(passes):
            run_passes(self.loop)
            self.look()


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("awaited", AWAITED)
def test_the_course_is_that_of_the_interpreter(impl, when, awaited):
    oracle = implementation("builtin")
    with supervised_loop(impl) as (loop, reports), supervised_loop(oracle) as (stock, expected):
        for requests, reaction in itertools.product(REQUESTS, REACTIONS):
            theirs = Course(oracle, stock, when, awaited, REQUESTS[requests], reaction).run()
            ours = Course(impl, loop, when, awaited, REQUESTS[requests], reaction).run()
            circumstances = f"{when}, {awaited}, {requests}, {reaction}"
            assert ours == theirs, circumstances
            assert reported(reports) == reported(expected), circumstances
