"""The bridge beside pyo3-async-runtimes: the same Rust futures, made by either, in one process.

Each row is timed on both sides in turn, several rounds; the table gives medians, and how many times
ours is cheaper. Run it by `make bench-bridge`, which builds the extension that has the futures.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import aioxide
import bridge_comparison as sides  # type: ignore[import-not-found]

Workload = Callable[..., Coroutine[Any, Any, float]]


class Row(NamedTuple):
    """A workload that takes a side and returns the seconds of one unit; what it has to reach."""

    name: str
    workload: Workload
    target: float


class Side(NamedTuple):
    """The ways to make each kind of future."""

    make: Any
    to_thread: Callable[..., Awaitable[Any]]


OURS = Side(sides.ours, aioxide.to_thread)
THEIRS = Side(sides.theirs, asyncio.to_thread)


async def ready(side: Side, count: int = 5_000) -> float:
    make = side.make.ready
    start = time.perf_counter()
    for _ in range(count):
        await make()
    return (time.perf_counter() - start) / count


async def yield_to_loop(count: int = 5_000) -> float:
    start = time.perf_counter()
    for _ in range(count):
        await asyncio.sleep(0)
    return (time.perf_counter() - start) / count


async def gather_yields(side: Side, count: int = 50, width: int = 100) -> float:
    make = side.make.yield_once
    start = time.perf_counter()
    for _ in range(count):
        await asyncio.gather(*[make() for _ in range(width)])
    return (time.perf_counter() - start) / (count * width)


async def one_after_the_other(side: Side, count: int = 1_000) -> float:
    make = side.make.yield_once
    start = time.perf_counter()
    for _ in range(count):
        await make()
    return (time.perf_counter() - start) / count


async def sleeps(side: Side, count: int = 10_000, milliseconds: int = 10) -> float:
    make = side.make.sleep
    start = time.perf_counter()
    await asyncio.gather(*[make(milliseconds) for _ in range(count)])
    return time.perf_counter() - start


async def threads(side: Side, count: int = 1_000) -> float:
    call = side.to_thread
    start = time.perf_counter()
    for _ in range(count):
        await call(int)
    return (time.perf_counter() - start) / count


async def cancel(side: Side, count: int = 10_000, milliseconds: int = 3_600_000) -> float:
    make = side.make.sleep
    dropped = sides.dropped()
    start = time.perf_counter()
    futures = [make(milliseconds) for _ in range(count)]
    await asyncio.sleep(0)
    for future in futures:
        future.cancel()
    await asyncio.wait(futures)
    while sides.dropped() - dropped < count:
        await asyncio.sleep(0)
    return (time.perf_counter() - start) / count


ROWS = [
    Row("await a Rust future that is ready at once", ready, 15),
    Row("gather of 100 Rust futures that yield once to the runtime, each", gather_yields, 5),
    Row("await Rust futures that yield once, one after the other", one_after_the_other, 1),
    Row("10,000 Rust sleeps of 10 ms at once", sleeps, 4),
    Row("`to_thread` of a no-op, beside `asyncio.to_thread`", threads, 2),
    Row("make, cancel and drop a Rust future (10,000 at once)", cancel, 1),
]


def measure(rounds: int) -> list[tuple[Row, float, float]]:
    """Times every row on both sides in turn; returns the medians."""
    results = []
    for row in ROWS:
        print(f"  {row.name} …", file=sys.stderr, flush=True)
        times: dict[Side, list[float]] = {OURS: [], THEIRS: []}
        for side in (OURS, THEIRS) * (rounds + 1):
            times[side].append(asyncio.run(row.workload(side)))
        # The first of each makes threads and fills caches.
        ours, theirs = (statistics.median(values[1:]) for values in times.values())
        results.append((row, ours, theirs))
    return results


def peak() -> int:
    """The most memory that this process has had, in KiB."""
    # What getrusage() says includes what the parent had when it made this process.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def peak_memory(side: str) -> int:
    """The memory, in KiB, that a process of its own takes at most for 10,000 sleeps."""
    code = f"import compare; compare.print_peak(compare.{side})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def print_peak(side: Side) -> None:
    """Prints by how much 10,000 sleeps raise the peak of this process's memory, in KiB."""
    asyncio.run(ready(side, 10))
    before = peak()
    asyncio.run(sleeps(side))
    print(peak() - before)


def cancelled_halfway(count: int = 100_000) -> tuple[int, int]:
    """Cancels half of so many pending futures, ten thousand at a time, lets the others end.

    Returns how many were not dropped and by how much the memory (KiB) grew after the first tenth.
    """

    async def tenth() -> None:
        kept = [sides.ours.sleep(10) for _ in range(count // 20)]
        unwanted = [sides.ours.sleep(3_600_000) for _ in range(count // 20)]
        await asyncio.sleep(0)
        for future in unwanted:
            future.cancel()
        await asyncio.gather(*kept, *unwanted, return_exceptions=True)

    async def main() -> tuple[int, int]:
        dropped = sides.dropped()
        await tenth()
        before = resident()
        for _ in range(9):
            await tenth()
        return count - (sides.dropped() - dropped), resident() - before

    return asyncio.run(main())


def resident() -> int:
    """The memory that this process has now, in KiB; 0 where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024
    return 0


def spell(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds > 1e-3 else f"{seconds * 1e6:.2f} µs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="of each row and side (7)")
    rounds = parser.parse_args().rounds
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {platform.machine()}, {os.cpu_count()} processors, {rounds} rounds\n")
    print("| | aioxide | pyo3-async-runtimes 0.30 | times cheaper | target |")
    print("|---|--:|--:|--:|--:|")
    for row, ours, theirs in measure(rounds):
        target = f"{row.target:g}" if row.target > 1 else ""
        print(f"| {row.name} | {spell(ours)} | {spell(theirs)} | {theirs / ours:.1f} | {target} |")
    step = statistics.median(asyncio.run(yield_to_loop()) for _ in range(rounds))
    once = statistics.median(asyncio.run(ready(OURS)) for _ in range(rounds))
    print(f"| the first in steps of `await sleep(0)` | {once / step:.2f} | | | below 3 |")
    ours, theirs = peak_memory("OURS"), peak_memory("THEIRS")
    times = theirs / max(ours, 1)
    print(f"| memory for 10,000 sleeps | {ours} KiB | {theirs} KiB | {times:.1f} | over 1 |")
    left, growth = cancelled_halfway()
    print(f"| 100,000 futures, half of them cancelled | {left} left, {growth:+} KiB | | | 0 left |")


if __name__ == "__main__":
    main()
