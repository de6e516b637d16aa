"""What was measured: kept as JSON, and what follows from it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benches.rows import Side
from benches.samples import Spread, geometric_mean, ratio, spread

STEP, FLOOR, ABOVE = "steps", "floor", "above-floor"


@dataclass(frozen=True)
class Line:
    """A row with its samples: for each loop those of each side, by the side's title."""

    key: str
    title: str
    group: str
    unit: str
    compared: bool
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[str, ...]:
        """The titles of what is compared with and of ours, or of ours alone."""
        return tuple(next(iter(self.samples.values())))

    def spreads(self, loop: str) -> list[Spread]:
        """Returns what was measured on a loop, side by side; nothing where it was not."""
        return [spread(samples) for samples in self.samples.get(loop, {}).values()]

    def ratio(self, loop: str) -> Spread | None:
        """Returns how many times faster ours is; None where there is nothing to divide."""
        sides = list(self.samples.get(loop, {}).values())
        if len(sides) != 2 or min(min(samples) for samples in sides) <= 0:
            return None
        return ratio(*sides)


@dataclass(frozen=True)
class Results:
    """All lines of a run, and what there is to know of it."""

    label: str
    date: str
    quick: bool
    machine: dict[str, str]
    skipped: dict[str, str]
    lines: list[Line]

    @property
    def loops(self) -> list[str]:
        """The loops that something was measured on, in order."""
        return list(dict.fromkeys(loop for line in self.lines for loop in line.samples))

    def line(self, key: str) -> Line | None:
        return next((line for line in self.lines if line.key == key), None)

    def ratio(self, key: str, loop: str) -> float | None:
        """Returns how many times faster ours is in that row, if that was measured."""
        line = self.line(key)
        found = line.ratio(loop) if line else None
        return found.median if found else None

    def ratios(self, loop: str) -> dict[str, float]:
        """Returns the ratios of all rows that are compared, by title."""
        found = {line.title: line.ratio(loop) for line in self.lines if line.compared}
        return {title: spread.median for title, spread in found.items() if spread}

    def mean(self, loop: str) -> float | None:
        """Returns the geometric mean of the ratios of all rows that are compared."""
        ratios = self.ratios(loop)
        return geometric_mean(list(ratios.values())) if ratios else None

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        told: dict[str, Any] = json.loads(path.read_text())
        told["lines"] = [Line(**line) for line in told["lines"]]
        return cls(**told)


def lines(samples: dict[Any, list[float]]) -> list[Line]:
    """Returns the lines of what the runner has measured, with those that are worked out of it."""
    found: dict[str, Line] = {}
    for cell, measured in samples.items():
        row = cell.row
        line = found.setdefault(
            row.key, Line(row.key, row.title, cell.group.title, row.unit, row.compared)
        )
        side: Side = cell.side
        line.samples.setdefault(cell.loop, {})[side.title] = measured
    return list(_with_above_floor(found))


def _with_above_floor(found: dict[str, Line]) -> Iterator[Line]:
    """Adds, below the floor, what a step takes more than that: the share of the scheduler."""
    for line in found.values():
        yield line
        if line.key == FLOOR and STEP in found:
            yield Line(
                ABOVE,
                "time of a step above the floor",
                line.group,
                line.unit,
                compared=False,
                samples={
                    loop: {
                        side: [step - floor for step, floor in zip(steps, floors, strict=True)]
                        for (side, steps), floors in zip(
                            found[STEP].samples[loop].items(), sides.values(), strict=True
                        )
                    }
                    for loop, sides in line.samples.items()
                },
            )
