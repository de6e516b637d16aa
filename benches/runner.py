"""Makes the measurements: each in a fresh interpreter, round after round."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benches.plan import Cell, Effort, rounds
from benches.progress import Progress

ROOT = Path(__file__).parent.parent
Samples = dict[Cell, list[float]]


class ChildFailed(Exception):
    """A measurement ended in an error."""


def in_child(cell: Cell, effort: Effort) -> float:
    """Returns what a process of its own has measured; ChildFailed with its last words."""
    command = [sys.executable, "-m", "benches.child", json.dumps(cell.request(effort))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ChildFailed(f"{cell}: status {done.returncode}\n{done.stderr}")
    return float(json.loads(done.stdout))


def run(
    planned: list[Cell],
    effort: Effort,
    progress: Progress,
    measure: Callable[[Cell, Effort], float] = in_child,
) -> Samples:
    """Returns the samples of each cell; a cell that fails ends the run."""
    samples: Samples = {cell: [] for cell in planned}
    begin = time.monotonic()
    for number, this_round in enumerate(rounds(planned, effort)):
        round_begin = time.monotonic()
        if number and progress.expected(this_round) > effort.budget - (round_begin - begin):
            progress.say(f"{number} rounds are what {effort.budget:.0f} seconds are enough for")
            break
        for cell in this_round:
            progress.begin(cell)
            samples[cell].append(measure(cell, effort))
            progress.end(cell)
    progress.finish()
    return samples
