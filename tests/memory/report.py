"""What the command says: how far it is, a table, what was left behind."""

import sys
import time
from datetime import timedelta

# Seconds between two reports of how far it is, on a terminal and elsewhere.
_PAUSE, _LONG_PAUSE = 1, 10
_COLUMNS = ("objects", "references", "blocks", "malloc", "resident", "total")


class Progress:
    """Says how far it is. What is played less often takes half the time of the others, about."""

    def __init__(self, outcomes, things):
        self.count, self.things = len(outcomes), things
        self.total = sum(map(_weight, outcomes))
        self.number = self.played = self.done = 0
        self.begun = self.said = time.monotonic()

    def begin(self, outcome):
        self.number += 1
        self.outcome, self.played = outcome, 0
        self.step(0)

    def step(self, played):
        self.played += played
        now, on_terminal = time.monotonic(), sys.stdout.isatty()
        if now - self.said < (_PAUSE if on_terminal else _LONG_PAUSE):
            return
        self.said = now
        # Warming up takes another tenth of the objects.
        part = min(1, self.played / (1.1 * self.outcome.share(self.things)))
        done = self.done + part * _weight(self.outcome)
        elapsed = now - self.begun
        left = elapsed * (self.total - done) / done if done else 0
        line = (
            f"{self.number} of {self.count} outcomes, {self.outcome.name}: {self.played:,} played,"
            f" elapsed {_rounded(elapsed)}, left {_rounded(left)}"
        )
        print(
            f"\r\033[K{line}" if on_terminal else line, end="" if on_terminal else "\n", flush=True
        )

    def end(self, verdict):
        self.done += _weight(verdict.outcome)
        if verdict.growth and verdict.growth.leaks:
            print("\n" * sys.stdout.isatty() + leaks_of(verdict), flush=True)


def _weight(outcome):
    return 1 if outcome.one_in == 1 else 0.5


def _rounded(seconds):
    return timedelta(seconds=round(seconds))


def leaks_of(verdict):
    """What was left behind, in words."""
    return f"{verdict.outcome.name}: {'; '.join(verdict.growth.leaks)}"


def print_table(verdicts):
    """Prints how much there is more of everything after each outcome."""
    width = max((len(verdict.outcome.name) for verdict in verdicts), default=0)
    print("\r\033[K" * sys.stdout.isatty() + "Growth. malloc and resident in bytes")
    print(f"{'':{width}} {'played':>9}", *(f"{name:>10}" for name in _COLUMNS), f"{'seconds':>8}")
    for verdict in verdicts:
        print(f"{verdict.outcome.name:{width}}", end=" ")
        if verdict.growth is None:
            print(f"no {verdict.outcome.loop} here")
            continue
        growth = verdict.growth
        amounts = [growth.objects, growth.references, *growth.amounts.values()]
        numbers = (f"{'-' if amount is None else f'{amount:+,}':>10}" for amount in amounts)
        leak = "  LEAK" if growth.leaks else ""
        print(f"{verdict.things:>9,}", *numbers, f"{verdict.seconds:>8.1f}{leak}")


def print_summary(verdicts, classes):
    """Prints what was left behind; returns the exit status."""
    leaking = [verdict for verdict in verdicts if verdict.growth and verdict.growth.leaks]
    for verdict in leaking:
        print(leaks_of(verdict))
    played = sum(verdict.things for verdict in verdicts if verdict.growth)
    version = sys.version.split()[0]
    print(
        f"{played:,} objects of {len(verdicts)} outcomes, {classes} classes, CPython {version}:"
        f" outcomes that leave something behind: {len(leaking) or 'none'}"
    )
    return 1 if leaking or not played else 0
