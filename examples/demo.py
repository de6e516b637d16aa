"""Runs the 22 examples on the interpreter's own classes and on Rust tasks, and compares the two.

    python examples/demo.py [--speed N]

A line tells of each example as it finishes, a table sums up. Times are those of whole processes,
the start of the interpreter included. The exit status is 1 if an example behaved differently on
Rust tasks or did not run on them.
"""

import argparse
import importlib.util
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "examples"))

import launch

HEADER = ("example", "outcome on Rust tasks", "compared", "built-in", "Rust")
ALIGNMENT = "<<<>>"
OUTCOME_WIDTH = 44
NAME_WIDTH = max((len(path.stem) for path in launch.EXAMPLES), default=0)


@dataclass(frozen=True)
class Report:
    """What became of one example on the two implementations."""

    name: str
    builtin: launch.Outcome
    rust: launch.Outcome

    @property
    def verdict(self):
        """Says in a word or two whether all is well."""
        return "DIFFERS" if problems(self.builtin, self.rust) else "same on both"


def main():
    """Runs the examples, prints what became of them, and returns the exit status."""
    speed = parse_speed()
    if importlib.util.find_spec("aioxide") is None:
        sys.exit(f"demo: aioxide is not installed for {sys.executable}; `make demo` installs it")
    pace = "no time for sleeps" if math.isinf(speed) else f"sleeps divided by {speed:g}"
    say(f"{len(launch.EXAMPLES)} examples on the built-in classes and on Rust tasks, {pace}\n")
    reports = [
        run_example(path, number, speed) for number, path in enumerate(launch.EXAMPLES, start=1)
    ]
    say()
    say(table(reports))
    found = [
        (each.name, problem) for each in reports for problem in problems(each.builtin, each.rust)
    ]
    for name, problem in found:
        say(f"{name}: {problem}")
    return 1 if found or not reports else 0


def parse_speed():
    """Returns how many times shorter the sleeps are to be."""
    parser = argparse.ArgumentParser(description="Runs the 22 examples on Rust tasks.")
    parser.add_argument(
        "--speed",
        metavar="N",
        type=positive,
        default=os.environ.get("SPEED") or "5",
        help="divide the examples' sleeps by N; inf: they take no time (default: $SPEED or 5)",
    )
    return parser.parse_args().speed


def positive(text):
    """Returns `text` as a number above zero; ValueError if it is none."""
    number = float(text)
    if not number > 0:
        raise ValueError(text)
    return number


def run_example(path, number, speed):
    """Runs an example on both implementations, prints a line about it, and returns its Report."""
    setting = "virtual" if math.isinf(speed) else 1 / speed
    builtin, rust = (
        launch.run(path, implementation, time_setting=setting)
        for implementation in launch.IMPLEMENTATIONS
    )
    report = Report(path.stem, builtin, rust)
    say(
        f"[{number:2}/{len(launch.EXAMPLES)}] {report.name:{NAME_WIDTH}}  "
        f"{rust.rust_tasks or 0} tasks in Rust  {rust.seconds:5.2f} s  {report.verdict}"
    )
    return report


def problems(builtin, rust):
    """Returns how `rust` falls short of `builtin` (both Outcomes), in sentences."""
    compared = {
        "the end": (ending(builtin), ending(rust)),
        "the output": (builtin.stdout, rust.stdout),
        "the last line on stderr": (builtin.final_line, rust.final_line),
    }
    found = [
        f"{what} differs: {here!r} on Rust tasks, {there!r} on the built-in classes"
        for what, (there, here) in compared.items()
        if here != there
    ]
    if rust.status is None:
        found.append(f"it was stopped after {launch.TIME_LIMIT} s")
    if not rust.rust_tasks:
        found.append("the Rust classes did not run it")
    return found


def ending(outcome):
    """Says how a program ended."""
    if outcome.status is None:
        return "stopped"
    return f"signal {-outcome.status}" if outcome.status < 0 else f"exit {outcome.status}"


def summary(outcome):
    """Sums a run up: the last line that it printed, or the exception that ended it."""
    if outcome.status == 0:
        text = outcome.stdout.rstrip("\n").rpartition("\n")[2]
    else:
        exception = outcome.final_line.partition(":")[0].rpartition(".")[2]
        text = ", ".join(filter(None, [exception, ending(outcome)]))
    return text if len(text) <= OUTCOME_WIDTH else text[: OUTCOME_WIDTH - 3] + "..."


def table(reports):
    """Returns a table of all reports, with a line of totals at its end, as text."""
    rows = [
        (each.name, summary(each.rust), each.verdict, *times([each.builtin], [each.rust]))
        for each in reports
    ]
    same = sum(each.verdict != "DIFFERS" for each in reports)
    tasks = sum(each.rust.rust_tasks or 0 for each in reports)
    totals = (
        f"total: {len(reports)} examples",
        f"{tasks} tasks ran on the Rust classes",
        f"{same} the same",
        *times([each.builtin for each in reports], [each.rust for each in reports]),
    )
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, totals, strict=True)]
    ruler = ["-" * width for width in widths]
    return "\n".join(line(cells, widths) for cells in (HEADER, ruler, *rows, ruler, totals))


def times(*runs):
    """Returns how long each list of runs took, as text."""
    return [f"{sum(outcome.seconds for outcome in outcomes):.2f} s" for outcomes in runs]


def line(cells, widths):
    """Returns one line of the table."""
    padded = (
        f"{cell:{side}{width}}" for cell, side, width in zip(cells, ALIGNMENT, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def say(text=""):
    """Prints at once, also where the output is not a terminal."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
