"""Instructions for each operation, counted by valgrind: no noise disturbs them.

A process of each side is run under callgrind and forks two children for each row: one runs the
workload some times, the other twice as often. What the second executes more is what the operations
take; all else is in both.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE

from benches.child import Bench
from benches.loops import import_loop
from benches.markdown import table
from benches.plan import Cell
from benches.rows import Row, Side
from benches.runner import ROOT, ChildFailed
from benches.workloads import ROWS

TIMES = 3
_TOOL = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
_COUNTED = re.compile(r"^==(\d+)== Collected : (\d+)", re.M)

# How many instructions an operation takes, by row, loop and side.
Counts = dict[tuple[str, str, str], float]


def instruction_table(planned: list[Cell]) -> str:
    """Counts what can be timed, and returns the table, the costliest against the baseline first."""
    timed = [cell for cell in planned if cell.row.unit == "ns" and len(cell.group.sides) == 2]
    counts = count(timed)
    lines = []
    for loop, row in dict.fromkeys((cell.loop, cell.row) for cell in timed):
        theirs, ours = (counts[row.key, loop, side.key] for side in ROWS[row.key][0].sides)
        lines.append((theirs / ours, [row.title, loop, f"{theirs:,.0f}", f"{ours:,.0f}"]))
    lines.sort(key=lambda line: line[0])
    heads = ["instructions for an operation", "loop", "compared with", "aioxide", "ratio"]
    return table(heads, ([*cells, f"{ratio:.2f}"] for ratio, cells in lines))


def count(cells: list[Cell]) -> Counts:
    """Returns the instructions of each cell; one process for each loop and side, two at a time."""
    together: dict[tuple[str, Side], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell.loop, cell.side), []).append(cell)
    counts: Counts = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(_count_together, together.values()):
            counts |= found
    return counts


def _count_together(cells: list[Cell]) -> Counts:
    loop, side = cells[0].loop, cells[0].side
    keys = [cell.row.key for cell in cells]
    command = [sys.executable, "-m", "benches.counting", json.dumps([loop, side.key, keys])]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    processes = []
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [*_TOOL, *command], cwd=ROOT, env=environment, stdout=PIPE, stderr=log, text=True
        ) as child,
    ):
        for line in child.stdout or ():
            processes.append(line)
            done = f"{len(processes):5} of {len(keys)} rows  {loop}, {side.title}"
            print(done, file=sys.stderr, flush=True)
        status = child.wait()
        log.seek(0)
        told = log.read()
    if status:
        raise ChildFailed(f"{loop}, {side.title}: status {status}\n{told}")
    found = per_operation("".join(processes), told)
    return {(key, loop, side.key): number for key, number in found.items()}


def per_operation(processes: str, log: str) -> dict[str, float]:
    """Returns the instructions of an operation by row.

    `processes` is what `main()` prints; `log` is valgrind's, which has a count for each of them.
    """
    collected = {process: int(number) for process, number in _COUNTED.findall(log)}
    counts = {}
    for line in processes.splitlines():
        key, once, twice = line.split()
        row = ROWS[key][1]
        more = collected[twice] - collected[once]
        counts[key] = more / (TIMES * row.operations(row.tiny))
    return counts


def main() -> None:
    """Under callgrind: forks twice for each row and prints the row with the ids of the two."""
    loop, side_key, keys = json.loads(sys.argv[1])
    import_loop(loop)
    for key in keys:
        group, row = ROWS[key]
        (side,) = [side for side in group.sides if side.key == side_key]
        side.enter()
        print(key, *[_fork(row, side, loop, times) for times in (TIMES, 2 * TIMES)], flush=True)


def _fork(row: Row, side: Side, loop: str, times: int) -> int:
    """Runs the workload in a process forked off, and returns its id when it has ended well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            bench = Bench(row, side, loop)
            bench.settle()
            for _ in range(1 + times):  # the first makes what is made only once
                bench.run(row.tiny)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{row.key} failed")
    return child


if __name__ == "__main__":
    main()
