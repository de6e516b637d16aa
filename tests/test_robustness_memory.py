"""Tasks and futures by the hundred thousand leave no memory behind."""

import pytest
from support import run_child

# Each program is a function that makes and drops 1,000 of something. After two rounds to warm up,
# neither the interpreter's blocks nor the peak of the process may grow.
MEASURE = """
import asyncio, gc, resource, sys

loop = asyncio.new_event_loop()

def run_once():
    loop.call_soon(loop.stop)
    loop.run_forever()

async def nothing():
    pass

{program}

def measure():
    gc.collect()
    return sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

rounds, thousands = {rounds}, {thousands}
seen = []
for _ in range(rounds):
    for _ in range(thousands):
        thousand()
    seen.append(measure())
warm, last = seen[1], seen[-1]
unit = 1 if sys.platform == "darwin" else 1024
print("blocks", "steady" if last[0] - warm[0] < 500 else seen)
print("memory", "steady" if (last[1] - warm[1]) * unit < 4_000_000 else seen)
"""

FINISHED = """
def thousand():
    for _ in range(1000):
        asyncio.Task(nothing(), loop=loop)
    run_once()
"""

FAILED = """
async def failing():
    raise ValueError

def thousand():
    tasks = [asyncio.Task(failing(), loop=loop) for _ in range(1000)]
    run_once()
    for task in tasks:
        task.exception()
"""

FAILED_IN_A_CYCLE = """
async def failing(future):
    try:
        raise ValueError
    except ValueError as error:
        future.set_exception(error)
        future.exception()
        raise

def thousand():
    for _ in range(1000):
        future = asyncio.Future(loop=loop)
        future.task = asyncio.Task(failing(future), loop=loop)
        future.task._log_traceback = False
        future.task.add_done_callback(lambda task: task.exception())
    run_once()
    run_once()
"""

CANCELLED = """
async def waiting(future):
    await future

def thousand():
    tasks = [asyncio.Task(waiting(asyncio.Future(loop=loop)), loop=loop) for _ in range(1000)]
    run_once()
    for task in tasks:
        task.cancel("because")
    run_once()
    run_once()
"""

WOKEN = """
async def waiting(future):
    return await future, await asyncio.sleep(0)

def thousand():
    futures = [asyncio.Future(loop=loop) for _ in range(1000)]
    for future in futures:
        asyncio.Task(waiting(future), loop=loop)
    run_once()
    for future in futures:
        future.set_result(None)
    for _ in range(3):
        run_once()
"""

DROPPED_PENDING = """
async def waiting(future):
    await future

def thousand():
    for _ in range(1000):
        task = asyncio.Task(waiting(asyncio.Future(loop=loop)), loop=loop)
        task._log_destroy_pending = False
    run_once()
"""

FUTURES = """
def thousand():
    for number in range(1000):
        future = asyncio.Future(loop=loop)
        future.add_done_callback(print)
        future.add_done_callback(str)
        future.remove_done_callback(print)
        future.set_result([number])
        future.result()
        future.name = number
    run_once()
"""

FUTURES_IN_CYCLES = """
def thousand():
    for number in range(1000):
        future = asyncio.Future(loop=loop)
        future.set_result(future)
        other = asyncio.Future(loop=loop)
        other.add_done_callback(other.set_result)
        third = asyncio.Future(loop=loop)
        third.own = third.__await__()
        next(third.own)
"""

REFUSED = """
def thousand():
    future = asyncio.Future(loop=loop)
    future.set_result(None)
    for number in range(1000):
        for misuse in (lambda: future.set_result(1), lambda: asyncio.Task(3, loop=loop),
                       lambda: asyncio.Future(loop=3), lambda: future.set_exception(3)):
            try:
                misuse()
            except (asyncio.InvalidStateError, TypeError, AttributeError):
                pass
"""

EAGER = """
def thousand():
    async def main():
        for _ in range(1000):
            asyncio.Task(nothing(), loop=loop, eager_start=True)

    loop.run_until_complete(main())
"""

PROGRAMS = {
    "failed": FAILED,
    "failed in a cycle": FAILED_IN_A_CYCLE,
    "cancelled": CANCELLED,
    "woken": WOKEN,
    "dropped pending": DROPPED_PENDING,
    "futures": FUTURES,
    "futures in cycles": FUTURES_IN_CYCLES,
    "refused": REFUSED,
}


def measured(program, impl, thousands):
    """Runs `program` ten times `thousands` times; a tenth of that for the oracle."""
    if impl.name == "builtin":
        thousands //= 10
    return run_child(MEASURE.format(program=program, rounds=10, thousands=thousands), impl)


STEADY = (0, "blocks steady\nmemory steady\n", "")


def test_one_million_tasks(impl):
    assert measured(FINISHED, impl, thousands=100) == STEADY


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_hundred_thousand(impl, program):
    assert measured(program, impl, thousands=10) == STEADY


def test_hundred_thousand_eager_tasks(impl):
    if impl.eager_task_factory is None:
        pytest.skip("no eager tasks in this version")
    assert measured(EAGER, impl, thousands=10) == STEADY
