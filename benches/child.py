"""One measurement, in the process it is called in: `python -m benches.child` does one and ends.

Both sides are treated alike: the collector of garbage is on, as it is in programs, and starts with
nothing to do; what was there before the workload is out of its sight.
"""

import asyncio
import gc
import inspect
import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benches.loops import import_loop, new_loop
from benches.rows import Row, Side
from benches.workloads import ROWS

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""What time is: that on the wall, or that of the processor, which is fair on a busy machine."""


class Request(NamedTuple):
    """What is to be measured."""

    row: str
    side: str
    loop: str
    size: int
    seconds: float
    """It is repeated until so much time has been measured."""
    clock: str
    """One of `CLOCKS`."""


class WrongClass(Exception):
    """A workload ran on other classes than those it was to measure."""


class WrongResult(Exception):
    """A workload did not do what it says."""


def main() -> None:
    """Reads a request from the command line and prints the figure, in the unit of its row."""
    request = Request(*json.loads(sys.argv[1]))
    group, row = ROWS[request.row]
    (side,) = [side for side in group.sides if side.key == request.side]
    print(json.dumps(measure(row, side, request)))


def measure(row: Row, side: Side, request: Request) -> float:
    """Brings the side into force and returns what an operation takes, in the unit of the row."""
    bench = Bench(row, side, request.loop, request.clock)
    try:
        return bench.measure(request.size, request.seconds)
    finally:
        bench.close()


class Bench:
    """A row, ready to be run on one side and one loop, in this process."""

    def __init__(self, row: Row, side: Side, loop: str, clock: str = "wall") -> None:
        import_loop(loop)
        side.enter()
        self._row, self._side = row, side
        self._clock = CLOCKS[clock]
        self._loop = new_loop(loop)
        if row.eager and sys.version_info >= (3, 12):
            self._loop.set_task_factory(asyncio.eager_task_factory)
        try:
            self._check_classes()
        except WrongClass:
            self.close()
            raise

    def close(self) -> None:
        self._loop.close()

    def settle(self) -> None:
        """Leaves the collector of garbage with nothing but what comes from now on."""
        gc.collect()
        gc.freeze()

    def measure(self, size: int, seconds: float) -> float:
        """Returns what an operation takes, in the unit of the row."""
        self.settle()
        if self._row.unit != "ns":
            return float(self._body(size)())
        if not self._row.heavy:
            self.run(size)
        spent, times = 0.0, 0
        while times == 0 or spent < seconds:
            spent += self.run(size)
            times += 1
        return spent * 1e9 / (times * self._row.operations(size))

    def run(self, size: int) -> float:
        """Runs the workload once and returns the seconds it took.

        WrongResult or WrongClass where it was not what it should have been.
        """
        body = self._body(size)
        made = self._made()
        begin = self._clock()
        result = body()
        seconds = self._clock() - begin
        if result != self._row.result(size):
            raise WrongResult(f"{self._row.key}: {result!r}, not {self._row.result(size)!r}")
        self._check_made(size, made)
        return seconds

    def _body(self, size: int) -> Callable[[], Any]:
        if inspect.iscoroutinefunction(self._row.body):
            return lambda: self._loop.run_until_complete(self._row.body(size))
        return lambda: self._row.body(size)

    def _check_classes(self) -> None:
        """The loop has to make tasks and futures of the very classes of the side."""

        async def look() -> tuple[type, type]:
            loop = asyncio.get_running_loop()
            return type(asyncio.current_task()), type(loop.create_future())

        found = self._loop.run_until_complete(look())
        if found != self._side.classes():
            raise WrongClass(f"{self._row.key}, {self._side.key}: the loop makes {found}")

    def _made(self) -> tuple[int, int]:
        if self._side.made is None:
            return 0, 0
        made = self._side.made()
        return made.tasks, made.futures

    def _check_made(self, size: int, before: tuple[int, int]) -> None:
        if self._side.made is None:
            return
        needed = self._row.tasks(size), self._row.futures(size)
        for what, now, then, least in zip(
            ("tasks", "futures"), self._made(), before, needed, strict=True
        ):
            if now - then < least:
                raise WrongClass(
                    f"{self._row.key}, {self._side.key}: {now - then} {what} of its class were"
                    f" made, not {least}"
                )


if __name__ == "__main__":
    main()
