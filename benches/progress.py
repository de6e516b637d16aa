"""What is shown while it runs: how far it is, and how much time is left."""

import sys
import time
from typing import TextIO

from benches.plan import Cell, Effort, rounds


class Progress:
    """One line on a terminal that is written over; elsewhere a line now and then."""

    def __init__(self, planned: list[Cell], effort: Effort, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._overwrite = self._out.isatty()
        self._budget = effort.budget
        self._rounds = list(rounds(planned, effort))
        self._total = sum(map(len, self._rounds))
        self._done = 0
        self._took: dict[Cell, float] = {}
        self._first = self._began = time.monotonic()
        self._last_said = 0.0

    def begin(self, cell: Cell) -> None:
        self._began = time.monotonic()
        if not self._overwrite and self._began - self._last_said < 10:
            return
        self._last_said = self._began
        known = f"{_clock(self._seconds_left())} left" if self._took else ""
        self._write(f"{self._done:5} of {self._total}  {known:>14}  {cell}")

    def end(self, cell: Cell) -> None:
        self._took[cell] = time.monotonic() - self._began
        self._done += 1
        self._rounds[0].remove(cell)
        if not self._rounds[0]:
            self._rounds.pop(0)

    def expected(self, cells: list[Cell]) -> float:
        """Returns the seconds that these will take, as far as it can be known from the others."""
        if not self._took:
            return 0
        usual = sum(self._took.values()) / len(self._took)
        return sum(self._took.get(cell, usual) for cell in cells)

    def _seconds_left(self) -> float:
        """A round that has begun is ended; another one is begun if there is time for it."""
        this_round, *others = self._rounds
        left = self.expected(this_round)
        budget = self._budget - (self._began - self._first)
        for other in others:
            left += self.expected(other) if left + self.expected(other) <= budget else 0
        return left

    def say(self, text: str) -> None:
        self._write(text)
        if self._overwrite:
            print(file=self._out)

    def finish(self) -> None:
        self.say(f"measured in {_clock(time.monotonic() - self._first)}")

    def _write(self, text: str) -> None:
        if self._overwrite:
            print(f"\r\x1b[K{text}", end="", file=self._out, flush=True)
        else:
            print(text, file=self._out, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0, seconds)), 60)
    return f"{minutes} min {rest:2} s" if minutes else f"{rest} s"
