"""The report as Markdown: the machine, the targets, all rows."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from benches.results import Line, Results
from benches.samples import Spread
from benches.targets import reached


def report(results: Results) -> str:
    """Returns everything that there is to say of a run."""
    return "\n\n".join([_head(results), target_table(results), *row_tables(results)]) + "\n"


def _head(results: Results) -> str:
    effort = (
        "a quick run: smaller than the rows say, for a first look only"
        if results.quick
        else "a full run"
    )
    facts = [f"- {name}: {value}" for name, value in results.machine.items()]
    facts += [f"- left out: {what} ({why})" for what, why in results.skipped.items()]
    return "\n".join([f"CPython {results.label}, {results.date}, {effort}.", "", *facts])


def target_table(results: Results) -> str:
    """Returns the targets of what was measured: what is wanted, and what was reached."""
    rows: dict[str, dict[str, str]] = {}
    for target in reached(results):
        if target.reached is None:
            continue
        mark = f"**{target.reached}**" if target.met else target.reached
        rows.setdefault(target.title, {})[target.loop] = f"{target.wanted} | {mark}"
    loops = ("stock", "uvloop")
    heads = ["target (met: bold)"] + [
        head for loop in loops for head in (f"{loop}: wanted", "reached")
    ]
    return table(
        heads,
        ([title, *(cells.get(loop, "– | –") for loop in loops)] for title, cells in rows.items()),
    )


def row_tables(results: Results) -> Iterator[str]:
    """Yields a table for each pair of sides that was compared, in the order of the rows."""
    by_sides: dict[tuple[str, ...], list[Line]] = {}
    for line in results.lines:
        by_sides.setdefault(line.sides, []).append(line)
    for sides, lines in by_sides.items():
        loops = [loop for loop in results.loops if any(loop in line.samples for line in lines)]
        yield table(_heads(sides, loops), _rows(results, sides, loops, lines))


def _heads(sides: tuple[str, ...], loops: list[str]) -> list[str]:
    heads = ["an operation"]
    for loop in loops:
        heads += [f"{loop}: {side}" if side == sides[0] else side for side in sides]
        heads += ["ratio"] * (len(sides) == 2)
    return heads


def _rows(
    results: Results, sides: tuple[str, ...], loops: list[str], lines: list[Line]
) -> Iterator[list[str]]:
    width = len(sides) + (len(sides) == 2)
    for group, members in groupby(lines, key=lambda line: line.group):
        yield [f"**{group}**", *[""] * (width * len(loops))]
        for line in members:
            cells = [line.title if line.compared else f"*{line.title}*"]
            for loop in loops:
                measured = [figure(spread.median, line.unit) for spread in line.spreads(loop)]
                if len(sides) == 2:
                    measured.append(_ratio(line.ratio(loop)))
                cells += measured if loop in line.samples else ["–"] * width
            yield cells
    if len(sides) == 2 and any(line.compared for line in lines):
        means = [results.mean(loop) for loop in loops]
        yield ["**geometric mean**"] + [
            cell for mean in means for cell in ("", "", f"**{mean:.2f}**" if mean else "–")
        ]


def _ratio(ratio: Spread | None) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio else "–"


def figure(value: float, unit: str) -> str:
    """Returns a figure with its unit, to three places or so."""
    if unit == "ns" and abs(value) >= 1000:
        return f"{value / 1000:.2f} µs"
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """Returns a table in Markdown whose columns but the first are figures."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
