"""What the tests of eager tasks share: those are our addition on 3.11, behaving as on 3.12."""

import gc
import sys

from support.loops import run_passes
from support.tasks import assert_like_builtin as strictly_like_builtin
from support.tasks import reported, supervised_loop

OLD = sys.version_info < (3, 12)


def assert_like_builtin(scenario, impl):
    """There is nothing to compare with before 3.12: what the test knows must do."""
    return scenario(impl) if OLD else strictly_like_builtin(scenario, impl)


def in_a_step(impl, body):
    """Returns what `body(loop, start)` returns that runs as a task, and what was reported.

    `start(coro, **kwargs)` starts a task of `impl` eagerly.
    """
    with supervised_loop(impl) as (loop, reports):

        def start(coro, **kwargs):
            return impl.Task(coro, loop=loop, eager_start=True, **kwargs)

        result = loop.run_until_complete(impl.Task(body(loop, start), loop=loop, name="outer"))
        run_passes(loop, 2)
        gc.collect()
        return result, reported(reports)


async def returning(value=None):
    return value


async def raising(error):
    raise error
