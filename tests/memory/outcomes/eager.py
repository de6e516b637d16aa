"""Tasks whose first step is run at once."""

import contextlib

from memory.outcomes import outcome
from memory.outcomes.coroutines import awaiting, raising, returning, sleeping
from memory.scene import Trouble, Witness


def eager(function):
    """Registers an outcome whose `function` starts a task within a task that is running."""

    def play(scene):
        def start(coro, cls=None, **options):
            return scene.task(coro, cls, eager_start=True, **options)

        async def main():
            await function(scene, start)

        scene.task(main())
        yield 4

    play.__module__ = function.__module__
    outcome(play, name=function.__name__.replace("_", " "), one_in=4)


@eager
async def result(scene, start):
    start(returning(Witness())).result()


@eager
async def result_awaited(scene, start):
    await start(returning(Witness()))


@eager
async def result_after_a_bare_yield(scene, start):
    await start(sleeping(Witness()), name=f"a {'name'}")


@eager
async def result_after_a_future(scene, start):
    future = scene.future()
    task = start(awaiting(future, Witness()))
    future.set_result(Witness())
    await task


@eager
async def exception(scene, start):
    start(raising(Trouble(Witness()))).exception()


@eager
async def exception_never_retrieved(scene, start):
    start(raising(Trouble(Witness())))


@eager
async def cancelled(scene, start):
    start(awaiting(scene.future(), Witness())).cancel(Witness())


@eager
async def destroyed_pending(scene, start):
    start(awaiting(scene.future(), Witness()))


@eager
async def context(scene, start):
    start(returning(None), context=scene.context())


@eager
async def subclass(scene, start):
    start(sleeping(Witness()), scene.SubTask)


@eager
async def refused(scene, start):
    for coroutine in (3, returning(Witness())):
        with contextlib.suppress(TypeError):
            start(coroutine, context=3)
