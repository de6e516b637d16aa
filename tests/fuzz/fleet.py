"""Many programs in several processes: progress, differences, crashes and hangs."""

import multiprocessing
import signal
import sys
import time
from datetime import timedelta
from multiprocessing import connection

from fuzz.compare import agree, explain
from fuzz.programs import random_program
from fuzz.settings import setting

# Seconds after which a program that is still running counts as hanging.
_PATIENCE = 60
# So many differences are shown; then enough is known.
_MOST = 5
# Seconds between two reports of how far it is, on a terminal and elsewhere.
_PAUSE, _LONG_PAUSE = 1, 10
_NONE = -1


class Fleet:
    """Runs programs 0 to `count` of a seed, `jobs` at a time, in the settings in turn."""

    def __init__(self, seed, count, settings, jobs):
        self.seed, self.count, self.settings = seed, count, settings
        # Forked: a process is there at once, and knows what this one knows.
        self.processes = multiprocessing.get_context("fork")
        self.ships = [_Ship(self, start, jobs) for start in range(jobs)]
        self.found = 0
        self.begun = self.said = time.monotonic()

    def run(self):
        """Returns how many differences, crashes and hangs there were."""
        settings = ", ".join(dict.fromkeys(self.settings))
        print(f"{self.count:,} programs, seed {self.seed}, in the settings {settings}", flush=True)
        under_way = self.ships
        try:
            while under_way and self.found < _MOST:
                connection.wait([ship.receiving for ship in under_way], timeout=_PAUSE)
                for ship in under_way:
                    for lines in ship.news():
                        self.found += 1
                        print("\n" * sys.stdout.isatty() + "\n".join(lines), flush=True)
                under_way = [ship for ship in under_way if ship.is_under_way()]
                self._say_how_far()
        except KeyboardInterrupt:
            print("\ninterrupted")
        finally:
            for ship in self.ships:
                ship.process.kill()
        self._say_how_far(last=True)
        return self.found

    def setting_of(self, number):
        return self.settings[number % len(self.settings)]

    def _say_how_far(self, last=False):
        now, on_terminal = time.monotonic(), sys.stdout.isatty()
        if not last and now - self.said < (_PAUSE if on_terminal else _LONG_PAUSE):
            return
        self.said = now
        line = f"{self._how_far(now - self.begun)}, differences: {self.found or 'none'}"
        if last:
            line += f"; seed {self.seed}"
        print("\r" * on_terminal + line, end="" if on_terminal and not last else "\n", flush=True)

    def _how_far(self, elapsed):
        done = sum(ship.done.value for ship in self.ships)
        rate = done / elapsed
        left = timedelta(seconds=round((self.count - done) / rate)) if rate else "unknown"
        return (
            f"{done:,} of {self.count:,} programs, {rate:,.0f}/s,"
            f" elapsed {timedelta(seconds=round(elapsed))}, left {left}"
        )


class _Ship:
    """One process, and what it tells about itself."""

    def __init__(self, fleet, start, step):
        self.fleet = fleet
        self.numbers = range(start, fleet.count, step)
        # Shared with the process: the program it is at, and how many it is through with.
        self.at = fleet.processes.Value("q", _NONE, lock=False)
        self.done = fleet.processes.Value("q", 0, lock=False)
        self.receiving, self._sending = fleet.processes.Pipe(duplex=False)
        self.process = fleet.processes.Process(target=self._run, daemon=True)
        self.process.start()
        self._sending.close()
        self._seen, self._since = None, time.monotonic()
        self._over = False

    def is_under_way(self):
        return not self._over

    def news(self):
        """Yields, as lines of text, each difference, crash or hang since the last time."""
        try:
            while self.receiving.poll():
                yield self.receiving.recv()
        except EOFError:
            self.process.join()
            self._over = True
            if self.process.exitcode:
                yield self._of_the_end(f"died with status {self.process.exitcode}")
            return
        seen = self.done.value, self.at.value
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        elif time.monotonic() - self._since > _PATIENCE:
            self.process.kill()
            self._over = True
            yield self._of_the_end(f"hung for {_PATIENCE} seconds")

    def _of_the_end(self, what):
        return [f"the process {what} at:", self._replay(self.at.value)]

    def _replay(self, number):
        name = self.fleet.setting_of(number)
        return (
            f"program {number} of seed {self.fleet.seed}: python tests/fuzz/run.py"
            f' --seed {self.fleet.seed} --only {number} --setting "{name}"'
        )

    def _run(self):
        """The process."""
        # Programs raise KeyboardInterrupt themselves; the one of the terminal is for the parent.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in self.numbers:
            self.at.value = number
            name = self.fleet.setting_of(number)
            program = random_program(self.fleet.seed, number)
            if not agree(program, setting(name)):
                lines = explain(program, name) or ["which did not happen again"]
                self._sending.send(["a difference in", self._replay(number), *lines])
            self.done.value += 1
        self.at.value = _NONE
