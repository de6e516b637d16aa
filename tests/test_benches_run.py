"""The benchmark's runs: what is planned, in which order, in processes of their own."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benches import command, counting
from benches.plan import QUICK, Cell, Effort, cells, rounds
from benches.progress import Progress
from benches.results import Results
from benches.runner import ChildFailed, in_child, run
from benches.sides import BUILTIN, RUST
from benches.workloads import GROUPS, ROWS

ROOT = Path(__file__).parent.parent
ONCE = Effort(rounds=1, heavy_rounds=1, seconds=0)


def plan(*keys, loops=("stock",)):
    return cells(GROUPS, list(keys), list(loops))[0]


def names(measured):
    return [(cell.row.key, cell.loop, cell.side.key) for cell in measured]


def run_recording(planned, effort, seconds=1.0):
    measured = []

    def measure(cell, effort):
        measured.append(cell)
        return seconds

    return run(planned, effort, Progress(planned, effort, StringIO()), measure), measured


def test_sides_take_turns():
    planned = plan("create", "gather")
    samples, measured = run_recording(planned, Effort(rounds=2, heavy_rounds=1, seconds=0))
    assert names(measured) == 2 * [
        ("create", "stock", "builtin"),
        ("create", "stock", "rust"),
        ("gather", "stock", "builtin"),
        ("gather", "stock", "rust"),
    ]
    assert list(samples) == planned
    assert list(samples.values()) == [[1.0, 1.0]] * 4


def test_heavy_rows_are_measured_less_often():
    planned = plan("create", "million")
    _, measured = run_recording(planned, Effort(rounds=3, heavy_rounds=1, seconds=0))
    assert [key for key, _, side in names(measured) if side == "rust"] == [
        "create",
        "million",
        "create",
        "create",
    ]


def test_no_round_is_begun_that_is_out_of_budget():
    planned = plan("create")
    samples, _ = run_recording(planned, Effort(rounds=9, heavy_rounds=1, seconds=0, budget=0))
    assert [len(measured) for measured in samples.values()] == [1, 1]


def test_quick_run_has_smaller_sizes():
    cells_of = {cell.row.key: cell for cell in plan("million", "create", "import")}
    sizes = {
        key: (cell.request(ONCE).size, cell.request(QUICK).size) for key, cell in cells_of.items()
    }
    assert sizes == {"million": (1_000_000, 50_000), "create": (20_000, 4_000), "import": (1, 1)}


def test_every_row_is_planned_on_every_loop():
    # But for those that need an extension which is not built.
    groups = tuple(group for group in GROUPS if not group.why_missing())
    planned, skipped = cells(groups, [], ["stock"])
    rows = {row.title for group in groups for row in group.rows}
    missing = rows - {cell.row.title for cell in planned}
    assert missing == set(skipped)
    assert bool(missing) == (sys.version_info < (3, 12))
    assert len(set(planned)) == len(planned)
    assert sum(map(len, rounds(planned, ONCE))) == len(planned)


def test_loop_that_cannot_be_imported_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.setitem(command.LOOPS, "nowhere", "no_such_module")
    monkeypatch.setattr("benches.plan.why_missing", lambda loop: f"no {loop}")
    planned, skipped = cells(GROUPS, ["create"], ["nowhere"])
    assert (planned, skipped) == ([], {"nowhere": "no nowhere"})


def test_group_that_cannot_be_measured_is_left_out_with_the_reason():
    group = replace(ROWS["create"][0], why_missing=lambda: "not built")
    planned, skipped = cells((group,), [], ["stock"])
    assert (planned, skipped) == ([], {group.title: "not built"})


def test_unknown_rows_and_loops_are_refused(capsys):
    for arguments in (["--rows", "creat"], ["--loops", "trio"]):
        with pytest.raises(SystemExit):
            command.main(arguments)
        assert arguments[1] in capsys.readouterr().err


def test_process_that_fails_fails_the_run(monkeypatch, capsys):
    group, row = ROWS["create"]
    cell = Cell(group, replace(row, key="nonsense"), "stock", RUST)
    with pytest.raises(ChildFailed, match="nonsense") as failure:
        in_child(cell, ONCE)

    def fails(*arguments):
        raise failure.value

    monkeypatch.setattr(command, "run", fails)
    assert command.main(["--rows", "create", "--loops", "stock"]) == 1
    assert "nonsense" in capsys.readouterr().err


def test_progress_tells_how_much_is_left():
    planned = plan("create")
    out = StringIO()
    progress = Progress(planned, Effort(rounds=2, heavy_rounds=1, seconds=0), out)
    progress.begin(planned[0])
    progress.end(planned[0])
    progress.finish()
    first, last = out.getvalue().splitlines()
    assert re.fullmatch(r" +0 of 4 +create, stock, built-in", first)
    assert re.fullmatch(r"measured in \d+ s", last)


def test_a_run_from_the_command_line(tmp_path):
    files = {name: tmp_path / f"run.{name}" for name in ("json", "svg", "markdown")}
    outputs = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    options = ["--quick", "--cpu-time", "--rounds", "1", "--rows", "done", "--loops", "stock"]
    done = subprocess.run(
        [sys.executable, "-m", "benches", *options, *outputs],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = Results.load(files["json"])
    (line,) = found.lines
    assert [len(samples) for samples in line.samples["stock"].values()] == [1, 1]
    assert found.quick
    assert found.machine["clock"] == "processor time"
    assert found.machine["Python"].startswith("CPython")
    assert files["markdown"].read_text() in done.stdout
    assert f"{found.ratio('done', 'stock'):.2f}" in done.stdout
    assert "measured in" in done.stderr
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")


@pytest.mark.parametrize("side", [BUILTIN, RUST], ids=lambda side: side.key)
def test_instructions_are_counted_in_two_processes_a_row(side):
    request = json.dumps(["stock", side.key, ["done", "callbacks"]])
    done = subprocess.run(
        [sys.executable, "-m", "benches.counting", request],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    log = ""
    for place, line in enumerate(done.stdout.splitlines(), 1):
        _, once, twice = line.split()
        log += f"==1== \n=={once}== Collected : 500\n"
        log += f"=={twice}== Collected : {500 + place * 3000}\n"
    sizes = {key: ROWS[key][1].tiny for key in ("done", "callbacks")}
    assert counting.per_operation(done.stdout, log) == {
        "done": 1000 / sizes["done"],
        "callbacks": 2000 / sizes["callbacks"],
    }
