"""Runs a scenario again and again, with a panic at one point after the other."""

import asyncio
import contextlib
import contextvars
import gc
import itertools
import logging
import sys
from dataclasses import dataclass, field

import aioxide
from aioxide._core import panic_at, points_passed, to_thread
from support import adopt, collect, implementation, new_loop, run_passes

WHERE = contextvars.ContextVar("WHERE", default="outside")


@dataclass
class World:
    """A loop, and what was reported to it and to the interpreter."""

    loop: asyncio.AbstractEventLoop
    # What the scenario has made; given up before the panics are counted.
    kept: list = field(default_factory=list)
    told: list = field(default_factory=list)

    def keep(self, *objects):
        """Returns `objects`, or the only one."""
        self.kept.extend(objects)
        return objects[0] if len(objects) == 1 else objects

    def listen(self):
        self.loop.set_exception_handler(
            lambda loop, context: self.told.append(context.get("exception"))
        )
        sys.unraisablehook = lambda report: self.told.append(report.exc_value)
        # A loop that fails in the course of a report logs that.
        log = logging.Handler()
        # False where there is no exception to be told of.
        log.emit = lambda record: self.told.append(record.exc_info[1] if record.exc_info else None)
        logging.getLogger("asyncio").handlers = [log]

    @contextlib.contextmanager
    def told_what_is_raised(self):
        try:
            yield
        except BaseException as error:
            self.told.append(error)
            raise


def sweep(scenario, kind):
    """Lets each point that `scenario` passes panic, one at a time; returns points and complaints.

    `scenario(world)` prepares and returns a function to be called. A panic has to surface as an
    exception that is raised from there, or be reported; where the function runs the loop, only
    reported.
    """
    complaints = []
    for number in itertools.count():
        world = World(adopt(new_loop(kind), implementation("rust")))
        world.listen()
        act = scenario(world)
        passed, raised = panic_once(act, number)
        if getattr(act, "uses_the_runtime", False):
            asyncio.run(let_the_runtime_finish())
        world.told.append(raised)
        try:
            left = raised and getattr(act, "runs_the_loop", False)
            assert not left, f"left the loop: {raised!r}"
            if passed > number:
                check_told(world)
            check_usable(world)
        except AssertionError as error:
            complaints.append(f"point {number}: {error}")
        world.loop.close()
        del world, act, raised
        collect()  # what this round has left must not be what panics in the next one
        if passed <= number:
            return number, complaints


async def let_the_runtime_finish():
    """Returns when the one thread for blocking calls has made all calls before this one."""
    await to_thread(int)


def panic_once(act, number):
    """Calls `act`; returns how many points it passed and what it raised."""
    panic_at(number)
    try:
        act()
        raised = None
    except BaseException as error:
        # Without its traceback, which would keep everything alive that it went through.
        raised = error.with_traceback(None)
    finally:
        passed = points_passed()
        panic_at(None)
    return passed, raised


def check_told(world):
    """The panic is known to somebody, at the latest when nobody can ask any more."""
    if not any(is_panic(error) for error in world.told):
        run_passes(world.loop, 5)
        world.kept.clear()
        collect()
    assert any(is_panic(error) for error in world.told), f"nobody was told, only {world.told}"


def is_panic(error):
    """Whether this is a panic, or was raised because of one."""
    if error is None or isinstance(error, PANIC):
        return error is not None
    reasons = (error.__cause__, error.__context__, *getattr(error, "exceptions", ()))
    return any(map(is_panic, reasons))


def check_usable(world):
    """No task is current, no context entered, and the loop runs another program to its end."""
    assert asyncio.current_task(world.loop) is None, "a task is still the current one"
    assert WHERE.get() == "outside", "a context is still entered"
    assert world.loop.run_until_complete(probe()) == (1, "cancelled", [0, 1, 2], "called")


async def probe():
    """A program that suspends in every way."""
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    assert WHERE.get() == "outside"
    WHERE.set("inside")
    future = loop.create_future()
    loop.call_soon(future.set_result, 1)
    waiting = loop.create_task(forever())
    await asyncio.sleep(0)
    waiting.cancel()
    called = []
    gathered = asyncio.gather(*(asyncio.sleep(0, number) for number in range(3)))
    gathered.add_done_callback(lambda gathered: called.append("called"))
    result = await future
    try:
        await waiting
    except asyncio.CancelledError:
        outcome = "cancelled"
    numbers = await gathered
    await asyncio.sleep(0)
    assert asyncio.current_task() is me
    return result, outcome, numbers, *called


async def forever():
    WHERE.set("inside")
    await asyncio.get_running_loop().create_future()


def runs_the_loop(act):
    """Marks a function to be called: no panic may leave it."""
    act.runs_the_loop = True
    return act


def uses_the_runtime(act):
    """Marks a function to be called whose work may go on in a thread after a panic."""
    act.uses_the_runtime = True
    return act


def running(world, passes=30):
    """What a scenario returns to let the loop run whatever it has prepared."""
    return runs_the_loop(lambda: run_passes(world.loop, passes))


def _panic_class():
    loop = asyncio.new_event_loop()
    future = aioxide.Future(loop=loop)
    panic_at(0)
    try:
        future.done()
    except BaseException as error:
        return type(error)
    finally:
        panic_at(None)
        loop.close()
        gc.collect()


PANIC = _panic_class()
