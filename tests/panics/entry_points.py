"""Every way from Python into the core, by name, with a call of it."""

import asyncio
import collections
import contextlib
import gc
import io
import os
import sys

from aioxide import Future, Task, _core
from support import LoopMissing, MinimalLoop, new_loop, run_passes

from panics.sweep import WHERE, forever, running, runs_the_loop, uses_the_runtime


class SubFuture(Future):
    pass


class SubGathering(_core._GatheringFuture):
    pass


class SubTask(Task):
    pass


class Broken(Exception):
    pass


# Objects to call something of.


def pending(world):
    return world.keep(Future(loop=world.loop))


def blank(world):
    return world.keep(Future.__new__(Future))


def returned(world):
    future = pending(world)
    future.set_result("result")
    return future


def raised(world):
    future = pending(world)
    future.set_exception(Broken())
    return future


def cancelled(world):
    future = pending(world)
    future.cancel("why")
    return future


def awaited(world):
    """A future with a task and a function that wait for it."""
    future = pending(world)
    world.keep(Task(wait_for(future), loop=world.loop))
    run_passes(world.loop, 2)
    future.add_done_callback(print_nothing)
    return future


async def wait_for(future):
    WHERE.set("inside")
    return await future


def print_nothing(future):
    pass


def new_task(world):
    return world.keep(Task(wait_for(pending(world)), loop=world.loop))


def waiting_task(world):
    task = new_task(world)
    run_passes(world.loop, 2)
    return task


def task_of_task(world):
    task = world.keep(Task(wait_for(new_task(world)), loop=world.loop))
    run_passes(world.loop, 2)
    return task


def handle(world):
    """What lies in the queue of a stock loop."""
    new_task(world)
    return world.loop._ready[-1]


def gathering(world):
    return world.keep(asyncio.gather(pending(plain(world)), pending(world)))


def watch(world):
    future, waiter = pending(plain(world)), pending(world)
    return world.keep(_core.Watch({future}, waiter, None, "ALL_COMPLETED"))


def watching(world):
    made = watch(world)
    made.start()
    return made


def plain(world):
    """The world with a loop on which nothing is left to asyncio's own code."""
    world.loop.set_task_factory(None)
    return world


def done_callback(world):
    """What a gathering has registered with its first child."""
    (callback, _), *_ = gathering(world)._children[0]._callbacks
    return callback


# Ways to call it.


def method(make, name, *args, **kwargs):
    def scenario(world):
        bound = getattr(make(world), name)
        return lambda: bound(*args, **kwargs)

    return scenario


def getter(make, name):
    def scenario(world):
        target = make(world)
        return lambda: getattr(target, name)

    return scenario


def setter(make, name, value):
    def scenario(world):
        target = make(world)
        return lambda: setattr(target, name, value)

    return scenario


def iterator(make, name, *args):
    return method(lambda world: iter(make(world)), name, *args)


def made(cls, *args, **kwargs):
    """A call of the class; for tasks with a coroutine."""

    def scenario(world):
        own = (forever(),) if issubclass(cls, Task) else ()
        return lambda: world.keep(cls(*own, *args, loop=world.loop, **kwargs))

    return scenario


def gathering_made(cls):
    def scenario(world):
        children = [pending(plain(world))]
        return lambda: world.keep(cls(children, loop=world.loop))

    return scenario


def in_the_loop(start):
    """The loop calls `start(world)`, and runs until the future that this returns is done.

    A thread of the runtime may be at work for that: it takes as many passes as it takes. After a
    panic nobody knows whether the future will ever be done.
    """

    def scenario(world):
        done = []

        def begin():
            world.keep(start(world)).add_done_callback(done.append)

        def run_until_done():
            while not (done or world.told):
                run_passes(world.loop)
            run_passes(world.loop, 5)
            world.keep(*done)
            done.clear()

        plain(world).loop.call_soon(begin)
        return uses_the_runtime(runs_the_loop(run_until_done))

    return scenario


