"""One outcome, played many times, with a look at the memory before and after."""

import asyncio
import contextlib
import gc
import time
from dataclasses import dataclass

from support import LoopMissing

from memory import measure
from memory.scene import Scene

# So many are played side by side.
_BATCH = 1000
# What has grown gets so many rounds in all: a table finds its size at last, a leak goes on.
_ROUNDS = 3
# These come compiled for builds that do not count all references: only half of theirs are seen.
_UNCOUNTED = {"uvloop": ("total",), "rloop": ("total",)}


@dataclass(frozen=True)
class Verdict:
    """What came of it; `growth` is None where this kind of loop is missing."""

    outcome: object
    things: int
    seconds: float
    growth: measure.Growth | None


def check(outcome, things, impl, progress=lambda played: None, ignored=()):
    """Plays `things` objects of the outcome on the classes of `impl`; returns a `Verdict`.

    A tenth of that, and at least two batches, are played before the first look: free lists and
    caches are full by then. `progress` is called with how many were played since the last call;
    amounts called `ignored` are not looked at.
    """
    begun = time.monotonic()
    # From now on, what was there before is looked at neither by the collector nor by the census.
    gc.collect()
    gc.freeze()
    try:
        with impl.in_force():
            growth = _play(outcome, things, impl, progress, ignored)
    except LoopMissing:
        growth = None
    return Verdict(outcome, things, time.monotonic() - begun, growth)


def _play(outcome, things, impl, progress, ignored):
    ignored = {*ignored, *_UNCOUNTED.get(outcome.loop, ())}
    scene = Scene(impl, outcome.loop, outcome.debug)
    asyncio.set_event_loop(None)
    with contextlib.closing(scene):
        batch = min(things, _BATCH)
        _play_batches(scene, outcome, max(2 * batch, things // 10), batch, progress)
        # Twice: at the second reading there is one before it, as there is at the later ones.
        before = measure.take(scene.references)
        before = measure.take(scene.references)
        for _ in range(_ROUNDS):
            _play_batches(scene, outcome, things, batch, progress)
            after = measure.take(scene.references)
            growth = measure.compare(before, after, things, ignored)
            if not growth.leaks:
                break
            before = after
        return growth


def _play_batches(scene, outcome, things, batch, progress):
    while things > 0:
        played = min(things, batch)
        scene.play(outcome.play, played)
        gc.collect()
        things -= played
        progress(played)
