"""The command line."""

import argparse
import datetime
import sys
from dataclasses import replace
from pathlib import Path

from benches import chart, documents, machine, markdown, results
from benches.compare import compare
from benches.counting import instruction_table
from benches.loops import LOOPS
from benches.plan import FULL, QUICK, Effort, cells
from benches.progress import Progress
from benches.runner import ChildFailed, run
from benches.workloads import GROUPS

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def main(arguments: list[str] | None = None) -> int:
    """Does what is asked for; returns 0, or 1 where a measurement failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print(*(f"{row.key:22}{row.title}" for group in GROUPS for row in group.rows), sep="\n")
        return 0
    if options.compare:
        print(compare(*map(results.Results.load, options.compare)))
        return 0
    if options.document:
        documents.update()
        return 0
    try:
        return _instructions(options) if options.instructions else _measure(options)
    except ValueError as error:
        parser.error(str(error))
    except ChildFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1


def _measure(options: argparse.Namespace) -> int:
    effort = _effort(options)
    planned, skipped = cells(GROUPS, options.rows, options.loops or list(LOOPS))
    for what, why in skipped.items():
        print(f"left out: {what} ({why})", file=sys.stderr)
    told = machine.describe()
    samples = run(planned, effort, Progress(planned, effort))
    found = results.Results(
        label=options.python_label,
        date=datetime.date.today().isoformat(),
        quick=effort.quick,
        machine={**told, "clock": "processor time" if options.cpu_time else "wall-clock time"},
        skipped=skipped,
        lines=results.lines(samples),
    )
    text = markdown.report(found)
    print(text)
    if options.json:
        found.save(options.json)
    if options.markdown:
        _write(options.markdown, text)
    if options.svg:
        _write(options.svg, chart.draw(found))
    return 0


def _effort(options: argparse.Namespace) -> Effort:
    effort = QUICK if options.quick else FULL
    if options.cpu_time:
        effort = replace(effort, clock="cpu")
    if options.rounds is None:
        return effort
    heavy = min(options.rounds, effort.heavy_rounds)
    return replace(effort, rounds=options.rounds, heavy_rounds=heavy, budget=float("inf"))


def _instructions(options: argparse.Namespace) -> int:
    planned, skipped = cells(GROUPS, options.rows, options.loops or ["stock"])
    for what, why in skipped.items():
        print(f"left out: {what} ({why})", file=sys.stderr)
    print(instruction_table(planned))
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benches",
        description="Compares asyncio's own tasks and futures with those of aioxide.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a first look, in less than two minutes")
    add("--rows", type=_list, default=[], metavar="KEY,…", help="only these; * for any text")
    add("--loops", type=_loops, metavar="LOOP,…", help=f"only these of {', '.join(LOOPS)}")
    add("--rounds", type=int, metavar="N", help="how often each is measured")
    add("--cpu-time", action="store_true", help="the processor's time: fair on a busy machine")
    add("--json", type=Path, metavar="FILE", help="keep all samples there")
    add("--svg", type=Path, metavar="FILE", help="draw the chart there")
    add("--markdown", type=Path, metavar="FILE", help="write the report there, too")
    add("--python-label", default=VERSION, metavar="TEXT", help="what to call it")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--list", action="store_true", help="show the rows")
    mode.add_argument(
        "--instructions", action="store_true", help="count instructions with valgrind instead"
    )
    mode.add_argument(
        "--compare", nargs=2, type=Path, metavar="FILE", help="two files of --json, side by side"
    )
    mode.add_argument(
        "--document",
        action="store_true",
        help="put what is in benches/results into docs/performance.md",
    )
    return parser


def _list(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _loops(text: str) -> list[str]:
    loops = _list(text)
    for loop in loops:
        if loop not in LOOPS:
            raise argparse.ArgumentTypeError(f"no loop {loop!r}")
    return loops