# More than one scenario for what has more than one way through.
FUTURE = {
    "__new__": [made(SubFuture)],
    "__init__": [made(SubFuture), made(Future)],
    "__del__": [method(raised, "__del__")],
    "result": [method(returned, "result"), method(raised, "result"), method(cancelled, "result")],
    "exception": [method(raised, "exception"), method(cancelled, "exception")],
    "set_result": [method(awaited, "set_result", 1), method(pending, "set_result", 1)],
    "set_exception": [method(awaited, "set_exception", Broken)],
    "cancel": [method(awaited, "cancel", "why"), method(returned, "cancel")],
    "cancelled": [method(cancelled, "cancelled")],
    "done": [method(pending, "done")],
    "add_done_callback": [
        method(pending, "add_done_callback", print_nothing),
        method(returned, "add_done_callback", print_nothing),
    ],
    "remove_done_callback": [method(awaited, "remove_done_callback", print_nothing)],
    "get_loop": [method(pending, "get_loop")],
    "_make_cancelled_error": [method(cancelled, "_make_cancelled_error")],
    "__await__": [method(blank, "__await__")],
    "__iter__": [method(blank, "__iter__")],
    "__repr__": [method(awaited, "__repr__")],
    "__class_getitem__": [method(pending, "__class_getitem__", int)],
    "__class__": [getter(pending, "__class__")],
    "__class__ =": [setter(lambda world: SubFuture(loop=world.loop), "__class__", SubFuture)],
    "_state": [getter(pending, "_state")],
    "_loop": [getter(pending, "_loop")],
    "_result": [getter(returned, "_result")],
    "_exception": [getter(raised, "_exception")],
    "_callbacks": [getter(awaited, "_callbacks")],
    "_source_traceback": [getter(pending, "_source_traceback")],
    "_cancel_message": [getter(cancelled, "_cancel_message")],
    "_cancel_message =": [setter(pending, "_cancel_message", "why")],
    "_log_traceback": [getter(raised, "_log_traceback")],
    "_log_traceback =": [setter(raised, "_log_traceback", False)],
    "_asyncio_future_blocking": [getter(pending, "_asyncio_future_blocking")],
    "_asyncio_future_blocking =": [setter(pending, "_asyncio_future_blocking", True)],
    "_asyncio_awaited_by": [getter(awaited, "_asyncio_awaited_by")],
}

TASK = {
    "__new__": [made(SubTask)],
    "__init__": [made(SubTask), made(Task, name="name")],
    "__del__": [method(waiting_task, "__del__")],
    "cancel": [
        method(new_task, "cancel", "why"),
        method(waiting_task, "cancel"),
        method(task_of_task, "cancel"),
    ],
    "cancelling": [method(new_task, "cancelling")],
    "uncancel": [method(new_task, "uncancel")],
    "set_result": [method(new_task, "set_result", 1)],
    "set_exception": [method(new_task, "set_exception", Broken())],
    "get_coro": [method(new_task, "get_coro")],
    "get_context": [method(new_task, "get_context")],
    "get_name": [method(new_task, "get_name")],
    "set_name": [method(new_task, "set_name", "name")],
    "get_stack": [method(waiting_task, "get_stack")],
    "print_stack": [method(waiting_task, "print_stack", file=io.StringIO())],
    "__repr__": [method(task_of_task, "__repr__")],
    "_coro": [getter(new_task, "_coro")],
    "_fut_waiter": [getter(waiting_task, "_fut_waiter")],
    "_must_cancel": [getter(new_task, "_must_cancel")],
    "_log_destroy_pending": [getter(new_task, "_log_destroy_pending")],
    "_log_destroy_pending =": [setter(new_task, "_log_destroy_pending", False)],
    # Those of a future, which are the task's own as well.
    "result": [method(new_task, "result")],
    "exception": [method(new_task, "exception")],
    "done": [method(new_task, "done")],
    "cancelled": [method(new_task, "cancelled")],
    "get_loop": [method(new_task, "get_loop")],
    "add_done_callback": [method(new_task, "add_done_callback", print_nothing)],
    "remove_done_callback": [method(waiting_task, "remove_done_callback", print_nothing)],
    "_make_cancelled_error": [method(new_task, "_make_cancelled_error")],
}


def child_done(world):
    callback, child = done_callback(world), returned(world)
    return lambda: callback(child)


GATHERING = {
    "__new__": [gathering_made(SubGathering)],
    "__init__": [gathering_made(SubGathering), gathering_made(_core._GatheringFuture)],
    "cancel": [method(gathering, "cancel", "why")],
    "_children": [getter(gathering, "_children")],
    "_children =": [setter(gathering, "_children", [])],
    "_cancel_requested": [getter(gathering, "_cancel_requested")],
    "_cancel_requested =": [setter(gathering, "_cancel_requested", True)],
}

WATCH = {
    "__new__": [lambda world: lambda: watch(world)],
    "start": [method(watch, "start")],
    "stop": [method(watching, "stop")],
    "sort": [method(watching, "sort")],
}

DONE_CALLBACK = {
    "__call__": [child_done],
    "__repr__": [method(done_callback, "__repr__")],
    "__class__": [getter(done_callback, "__class__")],
    "__name__": [getter(done_callback, "__name__")],
    "__qualname__": [getter(done_callback, "__qualname__")],
    "__code__": [getter(done_callback, "__code__")],
}

# Called by the loop alone: what the runtime does has it run.
DRAIN = {"__call__": []}

