"""Combinators whose loop goes into and out of debug mode between the ends of their children."""

import asyncio
import itertools

import pytest
from support import run_passes

COMBINATORS = {
    "gather": lambda futures: asyncio.gather(*futures),
    "wait": asyncio.wait,
}


@pytest.mark.parametrize("modes", list(itertools.product((False, True), repeat=3)))
@pytest.mark.parametrize("name", COMBINATORS)
def test_no_end_of_a_child_gets_lost(impl, name, modes):
    loop = asyncio.SelectorEventLoop()
    with impl.in_force():
        children = [loop.create_future() for _ in modes]

        async def main():
            await COMBINATORS[name](children)

        task = loop.create_task(main())
        run_passes(loop, 2)
        for child, debug in zip(children, modes, strict=True):
            assert not task.done()
            loop.set_debug(debug)
            child.set_result(None)
            run_passes(loop, 2)
        run_passes(loop, 2)
        assert task.done() and task.result() is None
    loop.close()
