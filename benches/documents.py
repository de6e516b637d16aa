"""Puts what was measured into docs/performance.md, between its two marks, and draws the charts."""

import re
from pathlib import Path

from benches import chart, markdown
from benches.results import Results
from benches.runner import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benches" / "results"
BEGIN, END = "<!-- begin of what `make bench` has measured -->", "<!-- end -->"


def update(results: Path = RESULTS, document: Path = DOCUMENT) -> None:
    """Rewrites the part between the marks, and a chart for each version beside the document."""
    runs = load(results)
    text = document.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n\n{section(runs)}\n{END}{after}")
    for run in runs:
        (document.parent / chart_name(run)).write_text(chart.draw(run))


def load(results: Path) -> list[Results]:
    """Returns the runs that are kept in a folder, in the order of the versions."""
    runs = [Results.load(path) for path in results.glob("*.json")]
    return sorted(runs, key=lambda run: [int(part) for part in re.findall(r"\d+", run.label)])


def section(runs: list[Results]) -> str:
    """Returns what is said of the runs."""
    if not runs:
        return "Not measured yet.\n"
    return "\n".join(
        f"### CPython {run.label}\n\n"
        f"![How many times faster, on CPython {run.label}]({chart_name(run)})\n\n"
        f"{markdown.report(run)}"
        for run in runs
    )


def chart_name(run: Results) -> str:
    return f"performance-{run.label}.svg"
