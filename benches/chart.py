"""The ratios as a chart in SVG, drawn by hand: to the right of the line ours is faster."""

import math
from collections.abc import Iterator
from html import escape
from itertools import groupby

from benches.results import Line, Results
from benches.samples import Spread

COLOURS = {"stock": "#1f6feb", "uvloop": "#d9730d", "rloop": "#2e8b57"}
INK, FAINT, RULE = "#24292f", "#6e7781", "#d8dee4"
WIDTH, LEFT, RIGHT, TOP = 940, 350, 40, 92
BAR, GAP, HEAD = 9, 9, 26  # heights: of a bar, between rows, of the title of a group
TICKS = (0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24)


def draw(results: Results) -> str:
    """Returns the chart of a run: a bar for each row and loop, quartiles as a thin line."""
    lines = [line for line in results.lines if len(line.sides) == 2 and _shown(line, results)]
    scale = Scale([spread for line in lines for spread in _ratios(line, results).values()])
    body: list[str] = []
    y = TOP
    for group, members in groupby(lines, key=lambda line: line.group):
        y += HEAD
        body.append(_text(16, y - 8, group, weight="bold"))
        for line in members:
            body += _row(line, results, scale, y)
            y += BAR * len(results.loops) + GAP
    return "\n".join([*_frame(results, y), *_axis(scale, y), *body, "</svg>"]) + "\n"


class Scale:
    """A logarithmic scale: twice as fast is as far to the right as half as fast to the left."""

    def __init__(self, spreads: list[Spread]) -> None:
        self.low = min([0.9, *(spread.low for spread in spreads)]) * 0.8
        self.high = max([1.2, *(spread.high for spread in spreads)]) * 1.05

    def x(self, ratio: float) -> float:
        part = math.log(ratio / self.low) / math.log(self.high / self.low)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    @property
    def ticks(self) -> list[float]:
        return [tick for tick in TICKS if self.low <= tick <= self.high]


def _ratios(line: Line, results: Results) -> dict[str, Spread]:
    ratios = {loop: line.ratio(loop) for loop in results.loops}
    return {loop: ratio for loop, ratio in ratios.items() if ratio}


def _shown(line: Line, results: Results) -> bool:
    """The floor has no scheduler and no side: its ratio says nothing."""
    return line.key != "floor" and bool(_ratios(line, results))


def _row(line: Line, results: Results, scale: Scale, y: int) -> Iterator[str]:
    """Yields the title and the bars of a row whose top is at `y`."""
    ratios = _ratios(line, results)
    middle = y + BAR * len(results.loops) / 2 + 4
    title = line.title.replace("`", "")
    yield _text(LEFT - 10, middle, title, anchor="end", colour=INK if line.compared else FAINT)
    for place, loop in enumerate(results.loops):
        if loop in ratios:
            yield from _bar(ratios[loop], COLOURS[loop], scale, y + BAR * place)


def _bar(ratio: Spread, colour: str, scale: Scale, y: int) -> Iterator[str]:
    begin, end = sorted((scale.x(1), scale.x(ratio.median)))
    yield (
        f'<rect x="{begin:.1f}" y="{y}" width="{max(end - begin, 0.5):.1f}" height="{BAR - 1}"'
        f' fill="{colour}"/>'
    )
    middle = y + (BAR - 1) / 2
    yield (
        f'<line x1="{scale.x(ratio.low):.1f}" x2="{scale.x(ratio.high):.1f}" y1="{middle}"'
        f' y2="{middle}" stroke="{INK}" stroke-width="1"/>'
    )
    told = f"{ratio.median:.2f}"
    if ratio.median >= 1:
        yield _text(max(end, scale.x(ratio.high)) + 4, middle + 3, told, size=9, colour=FAINT)
    else:
        left = min(begin, scale.x(ratio.low)) - 4
        yield _text(left, middle + 3, told, size=9, anchor="end", colour=FAINT)


def _frame(results: Results, bottom: int) -> Iterator[str]:
    height = bottom + 20
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="Helvetica, Arial, sans-serif">'
    )
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield _text(16, 28, f"aioxide on CPython {results.label}", size=17, weight="bold")
    yield _text(
        16,
        47,
        "time of the built-in classes divided by ours, same loop; thin lines span the quartiles",
        colour=FAINT,
    )
    x = 16
    for loop in results.loops:
        mean = results.mean(loop)
        told = f"{loop}, geometric mean {mean:.2f}" if mean else loop
        yield f'<rect x="{x}" y="57" width="10" height="10" fill="{COLOURS[loop]}"/>'
        yield _text(x + 15, 66, told)
        x += 220


def _axis(scale: Scale, bottom: int) -> Iterator[str]:
    for tick in scale.ticks:
        x, strong = scale.x(tick), tick == 1
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP + 6}" y2="{bottom}"'
            f' stroke="{INK if strong else RULE}" stroke-width="1"/>'
        )
        yield _text(x, TOP, f"{tick:g}", anchor="middle", colour=INK if strong else FAINT)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    colour: str = INK,
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        f' fill="{colour}" font-weight="{weight}">{escape(text)}</text>'
    )
