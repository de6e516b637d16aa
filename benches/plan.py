"""Which measurements are made: every row on every loop and side that can run it, in turns."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache

from benches.child import Request
from benches.loops import LOOPS, why_missing, why_not_eager
from benches.rows import Group, Row, Side


@dataclass(frozen=True)
class Effort:
    """How much is done for how good a figure."""

    rounds: int
    heavy_rounds: int
    seconds: float
    """The least that one measurement times."""
    quick: bool = False
    clock: str = "wall"
    budget: float = float("inf")
    """No further round is begun that would not end within so many seconds."""


FULL = Effort(rounds=7, heavy_rounds=3, seconds=0.1)
QUICK = Effort(rounds=3, heavy_rounds=1, seconds=0.02, quick=True, budget=100)


@dataclass(frozen=True)
class Cell:
    """A place in the table: a row, on a loop, on one side."""

    group: Group
    row: Row
    loop: str
    side: Side

    def request(self, effort: Effort) -> Request:
        size = self.row.size_in(quick=effort.quick)
        seconds, clock = effort.seconds, effort.clock
        return Request(self.row.key, self.side.key, self.loop, size, seconds, clock)

    def __str__(self) -> str:
        return f"{self.row.key}, {self.loop}, {self.side.title}"


def cells(
    groups: tuple[Group, ...], patterns: list[str], loops: list[str]
) -> tuple[list[Cell], dict[str, str]]:
    """Returns the cells to measure, and for each group, row or loop that is left out the reason.

    The sides of a row on a loop follow each other, so that what disturbs one disturbs both.
    """
    skipped = {loop: why for loop in loops if (why := why_missing(loop))}
    found = []
    not_eager = cache(why_not_eager)
    for group, row in _chosen(groups, patterns):
        if why := group.why_missing():
            skipped[group.title] = why
            continue
        if sys.version_info < row.since:
            skipped[row.title] = f"needs Python {row.since[0]}.{row.since[1]}"
            continue
        for loop in row.loops or loops:
            if row.eager and loop in loops and loop not in skipped and (why := not_eager(loop)):
                skipped[f"{row.title}, {loop}"] = why
            elif loop in loops and loop not in skipped:
                found += [Cell(group, row, loop, side) for side in group.sides]
    return found, skipped


def _chosen(groups: tuple[Group, ...], patterns: list[str]) -> Iterator[tuple[Group, Row]]:
    """Raises ValueError for a pattern that no row has."""
    rows = [(group, row) for group in groups for row in group.rows]
    for pattern in patterns:
        if not any(fnmatch(row.key, pattern) for _, row in rows):
            raise ValueError(f"no row is called {pattern!r}")
    for group, row in rows:
        if not patterns or any(fnmatch(row.key, pattern) for pattern in patterns):
            yield group, row


def rounds(planned: list[Cell], effort: Effort) -> Iterator[list[Cell]]:
    """Yields what each round measures: heavy rows are in the first ones only."""
    for number in range(effort.rounds):
        yield [cell for cell in planned if number < effort.heavy_rounds or not cell.row.heavy]


ALL_LOOPS = list(LOOPS)
