"""The sleeps of the examples take no real time in these tests, and still end in their order.

A program that sleeps for hours is stopped at the time limit of a run, unless the time is virtual.
"""

import textwrap

import pytest

from . import launch
from .conditions import each_implementation, each_loop

HOUR = 3600


@pytest.fixture
def printed(tmp_path):
    """Returns a function that runs a program (its source) and returns the lines it printed."""

    def run(source, *setting, implementation="builtin", loop="asyncio"):
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent(source), encoding="utf-8")
        seen = launch.run(program, implementation, loop, *setting)
        assert (seen.status, seen.stderr) == (0, "")
        return seen.stdout.splitlines()

    return run


ORDER = f"""
import asyncio

async def sleeper(name, *delays):
    for delay in delays:
        await asyncio.sleep(delay * {HOUR})
        print(name, delay)

async def main():
    await asyncio.gather(
        sleeper("a", 3),
        sleeper("b", 1, 1.5),
        sleeper("c", 2),
        sleeper("d", 0.5, 0.25),
        sleeper("e", 3),
    )

asyncio.run(main())
"""


@each_loop
@each_implementation
def test_virtual_sleeps_end_in_the_order_of_their_deadlines(printed, implementation, loop):
    lines = printed(ORDER, implementation=implementation, loop=loop)
    assert lines == ["d 0.5", "d 0.25", "b 1", "c 2", "b 1.5", "a 3", "e 3"]


SETTLES = f"""
import asyncio

async def chain(links):
    if links:
        await asyncio.create_task(chain(links - 1))

async def worker():
    await asyncio.sleep({HOUR})
    await chain(15)
    print("worker is through")

async def main():
    task = asyncio.create_task(worker())
    await asyncio.sleep({HOUR} + 1e-6)
    print("main")
    await task

asyncio.run(main())
"""


@each_loop
@each_implementation
def test_a_wakeup_has_all_its_effects_before_the_next(printed, implementation, loop):
    lines = printed(SETTLES, implementation=implementation, loop=loop)
    assert lines == ["worker is through", "main"]


YIELDS = """
import asyncio

async def steps(name, delay):
    for step in range(3):
        print(name, step)
        print(await asyncio.sleep(delay, result="woken"))

async def main():
    await asyncio.gather(steps("a", 0), steps("b", -1))
    sleep = asyncio.sleep(0).__await__()
    print(next(sleep))

asyncio.run(main())
"""


@each_loop
def test_a_sleep_of_no_time_is_one_pass_of_the_loop(printed, loop):
    turns = ["a 0", "b 0", "woken", "a 1", "woken", "b 1"]
    turns += ["woken", "a 2", "woken", "b 2", "woken", "woken"]
    assert printed(YIELDS, loop=loop) == [*turns, "None"]


RESULT = f"""
import asyncio
from asyncio.tasks import sleep

async def main():
    print(await sleep({HOUR}), await sleep({HOUR}, "given"), await asyncio.sleep({HOUR}, result=7))

asyncio.run(main())
"""


@each_loop
def test_a_sleep_returns_what_it_was_given(printed, loop):
    assert printed(RESULT, loop=loop) == ["None given 7"]


CANCELLED = f"""
import asyncio

async def sleeper():
    try:
        await asyncio.sleep({HOUR})
    except asyncio.CancelledError:
        print("sleeper is cancelled")
        raise

async def main():
    task = asyncio.create_task(sleeper())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    print(task.cancelled())
    await asyncio.sleep(2 * {HOUR})
    print("main sleeps on")

asyncio.run(main())
"""


@each_loop
@each_implementation
def test_a_virtual_sleep_can_be_cancelled(printed, implementation, loop):
    lines = printed(CANCELLED, implementation=implementation, loop=loop)
    assert lines == ["sleeper is cancelled", "True", "main sleeps on"]


LOOPS = f"""
import asyncio
import threading

async def main(name):
    await asyncio.gather(asyncio.sleep({HOUR}), asyncio.sleep(2 * {HOUR}))
    print(name)

def in_a_thread():
    asyncio.run(main("a loop in a thread"))

async def nested():
    thread = threading.Thread(target=in_a_thread)
    sleep = asyncio.create_task(asyncio.sleep({HOUR}))
    await asyncio.sleep(0)
    thread.start()
    thread.join()
    await sleep

asyncio.run(main("first loop"))
asyncio.run(main("second loop"))
asyncio.run(nested())

loop = asyncio.new_event_loop()
task = loop.create_task(main("a loop that is run twice"))
loop.run_until_complete(asyncio.wait_for(asyncio.sleep(1), None))
loop.run_until_complete(task)
task = loop.create_task(asyncio.sleep({HOUR}))
loop.run_until_complete(asyncio.sleep(1))
task.cancel()
loop.run_until_complete(asyncio.wait([task]))
loop.close()
"""


@each_loop
def test_every_loop_has_its_own_time(printed, loop):
    lines = printed(LOOPS, loop=loop)
    assert lines == ["first loop", "second loop", "a loop in a thread", "a loop that is run twice"]


RESTS = f"""
import asyncio

async def main():
    await asyncio.sleep({HOUR})
    for _ in range(200):
        await asyncio.sleep(0)
    await asyncio.sleep({HOUR})
    print("woken twice")

asyncio.run(main())
"""


@each_loop
def test_the_clock_goes_again_after_a_time_without_sleepers(printed, loop):
    assert printed(RESTS, loop=loop) == ["woken twice"]


SCALED = f"""
import asyncio

async def main():
    print(await asyncio.sleep({HOUR}, "woken"))

asyncio.run(main())
"""


@each_loop
def test_a_number_makes_real_sleeps_shorter(printed, loop):
    assert printed(SCALED, 1e-6, loop=loop) == ["woken"]


def test_without_the_variable_sleep_is_left_alone(printed, monkeypatch):
    program = "import asyncio, sitecustomize; print(asyncio.sleep is sitecustomize.real_sleep)"
    assert printed(program) == ["False"]
    environment = launch.environment("virtual")
    del environment["AIOXIDE_EXAMPLES_TIME"]
    monkeypatch.setattr(launch, "environment", lambda setting: environment)
    assert printed(program) == ["True"]
