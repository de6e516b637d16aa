"""The command: which modules to run and how, progress, the table, the exit status."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from conformance import modules
from conformance.children import RUST, Run
from conformance.comparison import Comparison, compare
from conformance.report import report, summary

MISSING = (
    f"skipped: {sys.executable} has no {modules.PACKAGE}: its distributor leaves the interpreter's"
    " own tests out, or has them in another package (on Debian libpython3.x-testsuite)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tests; returns 0 if none went better on the built-in classes, 1 otherwise."""
    present = modules.present()
    if not present:
        print(MISSING)
        return 0
    parser = _parser()
    options = parser.parse_args(arguments)
    for module in options.module or ():
        if module not in present and "." not in module:
            parser.error(f"there is no {modules.full_name(module)}")
    chosen = options.module or modules.present(options.fast)
    comparisons = asyncio.run(_run(chosen, options))
    print(report(comparisons, options.verbose))
    return 0 if all(comparison.ok() for comparison in comparisons) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Runs the interpreter's own asyncio tests on the built-in classes and on the"
        " Rust ones, and compares.",
    )
    add = parser.add_argument
    only = "only this one; repeatable; by its full name, such as test.test_asyncgen, any other test"
    add("--module", action="append", metavar="NAME", help=only)
    add("-k", dest="pattern", default="", metavar="PATTERN", help="only tests of such names")
    add("--fast", action="store_true", help=f"leave out {', '.join(sorted(modules.SLOW))}")
    add("--jobs", type=int, default=2, metavar="N", help="processes at a time (default: 2)")
    add("--timeout", type=float, default=300, metavar="S", help="seconds a module may take")
    add("--classes", default=RUST, metavar="MODULE", help="whose Task and Future to test instead")
    add("-v", "--verbose", action="store_true", help="list skipped tests and bound test cases")
    return parser


async def _run(chosen: Sequence[str], options: argparse.Namespace) -> list[Comparison]:
    slots = asyncio.Semaphore(options.jobs)
    ended = 0

    def say(run: Run) -> None:
        nonlocal ended
        ended += 1
        print(f"[{ended:>3}/{2 * len(chosen)}] {summary(run)}", flush=True)

    async def compare_on(module: str) -> Comparison:
        return await compare(
            module,
            classes=options.classes,
            pattern=f"*{options.pattern}*",
            timeout=options.timeout,
            slots=slots,
            say=say,
        )

    return await asyncio.gather(*map(compare_on, chosen))
