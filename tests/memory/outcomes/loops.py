"""What may become of tasks and futures on the loops that are not asked like the stock one."""

from support import LOOP_KINDS

from memory.outcomes import outcome
from memory.outcomes.coroutines import awaiting, raising, sleeping
from memory.scene import Trouble, Witness


def steps(scene):
    task = scene.task(sleeping(Witness()), context=scene.context())
    yield 3
    task.result()


def woken(scene):
    future = scene.future()
    task = scene.task(awaiting(future, Witness()))
    yield 2
    future.set_result(Witness())
    yield 2
    task.result()


def exception(scene):
    task = scene.task(raising(Trouble(Witness())))
    yield 2
    task.exception()


def cancelled(scene):
    task = scene.task(awaiting(scene.future(), Witness()))
    yield 2
    task.cancel(Witness())
    yield 3


def destroyed_pending(scene):
    scene.task(awaiting(scene.future(), Witness()))
    yield 2


def callbacks(scene):
    future = scene.future()
    future.add_done_callback(Witness().called)
    future.add_done_callback(Witness().called, context=scene.context())
    future.set_result(Witness())
    yield 2


def never_run(scene):
    scene.task(sleeping(Witness()))._log_destroy_pending = False
    yield scene.reopen


for _kind in LOOP_KINDS[1:]:
    for _play in (steps, woken, exception, cancelled, destroyed_pending, callbacks, never_run):
        # A closed rloop keeps what was scheduled, and with it itself, whatever the classes.
        if (_kind, _play) != ("rloop", never_run):
            name = f"{_kind}, {_play.__name__.replace('_', ' ')}"
            outcome(_play, name=name, loop=_kind, one_in=5)
