"""The command: which outcomes, how many of each; progress, a table, the exit status."""

import argparse
import logging
import warnings
from functools import partial

from support import IMPLEMENTATIONS, implementation

from memory.check import check
from memory.faults import FAULTS
from memory.measure import SLACK
from memory.outcomes import OUTCOMES
from memory.report import Progress, leaks_of, print_summary, print_table


def main(arguments=None):
    """Checks outcomes; returns 0 if nothing was left behind, 1 otherwise."""
    options = _parser().parse_args(arguments)
    warnings.simplefilter("ignore")  # coroutines that are never awaited are meant here
    logging.disable()
    outcomes = [each for each in OUTCOMES.values() if options.only in each.name]
    if options.faults:
        return _find_faults(outcomes, options.things)
    makers = {name: partial(implementation, name) for name in IMPLEMENTATIONS} | FAULTS
    impl = makers[options.classes]()
    progress = Progress(outcomes, options.things)
    verdicts = []
    for outcome in outcomes:
        progress.begin(outcome)
        things = outcome.share(options.things)
        verdicts.append(check(outcome, things, impl, progress.step, options.ignore))
        progress.end(verdicts[-1])
    print_table(verdicts)
    return print_summary(verdicts, options.classes)


def _parser():
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Makes many objects of every outcome and lets them go: neither objects nor"
        " references nor memory may be left.",
        epilog=f"Classes with a deliberate leak: {', '.join(FAULTS)}.",
    )
    add = parser.add_argument
    add("--things", type=int, default=1000, metavar="N", help="of each outcome (default: 1000)")
    add("--only", default="", metavar="TEXT", help="only outcomes with this in their name")
    add("--classes", default="rust", metavar="NAME", type=_classes, help="rust or builtin")
    add("--ignore", action="append", default=[], choices=SLACK, help="leave this out; repeatable")
    add("--faults", action="store_true", help="find each deliberate leak, by the quick outcomes")
    return parser


def _classes(name):
    if name not in (*IMPLEMENTATIONS, *FAULTS):
        raise argparse.ArgumentTypeError(f"no classes {name!r}")
    return name


def _find_faults(outcomes, things):
    """Says which outcome is the first to show each of the deliberate leaks; 1 if none does."""
    status = 0
    for fault, make in FAULTS.items():
        quick = (outcome for outcome in outcomes if outcome.one_in <= 2)
        verdicts = (check(outcome, things, make()) for outcome in quick)
        found = next((verdict for verdict in verdicts if verdict.growth.leaks), None)
        status = status if found else 1
        print(f"{fault}: {leaks_of(found) if found else 'not found'}", flush=True)
    return status
