"""Tasks that are cancelled, never get to run, or are let go of while they wait."""

import asyncio
import contextlib

from support import BuiltinFuture

from memory.outcomes import outcome
from memory.outcomes.coroutines import awaiting, returning, sleeping
from memory.scene import Witness


@outcome
def before_the_first_step(scene):
    task = scene.task(sleeping(Witness()))
    task.cancel()
    yield


@outcome
def while_waiting_for_a_future(scene):
    task = scene.task(awaiting(scene.future(), Witness()))
    yield
    task.cancel(Witness())
    yield 2


@outcome(one_in=4)
def retrieved(scene):
    task = scene.task(awaiting(scene.future()))
    yield
    task.cancel(Witness())
    yield 2
    for _ in range(2):
        with contextlib.suppress(asyncio.CancelledError):
            task.result()
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()


@outcome(one_in=4)
def while_waiting_for_a_builtin_future(scene):
    task = scene.task(awaiting(BuiltinFuture(loop=scene.loop), Witness()))
    yield
    task.cancel(Witness())
    yield 2


@outcome(one_in=4)
def while_waiting_for_a_task(scene):
    task = scene.task(awaiting(scene.task(awaiting(scene.future(), Witness()))))
    yield 2
    task.cancel(Witness())
    yield 3


@outcome(one_in=2)
def between_two_steps(scene):
    task = scene.task(sleeping(Witness()))
    yield
    task.cancel(Witness())
    yield


@outcome(one_in=2)
def when_what_it_waits_for_is_done(scene):
    future = scene.future()
    task = scene.task(awaiting(future, Witness()))
    yield
    future.set_result(Witness())
    task.cancel(Witness())
    yield


@outcome
def while_running(scene):
    async def main():
        task.cancel(Witness())
        await scene.future()

    task = scene.task(main())
    yield 2


@outcome(one_in=4)
def swallowed(scene):
    async def main(held):
        try:
            await scene.future()
        except asyncio.CancelledError:
            task.uncancel()
        await asyncio.sleep(0)
        return held

    task = scene.task(main(Witness()))
    yield
    task.cancel(Witness())
    task.cancel(Witness())
    yield 3


@outcome(one_in=2)
def answered_with_another_exception(scene):
    async def main():
        try:
            await scene.future()
        except asyncio.CancelledError as error:
            raise ValueError(Witness()) from error

    task = scene.task(main())
    yield
    task.cancel(Witness())
    yield 2
    task.exception()


@outcome(one_in=2)
def raised_by_the_coroutine(scene):
    async def main():
        raise asyncio.CancelledError(Witness())

    task = scene.task(main())
    yield
    with contextlib.suppress(asyncio.CancelledError):
        task.result()


@outcome(one_in=10)
def future_that_cannot_be_cancelled(scene):
    class Stubborn(scene.SubFuture):
        def cancel(self, msg=None):
            return False

    future = Stubborn(loop=scene.loop)
    task = scene.task(awaiting(future, Witness()))
    yield
    task.cancel(Witness())
    future.set_result(None)
    yield


@outcome(one_in=400, least=10)
def long_chain(scene):
    task = scene.task(awaiting(scene.future(), Witness()))
    for _ in range(100):
        task = scene.task(awaiting(task))
    yield 2
    task.cancel(Witness())
    yield 103


@outcome
def never_run(scene):
    scene.task(returning(Witness()))
    yield scene.reopen


@outcome(one_in=2)
def never_run_and_cancelled(scene):
    scene.task(returning(Witness())).cancel(Witness())
    yield scene.reopen


@outcome(one_in=4)
def never_woken(scene):
    future = scene.future()
    task = scene.task(awaiting(future, Witness()))
    yield
    future.set_result(Witness())
    task._log_destroy_pending = False
    yield scene.reopen


@outcome
def destroyed_pending(scene):
    scene.task(awaiting(scene.future(), Witness()))
    yield


@outcome(one_in=2)
def destroyed_pending_in_silence(scene):
    scene.task(awaiting(scene.future(), Witness()))._log_destroy_pending = False
    yield


@outcome(one_in=2)
def destroyed_pending_and_kept_alive(scene):
    """The report hands the task to the handler, which may do as it likes with it."""
    task = scene.task(awaiting(scene.future(), Witness()), scene.SubTask)
    yield
    task.extra = Resurrecting(task)


class Resurrecting:
    """Makes the object it goes with live once more."""

    kept = None

    def __init__(self, owner):
        self.owner = owner

    def __del__(self):
        type(self).kept = self.owner
        type(self).kept = None


@outcome(one_in=200, least=10)
def destroyed_pending_in_a_long_chain(scene):
    task = scene.task(awaiting(scene.future(), Witness()))
    for _ in range(100):
        task._log_destroy_pending = False
        task = scene.task(awaiting(task))
    task._log_destroy_pending = False
    yield 2
