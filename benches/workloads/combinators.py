"""Many tasks at a time: what asyncio has to start them and to wait for them."""

import asyncio
from dataclasses import replace

from benches.rows import Group, Row, same
from benches.sides import BOTH
from benches.workloads.creation import nothing

BRANCHES = 4


async def gather(size: int) -> int:
    return sum(await asyncio.gather(*[nothing(1) for _ in range(size)]))


async def task_group(size: int) -> int:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(nothing(1)) for _ in range(size)]
    return sum([task.result() for task in tasks])


async def tree(depth: int) -> int:
    if depth == 0:
        return 1
    leaves: list[int] = await asyncio.gather(*[tree(depth - 1) for _ in range(BRANCHES)])
    return sum(leaves)


async def wait(size: int) -> int:
    done, pending = await asyncio.wait([asyncio.create_task(nothing(1)) for _ in range(size)])
    return len(pending) + sum([task.result() for task in done])


async def as_completed(size: int) -> int:
    tasks = [asyncio.create_task(nothing(1)) for _ in range(size)]
    return sum([await earliest for earliest in asyncio.as_completed(tasks)])


async def shield(size: int) -> int:
    for _ in range(size):
        await asyncio.shield(nothing(1))
    return size


def _leaves(depth: int) -> int:
    leaves: int = BRANCHES**depth
    return leaves


def _nodes(depth: int) -> int:
    """All but the root are tasks."""
    return sum(BRANCHES**level for level in range(1, depth + 1))


GATHER = Row("gather", "`gather` of 20,000", gather, size=20_000, tiny=200, tasks=same)
TASK_GROUP = Row(
    "taskgroup", "`TaskGroup` of 20,000", task_group, size=20_000, tiny=200, tasks=same
)
TREE = Row(
    "tree",
    f"a tree of `gather`s, {BRANCHES}^6",
    tree,
    size=6,
    quick_size=5,
    tiny=3,
    result=_leaves,
    operations=_nodes,
    tasks=_nodes,
)


def _eager(row: Row) -> Row:
    return replace(
        row, key=f"{row.key}-eager", title=f"{row.title}, eager", eager=True, since=(3, 12)
    )


GROUP = Group(
    "Combinators",
    (
        GATHER,
        TASK_GROUP,
        TREE,
        Row("wait", "`wait` for 5,000", wait, size=5_000, tiny=200, tasks=same),
        Row(
            "as-completed",
            "`as_completed`, 5,000",
            as_completed,
            size=5_000,
            tiny=200,
            tasks=same,
        ),
        Row("shield", "`shield`", shield, size=5_000, tiny=200, tasks=same),
        _eager(GATHER),
        _eager(TASK_GROUP),
        _eager(TREE),
    ),
    BOTH,
)