ITERATOR = {
    "__iter__": [iterator(pending, "__iter__")],
    "__next__": [iterator(raised, "__next__"), iterator(cancelled, "__next__")],
    "send": [iterator(cancelled, "send", None), iterator(raised, "send", None)],
    "throw": [iterator(pending, "throw", Broken())],
    "close": [iterator(pending, "close")],
}

HANDLE = {
    "_callback": [getter(handle, "_callback")],
    "_args": [getter(handle, "_args")],
    "_context": [getter(handle, "_context")],
    "_loop": [getter(handle, "_loop")],
    "__class__": [getter(handle, "__class__")],
    "__repr__": [method(handle, "__repr__")],
    "cancel": [method(handle, "cancel")],
    "cancelled": [method(handle, "cancelled")],
    "get_context": [method(handle, "get_context")],
    # Called by the loop alone: the programs below have it run.
    "_run": [],
    # The loop asks and would fall over an exception: there is no point.
    "_cancelled": [],
    # A constant.
    "_source_traceback": [],
}


def resume(world):
    """What a loop calls that has nothing of asyncio's."""
    loop, given = MinimalLoop(), []
    loop.call_soon = lambda callback, *args, context: given.append(callback)
    world.keep(Task(forever(), loop=loop))
    (callback,) = given
    return world.keep(callback)


def several(world):
    """What uvloop calls for several tasks at once; None where it is not installed."""
    try:
        loop = new_loop("uvloop")
    except LoopMissing:
        return None
    given = []

    def look():
        (queue,) = (it for it in gc.get_referents(loop) if isinstance(it, collections.deque))
        given.extend(gc.get_referents(queue[-1]))

    async def main():
        loop.call_soon(look)
        world.keep(*(Task(forever(), loop=loop) for _ in range(3)))
        await asyncio.sleep(0)

    loop.run_until_complete(Task(main(), loop=loop))
    loop.close()
    (callback,) = (it for it in given if type(it).__name__ == "Several")
    return callback


# Called by a loop alone: the programs below have it run.
RESUME = {
    "__call__": [],
    "__getattr__": [method(resume, "__getattr__", "__self__")],
    "__getattribute__": [],  # the interpreter's, which calls `__getattr__`
    "__repr__": [method(resume, "__repr__")],
}
SEVERAL = {
    "__call__": [],
    "__getattr__": [method(several, "__getattr__", "__doc__")],
    "__getattribute__": [],  # as above
    "__repr__": [method(several, "__repr__")],
}


def between_tasks(function):
    def scenario(world):
        future, task = pending(world), new_task(world)
        return lambda: function(future, task)

    return scenario


def with_task(function):
    def scenario(world):
        task = new_task(world)
        return lambda: function(task)

    return scenario


def quick_loop(world):
    """A loop whose methods are those for loops of other packages."""

    class Loop(asyncio.SelectorEventLoop):
        pass

    otherwise = asyncio.SelectorEventLoop.create_task, asyncio.SelectorEventLoop.create_future
    Loop.create_task, Loop.create_future = _core.quick_methods(Loop, 0, *otherwise)
    former, world.loop = world.loop, Loop()
    former.close()
    world.listen()
    return world.loop


def quick_task(world):
    create_task = quick_loop(world).create_task
    return lambda: world.keep(create_task(forever(), name="name"))


def quick_future(world):
    create_future = quick_loop(world).create_future
    return lambda: world.keep(create_future())


def shielded(world):
    future = pending(plain(world))
    return lambda: world.keep(asyncio.shield(future))


def gathered(world):
    futures = pending(plain(world)), returned(world)
    return lambda: world.keep(asyncio.gather(*futures))


async def iterate():
    return [number async for number in _core.stream_of_numbers()]


STREAM = {
    "__aiter__": [in_the_loop(lambda world: asyncio.ensure_future(iterate()))],
    "__anext__": [in_the_loop(lambda world: _core.stream_of_numbers().__anext__())],
    "aclose": [in_the_loop(lambda world: _core.stream_of_numbers().aclose())],
}

MODULE = {
    "counts": [lambda world: _core.counts],
    "register_task": [with_task(_core.register_task)],
    "unregister_task": [with_task(_core.unregister_task)],
    "registered_tasks": [with_task(lambda task: _core.registered_tasks())],
    "gather": [gathered],
    "shield": [shielded],
    "create_task": [in_the_loop(lambda world: _core.create_task(asyncio.sleep(0)))],
    "ensure_future": [lambda world: lambda: _core.ensure_future(pending(world))],
    "quick_methods": [lambda world: lambda: quick_loop(world), quick_task, quick_future],
    # Before its first use: afterwards it is refused.
    "configure_runtime": [lambda world: lambda: _core.configure_runtime(worker_threads=2)],
    "to_thread": [in_the_loop(lambda world: _core.to_thread(int, "1"))],
    "read_file": [in_the_loop(lambda world: _core.read_file(__file__))],
    "write_file": [in_the_loop(lambda world: _core.write_file(os.devnull, b"text"))],
}
if sys.version_info >= (3, 14):
    MODULE |= {
        name: [between_tasks(getattr(_core, name))]
        for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by")
    }


