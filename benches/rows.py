"""What is measured: rows, in groups, each on two sides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Made(Protocol):
    """What a side has counted: `aioxide.Stats` has these."""

    @property
    def tasks(self) -> int: ...
    @property
    def futures(self) -> int: ...


@dataclass(frozen=True)
class Side:
    """An implementation: one column for each loop."""

    key: str
    title: str
    enter: Callable[[], None]
    """Brings it into force in this process; the module of the loop is imported by then."""
    classes: Callable[[], tuple[type, type]]
    """The classes that loops make tasks and futures of when it is in force."""
    made: Callable[[], Made] | None = None
    """Counts what has been made of these classes, if they count."""


def same(size: int) -> int:
    return size


def none(size: int) -> int:
    return 0


def present() -> str | None:
    return None


@dataclass(frozen=True)
class Row:
    """One workload: `body(size)`, which returns what `result(size)` says."""

    key: str
    title: str
    body: Callable[[int], Any]
    """A coroutine function, to be run on a loop; a plain one needs none."""
    size: int
    tiny: int
    """A size that takes a millisecond or so, for tests and for counting instructions."""
    result: Callable[[int], Any] = same
    operations: Callable[[int], int] = same
    """How many operations a time is divided by."""
    tasks: Callable[[int], int] = none
    """At least so many tasks of the side's class are made; checked."""
    futures: Callable[[int], int] = none
    """The same for other futures."""
    unit: str = "ns"
    """Of an operation; where it is not `ns`, the body returns the figure and nothing is timed."""
    quick_size: int | None = None
    """The size in a quick run, where it is not a fifth."""
    eager: bool = False
    """On an eager task factory."""
    since: tuple[int, int] = (3, 11)
    """The version of Python that has what the row needs."""
    compared: bool = True
    """Part of the geometric mean, and of what has to be faster on our side."""
    heavy: bool = False
    """Runs for seconds: measured once in a process, without a run to warm up, in few rounds."""
    loops: tuple[str, ...] | None = None
    """The loops it runs on, where it is not all of them."""

    def size_in(self, *, quick: bool) -> int:
        """Returns the size in a quick run or in a full one."""
        if not quick:
            return self.size
        return self.quick_size or max(1, self.size // 5)


@dataclass(frozen=True)
class Group:
    """Rows that belong together, and the sides they are measured on."""

    title: str
    rows: tuple[Row, ...]
    sides: tuple[Side, ...]
    """What is compared with, and ours; or ours alone."""
    why_missing: Callable[[], str | None] = present
    """Returns why the rows cannot be measured here, if they cannot."""


def by_key(groups: tuple[Group, ...]) -> dict[str, tuple[Group, Row]]:
    """Returns every row with its group; ValueError where two rows share a key."""
    found: dict[str, tuple[Group, Row]] = {}
    for group in groups:
        for row in group.rows:
            if row.key in found:
                raise ValueError(f"two rows are called {row.key!r}")
            found[row.key] = group, row
    return found
