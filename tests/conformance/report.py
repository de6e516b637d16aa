"""What is printed at the end: a line for each module, then what there is to say of single tests."""

import platform
from collections.abc import Iterator, Sequence
from textwrap import indent

from conformance.children import BUILT_IN, Run
from conformance.comparison import Comparison

_OUTCOMES = ("passed", "failed", "skipped")
_COLUMNS = ("run", *_OUTCOMES, "excluded", "run", *_OUTCOMES, "tasks", "futures")
# Over the columns, each right-aligned at the end of its group.
_GROUPS = (("on the Rust classes", 5), ("on the built-in classes", 4), ("made in Rust", 2))
_WIDTH = 9


def report(comparisons: Sequence[Comparison], verbose: bool = False) -> str:
    """Returns the whole of it; `verbose`: also what was skipped, and what was bound."""
    return "\n".join([*_table(comparisons), *_remarks(comparisons, verbose), _verdict(comparisons)])


def summary(run: Run) -> str:
    """Returns a run in a line."""
    counts = [f"{run.count(outcome)} {outcome}" for outcome in _OUTCOMES if run.count(outcome)]
    classes = "built-in" if run.classes == BUILT_IN else f"{run.classes}'s"
    outcome = ", ".join(counts) or "no tests"
    return f"{run.module} on {classes} classes: {outcome} ({run.seconds:.1f} s)"


def _table(comparisons: Sequence[Comparison]) -> Iterator[str]:
    rows = [_numbers(comparison) for comparison in comparisons]
    total = [sum(column) for column in zip(*rows, strict=True)]
    title = f"{platform.python_implementation()} {platform.python_version()}"
    width = max(len(title), *(len(comparison.module) for comparison in comparisons))
    heads = "".join(f"{head:>{_WIDTH * columns}}" for head, columns in _GROUPS)
    yield ""
    yield title.ljust(width) + heads
    yield _row("module", _COLUMNS, width)
    for comparison, numbers in zip(comparisons, rows, strict=True):
        yield _row(comparison.module, numbers, width)
    yield _row("total", total, width)


def _row(name: str, cells: Sequence[object], width: int) -> str:
    return name.ljust(width) + "".join(f"{cell!s:>{_WIDTH}}" for cell in cells)


def _numbers(comparison: Comparison) -> list[int]:
    """Returns the numbers of a module in the order of `_COLUMNS`."""
    rust, built_in = comparison.rust, comparison.built_in
    excluded = len(comparison.excluded())
    return [
        len(rust.tests),
        rust.count("passed"),
        rust.count("failed") - excluded,
        rust.count("skipped"),
        excluded,
        len(built_in.tests),
        *(built_in.count(outcome) for outcome in _OUTCOMES),
        rust.total("rust_tasks"),
        rust.total("rust_futures"),
    ]


def _remarks(comparisons: Sequence[Comparison], verbose: bool) -> Iterator[str]:
    for comparison in comparisons:
        if verbose:
            yield from _background(comparison)
        for name in comparison.failed_on_both():
            yield f"\nfails on the built-in classes as well: {name}"
        for name in comparison.failed_on_built_in_only():
            yield f"\nfails on the built-in classes only: {name}"
        for name, reason in comparison.excluded().items():
            yield f"\nexcluded: {name}\n    {reason}"
        yield from complaints(comparison)


def complaints(comparison: Comparison) -> Iterator[str]:
    """Yields what is wrong, each with its details."""
    for name, test in comparison.worse().items():
        yield f"\nWORSE ON THE RUST CLASSES: {name}: {test.outcome}\n{indent(test.details, '    ')}"
    for doubt in comparison.unproven():
        yield f"\nNOT PROVEN: {comparison.module}: {doubt}"
    for name in comparison.stale_exclusions():
        yield f"\nEXCLUDED FOR NO REASON: {name}"


def _background(comparison: Comparison) -> Iterator[str]:
    if comparison.rust.bound:
        yield f"\n{comparison.module}: bound {', '.join(sorted(comparison.rust.bound))}"
    for name, test in comparison.rust.tests.items():
        if test.outcome == "skipped":
            yield f"\nskipped: {name}: {test.details}"


def _verdict(comparisons: Sequence[Comparison]) -> str:
    bad = [comparison.module for comparison in comparisons if not comparison.ok()]
    if bad:
        return f"\nNOT CONFORMING: {', '.join(bad)}"
    return "\nNo test went better on the built-in classes, whose tasks were all Rust tasks here."
