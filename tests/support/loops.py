"""The kinds of loops that tasks and futures must run on."""

import asyncio
import functools
import importlib

from support.minimal_loop import MinimalLoop

LOOP_KINDS = ("asyncio", "uvloop", "rloop", "minimal", "subclass")

# Those that may run beside others: when rloop stops, it closes one of its descriptors twice, and
# the second time that number may be another thread's.
THREAD_KINDS = tuple(kind for kind in LOOP_KINDS if kind != "rloop")


class LoopMissing(Exception):
    """The package that has this kind of loop is not installed."""


class CountingLoop(asyncio.SelectorEventLoop):
    """A stock loop whose `call_soon()` counts: nothing may go around it."""

    def __init__(self):
        self.calls = 0
        super().__init__()

    def call_soon(self, callback, *args, context=None):
        self.calls += 1
        return super().call_soon(callback, *args, context=context)


def new_loop(kind):
    """Returns a new loop of `kind`, debug mode off; LoopMissing where its package is missing."""
    loop = _maker(kind)()
    loop.set_debug(False)
    return loop


def _maker(kind):
    if kind in ("uvloop", "rloop"):
        try:
            return importlib.import_module(kind).new_event_loop
        except ImportError as error:
            raise LoopMissing(f"{kind} is not installed") from error
    own = {"asyncio": asyncio.SelectorEventLoop, "minimal": MinimalLoop, "subclass": CountingLoop}
    return own[kind]


def adopt(loop, impl):
    """Makes `loop.create_task()` and `.create_future()` give classes of `impl`; returns `loop`.

    uvloop and rloop hold on to the futures they found when they were imported, so their method is
    replaced.
    """
    if impl.name != "builtin":
        loop.set_task_factory(impl.task_factory)
        loop.create_future = functools.partial(impl.Future, loop=loop)
    return loop


def run_passes(loop, passes=1):
    """Lets `loop` run whatever is ready, `passes` times over, then stops it.

    Calls that were scheduled before are run in the first pass, the calls those made in the second,
    and so on. Loops are free to run a little more before they stop: count on a stock loop only.
    """

    def tick(left):
        if left:
            loop.call_soon(tick, left - 1)
        else:
            loop.stop()

    loop.call_soon(tick, passes - 1)
    loop.run_forever()


def turn_until(loop, reached):
    """Runs `loop` until `reached()` is true: other threads have to do their part."""

    async def turn():
        while not reached():
            await asyncio.sleep(0)

    loop.run_until_complete(turn())
