"""Every workload of the benchmark does what it says, on both sides, and notices if it does not."""

import _asyncio
import asyncio
import inspect
import sys
from contextlib import nullcontext
from dataclasses import replace

import aioxide
import pytest
from support import implementation, run_child

from benches.child import Bench, Request, WrongClass, WrongResult, measure
from benches.rows import Group, Row, by_key
from benches.sides import BUILTIN, RUST
from benches.workloads import GROUPS, ROWS, steps

# Those that compare something else need an extension that `make bench` builds.
TIMED = [
    row
    for group, row in ROWS.values()
    if row.unit == "ns" and sys.version_info >= row.since and {*group.sides} <= {BUILTIN, RUST}
]
PAIRED = [row for row in TIMED if len(ROWS[row.key][0].sides) == 2]


@pytest.fixture(params=[BUILTIN, RUST], ids=lambda side: side.key)
def side(request):
    with aioxide.installed() if request.param is RUST else nullcontext():
        yield request.param


@pytest.fixture
def bench(side):
    """Makes a row ready, by default the one of that key, and closes its loop at the end."""
    made = []

    def make(row, side=side):
        made.append(Bench(row, side, "stock"))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("row", PAIRED, ids=lambda row: row.key)
def test_result_and_classes_are_right(bench, row):
    assert bench(row).run(row.tiny) > 0


@pytest.mark.parametrize("row", PAIRED, ids=lambda row: row.key)
def test_as_many_tasks_are_made_as_it_says(row):
    with aioxide.installed():
        bench = Bench(row, RUST, "stock")
        before = aioxide.stats().tasks
        bench.run(row.tiny)
        made = aioxide.stats().tasks - before
        bench.close()
    main = inspect.iscoroutinefunction(row.body)
    others = row.tiny if row.key == "wait-for" and sys.version_info < (3, 12) else 0
    if row.key == "echo":  # the loop accepts connections in tasks
        assert made > row.tasks(row.tiny)
    else:
        assert made == main + row.tasks(row.tiny) + others


def test_steps_are_counted(bench, monkeypatch):
    slept = []

    async def sleep(seconds, sleep=asyncio.sleep):
        slept.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    bench(steps.STEPS).run(3)
    assert slept == [0] * steps.STEPS.operations(3)
    bench(steps.FLOOR).run(3)
    assert slept == [0] * 2 * steps.STEPS.operations(3)


def test_operations_of_the_tree_are_its_tasks():
    tree = ROWS["tree"][1]
    assert tree.operations(tree.size) == (4**7 - 4) // 3


def test_memory_of_a_task_is_measured(side):
    """In a process of its own: memory that was used before would be used again."""
    if not sys.platform.startswith("linux"):
        pytest.skip("it is read from /proc")
    program = f"""
        from benches.child import Bench
        from benches.sides import {side.key.upper()} as side
        from benches.workloads import ROWS
        print(200 < Bench(ROWS["million-bytes"][1], side, "stock").measure(20_000, 0) < 5000)
    """
    assert run_child(program, implementation(side.key)) == (0, "True\n", "")


def test_import_is_measured():
    group, row = ROWS["import"]
    request = Request("import", "rust", "stock", size=1, seconds=0, clock="wall")
    assert 0 < measure(row, group.sides[0], request) < 10_000


def test_another_result_is_an_error(bench):
    with pytest.raises(WrongResult, match="steps"):
        bench(replace(steps.STEPS, result=lambda size: 0)).run(1)


def test_side_that_is_not_in_force_is_an_error():
    with pytest.raises(WrongClass, match="the loop makes"):
        Bench(steps.STEPS, replace(RUST, enter=lambda: None), "stock")


def test_builtin_side_where_aioxide_is_installed_is_an_error():
    with aioxide.installed(), pytest.raises(WrongClass):
        Bench(steps.STEPS, BUILTIN, "stock")


async def _secretly_builtin(size):
    loop = asyncio.get_running_loop()
    for _ in range(size):
        await _asyncio.Task(asyncio.sleep(0), loop=loop)
    return size


async def _futures_secretly_builtin(size):
    loop = asyncio.get_running_loop()
    futures = [_asyncio.Future(loop=loop) for _ in range(size)]
    return len(futures)


@pytest.mark.parametrize(
    "row",
    [
        Row("tasks", "", _secretly_builtin, size=3, tiny=3, tasks=lambda size: size),
        Row("futures", "", _futures_secretly_builtin, size=3, tiny=3, futures=lambda size: size),
    ],
    ids=lambda row: row.key,
)
def test_workload_that_used_builtin_classes_is_an_error(row):
    with aioxide.installed():
        bench = Bench(row, RUST, "stock")
        with pytest.raises(WrongClass, match=f"{row.key} of its class were made, not 3"):
            bench.run(3)
        bench.close()


def test_keys_are_unique():
    group = Group("twice", (steps.STEPS,), (BUILTIN, RUST))
    with pytest.raises(ValueError, match="'steps'"):
        by_key((*GROUPS, group))