# What the loop and the interpreter call.


def first_step(world):
    new_task(world)
    return running(world)


def wake_up(world):
    awaited(world).set_result(1)
    return running(world)


def wake_up_with_exception(world):
    awaited(world).set_exception(Broken())
    return running(world)


def cancelled_step(world):
    new_task(world).cancel()
    return running(world)


def eager_step(world):
    def start():
        world.keep(Task(wait_for(returned(world)), loop=world.loop, eager_start=True))
        world.keep(Task(forever(), loop=world.loop, eager_start=True))

    world.loop.call_soon(start)
    return running(world)


def finaliser_of_a_future(world):
    futures = [raised(world)]
    world.kept.clear()
    return futures.clear


def finaliser_of_a_task(world):
    world.loop.call_soon(lambda: Task(forever(), loop=world.loop) and None)
    run_passes(world.loop, 3)
    return gc.collect


def program(world):
    """Tasks that wait for each other in most of the ways that asyncio has."""

    async def produce(queue):
        for number in range(3):
            await queue.put(number)

    async def consume(queue):
        return [await queue.get() for _ in range(3)]

    async def main():
        WHERE.set("inside")
        queue = asyncio.Queue(1)
        producer = asyncio.create_task(produce(queue))
        numbers = await asyncio.gather(consume(queue), asyncio.shield(producer))
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0)) for _ in range(2)])
        async with asyncio.TaskGroup() as group:
            # A group whose `create_task()` fails half-way waits for that task, maybe for ever.
            with world.told_what_is_raised():
                group.create_task(asyncio.sleep(0))
                group.create_task(asyncio.wait_for(asyncio.sleep(0), 10))
        victim = asyncio.create_task(forever())
        await asyncio.sleep(0)
        victim.cancel("why")
        with contextlib.suppress(asyncio.CancelledError):
            await victim
        try:
            async with asyncio.timeout(0):
                await forever()
        except TimeoutError:
            raise Broken(numbers) from None

    world.keep(Task(main(), loop=world.loop))
    return running(world, passes=60)


def several_tasks_at_once(world):
    """Several tasks that become ready in one step: a panic costs one of them at most."""
    future, woken = pending(world), []

    async def wait(number):
        await future
        woken.append(number)

    async def finish():
        future.set_result(1)

    for number in range(8):
        world.keep(Task(wait(number), loop=world.loop))
    run_passes(world.loop, 2)
    world.keep(Task(finish(), loop=world.loop))

    def run():
        run_passes(world.loop, 6)
        assert woken == sorted(woken), f"woken in the order {woken}"

    return runs_the_loop(run)


def several_at_once(world, debug=False, last_words=Broken):
    """Several pieces of work in one entry of the queue: a panic costs one of them at most."""
    future, called = pending(world), []

    def call(number):
        called.append(number)
        if number == 1:
            raise last_words

    for number in range(5):
        future.add_done_callback(lambda future, number=number: call(number))

    async def finish():
        future.set_result(1)

    Task(finish(), loop=world.loop)
    run_passes(world.loop)
    assert len(world.loop._ready) == 1, "they are not one entry"
    world.loop.set_debug(debug)

    def run():
        world.loop.call_soon(world.loop.stop)
        try:
            world.loop.run_forever()
        except last_words:
            world.loop.run_forever()  # the stop is still to come
        world.loop.set_debug(False)
        assert called == sorted(called), f"called in the order {called}"
        assert len(called) >= 4, f"only {called} were called"

    return runs_the_loop(run)


LOOP = {
    "first step": first_step,
    "wake-up": wake_up,
    "wake-up with an exception": wake_up_with_exception,
    "cancelled step": cancelled_step,
    "eager step": eager_step,
    "finaliser of a future": finaliser_of_a_future,
    "finaliser of a task": finaliser_of_a_task,
    "program": program,
    "program without a task factory": lambda world: program(plain(world)),
    "several tasks at once": several_tasks_at_once,
    "work of the runtime": in_the_loop(lambda world: _core.to_thread(int, "1")),
}

# On a stock loop only.
STOCK_LOOP = {
    "several at once": several_at_once,
    "several at once, timed": lambda world: several_at_once(world, debug=True),
    "several at once, one ends the program": lambda world: several_at_once(
        world, last_words=KeyboardInterrupt
    ),
}
