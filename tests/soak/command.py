"""The command: how long or how many rounds, and what has become of the jobs."""

import argparse
import random
import time

from soak.classes import CLASSES
from soak.round import LOOPS, SENDERS, Round
from soak.watchdog import Watchdog

MOST_SHOWN = 10


def main(arguments=None):
    """Runs rounds; returns 0 if nothing was lost, 1 otherwise."""
    options = _parser().parse_args(arguments)
    print(
        f"{LOOPS} loops, {SENDERS} threads that send and one that looks; {options.classes} classes"
        f" on {' and '.join(options.loop)}; seed {options.seed}",
        flush=True,
    )
    tally = Tally()
    number = options.only or 0
    while tally.rounds < options.rounds and tally.seconds() < options.seconds:
        kind = options.loop[number % len(options.loop)]
        current = Round(f"{options.seed}, {number}", options.jobs, kind, options.classes)
        with Watchdog(options.standstill):
            complaints = current.run()
        tally.add(current)
        for complaint in complaints[:MOST_SHOWN]:
            print(f"round {number} on {kind}: {complaint}")
        if complaints:
            print(f"{len(complaints)} in all")
            tally.print()
            print(f"again: --seed {options.seed} --only {number}, and the same options")
            return 1
        number += 1
    tally.print()
    print(f"nothing was lost; seed {options.seed}")
    return 0


class Tally:
    """Sums, shown once a second."""

    def __init__(self):
        self.began = self.shown = time.monotonic()
        self.rounds = self.sent = self.received = self.looks = 0

    def seconds(self):
        return time.monotonic() - self.began

    def add(self, current):
        self.rounds += 1
        self.sent += current.sent
        self.received += current.received
        self.looks += current.looks
        if time.monotonic() - self.shown >= 1:
            self.print()

    def print(self):
        self.shown = time.monotonic()
        seconds = self.seconds()
        print(
            f"{seconds:6.0f} s  {self.rounds:,} rounds  jobs sent {self.sent:,},"
            f" ended {self.received:,} ({self.received / seconds:,.0f}/s)"
            f"  all_tasks() {self.looks:,} ({self.looks / seconds:,.0f}/s)",
            flush=True,
        )


def _parser():
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Lets threads send jobs to the loops of other threads, and counts what ends.",
    )
    add = parser.add_argument
    add("--seconds", type=float, default=float("inf"), metavar="S", help="how long")
    add("--rounds", type=int, default=10**12, metavar="N", help="at most so many rounds")
    add("--jobs", type=int, default=4000, metavar="N", help="jobs a round (default: 4000)")
    add("--standstill", type=float, default=120, metavar="S", help="seconds a round may take")
    add("--seed", type=_seed, default="", metavar="S", help="which ones (default: any)")
    add("--only", type=int, metavar="N", help="begin with this round")
    add("--loop", nargs="+", default=["asyncio", "uvloop"], help="kinds of loops, taken in turn")
    add("--classes", choices=CLASSES, default="rust", help="the last ones have a fault")
    return parser


def _seed(text):
    """Nothing, as it comes from `make soak` without SEED=, stands for any seed."""
    return int(text) if text else random.SystemRandom().randrange(10**9)
