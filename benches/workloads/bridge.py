"""Rust futures that Python awaits: aioxide's bridge beside pyo3-async-runtimes.

The futures are in an extension that `make bench` builds (`benches/bridge`); both sides make the
same. asyncio is as it is, and its loops make built-in tasks.
"""

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from typing import Any

from benches.rows import Group, Row, Side, same
from benches.sides import BUILTIN

WIDTH = 100

# What makes the futures of the side that is measured, and its `to_thread()`.
_make: Any = None
_to_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread


def _enter_theirs() -> None:
    global _make
    import bridge_comparison  # type: ignore[import-not-found]

    _make = bridge_comparison.theirs


def _enter_ours() -> None:
    global _make, _to_thread
    import aioxide
    import bridge_comparison

    _make, _to_thread = bridge_comparison.ours, aioxide.to_thread


def why_missing() -> str | None:
    if importlib.util.find_spec("bridge_comparison"):
        return None
    return "the extension that has the futures is not built: `make bench` does that"


async def ready(size: int) -> int:
    make = _make.ready
    for _ in range(size):
        await make()
    return size


async def gather_yields(size: int) -> int:
    make, done = _make.yield_once, 0
    for _ in range(size):
        done += len(await asyncio.gather(*[make() for _ in range(WIDTH)]))
    return done


async def sleeps(size: int) -> int:
    make = _make.sleep
    return len(await asyncio.gather(*[make(10) for _ in range(size)]))


async def threads(size: int) -> int:
    return sum([await _to_thread(int, "1") for _ in range(size)])


async def cancelled_halfway(size: int) -> int:
    """Every second future is cancelled while it sleeps; ends when all of those are dropped."""
    import bridge_comparison

    dropped = bridge_comparison.dropped()
    kept = [_make.sleep(1) for _ in range(size // 2)]
    unwanted = [_make.sleep(3_600_000) for _ in range(size // 2)]
    await asyncio.sleep(0)
    for future in unwanted:
        future.cancel()
    done = await asyncio.gather(*kept, *unwanted, return_exceptions=True)
    while bridge_comparison.dropped() - dropped < size:
        await asyncio.sleep(0)
    return len(done)


def _all(size: int) -> int:
    return size * WIDTH


def _row(
    key: str,
    title: str,
    body: Callable[[int], Any],
    size: int,
    operations: Callable[[int], int] = same,
) -> Row:
    return Row(
        key,
        title,
        body,
        size=size,
        tiny=10,
        result=operations,
        operations=operations,
        compared=False,
        loops=("stock", "uvloop"),
    )


THEIRS = Side("theirs", "pyo3-async-runtimes, asyncio", _enter_theirs, BUILTIN.classes)
OURS = Side("ours", "aioxide's bridge", _enter_ours, BUILTIN.classes)

GROUP = Group(
    "Rust futures",
    (
        _row("rust-ready", "await a Rust future that is ready at once", ready, 5_000),
        _row("rust-gather", "`gather` of 100 that yield once, each", gather_yields, 50, _all),
        _row("rust-sleeps", "a sleep of 10 ms, of 10,000 at once", sleeps, 10_000),
        _row("rust-cancel", "a sleep, of 10,000, half cancelled", cancelled_halfway, 10_000),
        _row("rust-thread", "`to_thread` of a no-op", threads, 1_000),
    ),
    (THEIRS, OURS),
    why_missing,
)
