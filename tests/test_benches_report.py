"""The benchmark's figures: right for samples that are known, and shown as they are."""

from xml.etree import ElementTree

import pytest

from benches import documents
from benches.chart import BAR, Scale, draw
from benches.compare import compare
from benches.markdown import figure, report, target_table
from benches.plan import Cell
from benches.results import Results, lines
from benches.samples import Spread, geometric_mean, ratio, spread
from benches.targets import reached
from benches.workloads import ROWS


def results(samples, label="3.12"):
    """Results of rows, loops and both sides: `{(key, loop): (theirs, ours)}`."""
    by_cell = {}
    for (key, loop), both in samples.items():
        group, row = ROWS[key]
        for side, measured in zip(group.sides, both, strict=True):
            by_cell[Cell(group, row, loop, side)] = measured
    return Results(label, "2026-01-02", False, {"processor": "a fast one"}, {}, lines(by_cell))


STEPS = {
    ("steps", "stock"): ([900.0, 1000.0, 1100.0], [360.0, 400.0, 550.0]),
    ("floor", "stock"): ([200.0, 200.0, 200.0], [200.0, 150.0, 200.0]),
    ("gather", "stock"): ([3.0], [6.0]),
    ("gather", "uvloop"): ([2.0], [1.0]),
}


def test_median_and_quartiles():
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == Spread(3, 2, 4)
    assert spread([7.0]) == Spread(7, 7, 7)


def test_ratio_is_of_the_medians_and_its_quartiles_of_the_rounds():
    assert ratio([10.0, 20.0, 30.0], [10.0, 10.0, 5.0]) == Spread(2, 1.5, 4)


def test_ratio_lies_between_its_quartiles():
    middle, low, high = ratio([1.0, 2.0, 9.0], [1.0, 8.0, 3.0])
    assert low <= middle <= high


def test_geometric_mean():
    assert geometric_mean([4.0, 0.25, 8.0]) == pytest.approx(2)


def test_time_above_the_floor_is_worked_out_round_by_round():
    line = results(STEPS).line("above-floor")
    assert line.samples == {
        "stock": {"built-in": [700.0, 800.0, 900.0], "aioxide": [160.0, 250.0, 350.0]}
    }
    assert line.ratio("stock").median == 3.2
    assert not line.compared


def test_no_ratio_where_a_step_is_below_the_floor():
    below = {("steps", "stock"): ([9.0], [1.0]), ("floor", "stock"): ([2.0], [2.0])}
    assert results(below).line("above-floor").ratio("stock") is None


def test_mean_is_of_the_rows_that_are_compared():
    found = results(STEPS)
    assert found.ratios("stock") == {
        ROWS["steps"][1].title: 2.5,
        ROWS["gather"][1].title: 0.5,
    }
    assert found.mean("stock") == pytest.approx((2.5 * 0.5) ** 0.5)
    assert found.mean("rloop") is None


def test_results_survive_being_kept(tmp_path):
    found = results(STEPS)
    found.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == found


def test_targets_beside_what_was_reached():
    by_place = {(target.title, target.loop): target for target in reached(results(STEPS))}
    steps = by_place["steps by `sleep(0)`", "stock"]
    assert (steps.wanted, steps.reached, steps.met) == ("3.5", "2.50", False)
    gather = by_place["gather of 20,000", "uvloop"]
    assert (gather.wanted, gather.reached, gather.met) == ("1.8", "2.00", True)
    worst = by_place["any row", "stock"]
    assert (worst.reached, worst.met) == ("0.50 (`gather` of 20,000)", False)
    assert by_place["any row", "uvloop"].met
    assert by_place["tree of gathers", "stock"].reached is None


@pytest.mark.parametrize(("milliseconds", "met"), [(14.9, True), (15.1, False)])
def test_target_of_the_import(milliseconds, met):
    found = list(reached(results({("import", "stock"): ([milliseconds],)})))
    assert (found[-1].reached, found[-1].met) == (f"{milliseconds} ms", met)


def test_report():
    text = report(results(STEPS))
    assert "a fast one" in text
    assert "| gather of 20,000 | 2.5 | 0.50 | 1.8 | **2.00** |" in text
    step = "| a step by `sleep(0)`, 100 tasks | 1.00 µs | 400 ns | 2.50 (2.25–2.50) | – | – | – |"
    assert step in text
    assert "tree" not in target_table(results(STEPS))


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (999.4, "ns", "999 ns"),
        (12_345, "ns", "12.35 µs"),
        (5.04, "ms", "5.0 ms"),
        (800, "B", "800 B"),
    ],
)
def test_figures(value, unit, shown):
    assert figure(value, unit) == shown


def test_comparison_of_two_runs():
    before, after = results({("gather", "stock"): ([4.0], [6.0])}), results(STEPS)
    (row,) = [line for line in compare(before, after).splitlines() if "gather" in line]
    assert row == "| `gather` of 20,000 | stock | 6.0 ns | 6.0 ns | 1.00 | 0.67 | 0.50 |"


def test_chart_has_a_bar_for_each_ratio_on_its_side_of_one():
    root = ElementTree.fromstring(draw(results(STEPS)))
    bars = [bar for bar in root if bar.get("height") == str(BAR - 1)]
    widths = {bar.get("fill"): [] for bar in bars}
    for bar in bars:
        widths[bar.get("fill")].append(float(bar.get("x")))
    found = results(STEPS)
    scale = Scale(
        [line.ratio(loop) for line in found.lines for loop in line.samples if line.key != "floor"]
    )
    one = pytest.approx(scale.x(1), abs=0.1)
    (uvloop,) = [starts for starts in widths.values() if len(starts) == 1]
    (stock,) = [starts for starts in widths.values() if len(starts) == 3]
    assert uvloop == [one]
    assert stock == [one, one, pytest.approx(scale.x(0.5), abs=0.1)]


def test_document_is_what_the_results_give():
    text = documents.DOCUMENT.read_text()
    shown = text.partition(documents.BEGIN)[2].partition(documents.END)[0]
    runs = documents.load(documents.RESULTS)
    assert shown.strip() == documents.section(runs).strip()
    for run in runs:
        assert (documents.DOCUMENT.parent / documents.chart_name(run)).read_text() == draw(run)


def test_runs_are_put_into_the_document_by_version(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{documents.BEGIN}\nstale\n{documents.END}\nafter\n")
    for label in ("3.9", "3.12", "3.11"):
        results(STEPS, label).save(tmp_path / "results" / f"{label}.json")
    documents.update(tmp_path / "results", document)
    text = document.read_text()
    places = [text.index(f"### CPython {label}\n") for label in ("3.9", "3.11", "3.12")]
    assert places == sorted(places)
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale" not in text
    assert (tmp_path / "performance-3.11.svg").exists()
