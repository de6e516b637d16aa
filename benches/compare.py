"""Two runs beside each other: what a change to the code has brought."""

from collections.abc import Iterator

from benches.markdown import figure, table
from benches.results import Line, Results


def compare(before: Results, after: Results) -> str:
    """Returns a table of ours, then and now; the ratios tell more where the machine changed."""
    loops = [loop for loop in after.loops if loop in before.loops]
    return table(
        ["an operation", "loop", "before", "after", "before / after", "ratio before", "after"],
        _rows(before, after, loops),
    )


def _rows(before: Results, after: Results, loops: list[str]) -> Iterator[list[str]]:
    for line in after.lines:
        old = before.line(line.key)
        for loop in loops:
            if old and loop in old.samples and loop in line.samples:
                then, now = old.spreads(loop)[-1].median, line.spreads(loop)[-1].median
                yield [
                    line.title,
                    loop,
                    figure(then, line.unit),
                    figure(now, line.unit),
                    f"{then / now:.2f}" if now > 0 else "–",
                    _ratio(old, loop),
                    _ratio(line, loop),
                ]


def _ratio(line: Line, loop: str) -> str:
    ratio = line.ratio(loop)
    return f"{ratio.median:.2f}" if ratio else "–"
