"""What is aimed at, beside what was reached."""

from collections.abc import Iterator
from typing import NamedTuple

from benches.results import ABOVE, STEP, Results


class Target(NamedTuple):
    """How many times faster ours is to be, in a row, by loop."""

    row: str
    title: str
    at_least: dict[str, float]


class Reached(NamedTuple):
    """A target on one loop; what was reached is None where it was not measured."""

    title: str
    loop: str
    wanted: str
    reached: str | None
    met: bool


TARGETS = (
    Target(STEP, "steps by `sleep(0)`", {"stock": 3.5, "uvloop": 1.3}),
    Target(ABOVE, "time per step above the floor", {"stock": 8, "uvloop": 2}),
    Target("create", "create and await", {"stock": 1.8, "uvloop": 1.3}),
    Target("gather", "gather of 20,000", {"stock": 2.5, "uvloop": 1.8}),
    Target("tree", "tree of gathers", {"stock": 2.5, "uvloop": 1.8}),
    Target("ping-pong", "ping-pong over futures", {"stock": 1.8, "uvloop": 1.2}),
    Target("cancel", "cancel 20,000", {"stock": 2, "uvloop": 1.5}),
    Target("create-eager", "eager create and await", {"stock": 1.3, "uvloop": 1.3}),
    Target("million-bytes", "bytes for each pending task", {"stock": 1, "uvloop": 1}),
)
MEAN = {"stock": 2.0, "uvloop": 1.4}
WORST = {"stock": 1.0, "uvloop": 1.0}
IMPORT_BELOW = 15.0  # milliseconds


def reached(results: Results) -> Iterator[Reached]:
    """Yields every target for the loops that it is set for."""
    for target in TARGETS:
        for loop, wanted in target.at_least.items():
            yield _at_least(target.title, loop, wanted, results.ratio(target.row, loop))
    for loop, wanted in MEAN.items():
        yield _at_least("geometric mean of all rows", loop, wanted, results.mean(loop))
    for loop, wanted in WORST.items():
        yield _worst(loop, wanted, results.ratios(loop))
    yield _import(results)


def _at_least(title: str, loop: str, wanted: float, found: float | None) -> Reached:
    shown = None if found is None else f"{found:.2f}"
    return Reached(title, loop, f"{wanted:g}", shown, found is not None and found >= wanted)


def _worst(loop: str, wanted: float, ratios: dict[str, float]) -> Reached:
    if not ratios:
        return _at_least("any row", loop, wanted, None)
    worst = min(ratios, key=ratios.__getitem__)
    below = sum(found < wanted for found in ratios.values())
    known = f"{ratios[worst]:.2f} ({worst})" + (f", {below} below" if below > 1 else "")
    return Reached("any row", loop, f"{wanted:g}", known, not below)


def _import(results: Results) -> Reached:
    line = results.line("import")
    title, wanted = "import beyond asyncio's", f"below {IMPORT_BELOW:g} ms"
    if line is None:
        return Reached(title, "stock", wanted, None, met=False)
    taken = line.spreads("stock")[-1].median
    return Reached(title, "stock", wanted, f"{taken:.1f} ms", taken < IMPORT_BELOW)
