"""Tasks that end by themselves, and what is done with them meanwhile."""

import contextlib
import io
import weakref

from support import BuiltinFuture

from memory.outcomes import outcome
from memory.outcomes.coroutines import (
    ForeignCoroutine,
    OtherLoop,
    awaiting,
    failing_deep,
    raising,
    returning,
    sleeping,
)
from memory.scene import Trouble, Witness, ignore


@outcome
def result(scene):
    scene.task(returning(Witness()))
    yield


@outcome
def result_retrieved(scene):
    task = scene.task(returning(Witness()))
    yield
    task.result()


@outcome(one_in=2)
def shared_result(scene):
    task = scene.task(returning(scene.shared))
    yield
    task.result()


@outcome
def result_after_a_bare_yield(scene):
    scene.task(sleeping(Witness()))
    yield 2


@outcome
def result_after_a_future(scene):
    future = scene.future()
    scene.task(awaiting(future))
    yield
    future.set_result(Witness())
    yield


@outcome
def result_after_a_future_that_was_done(scene):
    future = scene.future()
    future.set_result(Witness())
    scene.task(awaiting(future))
    yield


@outcome(one_in=2)
def result_after_a_future_of_a_subclass(scene):
    future = scene.future(scene.SubFuture)
    scene.task(awaiting(future))
    yield
    future.set_result(Witness())
    yield


@outcome(one_in=2)
def result_after_a_builtin_future(scene):
    future = BuiltinFuture(loop=scene.loop)
    scene.task(awaiting(future))
    yield
    future.set_result(Witness())
    yield


@outcome(one_in=2)
def result_of_another_task(scene):
    scene.task(awaiting(scene.task(returning(Witness()))))
    yield 3


@outcome(one_in=4)
def result_of_a_foreign_coroutine(scene):
    scene.task(ForeignCoroutine(sleeping(Witness())))
    yield 2


@outcome(one_in=200, least=10)
def result_at_the_end_of_a_long_chain(scene):
    task = scene.task(returning(Witness()))
    for _ in range(100):
        task = scene.task(awaiting(task))
    yield 102


@outcome
def exception(scene):
    task = scene.task(raising(Trouble(Witness())))
    yield
    task.exception()


@outcome(one_in=2)
def exception_raised(scene):
    task = scene.task(raising(Trouble(Witness())))
    yield
    for _ in range(2):
        with contextlib.suppress(Trouble):
            task.result()


@outcome(one_in=2)
def exception_with_cause_and_frames(scene):
    task = scene.task(failing_deep(Witness()))
    yield
    task.exception()


@outcome
def exception_never_retrieved(scene):
    scene.task(raising(Trouble(Witness())))
    yield


@outcome(one_in=4)
def exception_of_a_future(scene):
    future = scene.future()
    task = scene.task(awaiting(future))
    yield
    future.set_exception(Trouble(Witness()))
    yield
    task.exception()


@outcome(one_in=20)
def exception_that_leaves_the_loop(scene):
    task = scene.task(raising(KeyboardInterrupt(Witness())))
    with contextlib.suppress(KeyboardInterrupt):
        scene.run()
    task.exception()
    yield  # the loop still has to stop


@outcome(one_in=20)
def awaits_what_it_must_not(scene):
    def asking_for(what):
        yield what

    other = scene.Future(loop=OtherLoop())
    for stranger in (3, BuiltinFuture(loop=scene.loop), other):
        task = scene.task(ForeignCoroutine(asking_for(stranger)))
        yield 2
        task.exception()


@outcome(one_in=10)
def awaits_itself(scene):
    box = []

    async def main():
        await box[0]

    box.append(scene.task(main()))
    yield 2
    box[0].exception()


@outcome(one_in=2)
def callbacks(scene):
    task = scene.task(returning(Witness()))
    task.add_done_callback(ignore)
    task.add_done_callback(Witness().called)
    task.add_done_callback(Witness().called, context=scene.context())
    yield 2


@outcome(one_in=2)
def callbacks_removed(scene):
    task = scene.task(returning(Witness()))
    called = Witness().called
    for callback in (called, ignore, called):
        task.add_done_callback(callback)
    task.remove_done_callback(called)
    task.remove_done_callback(ignore)
    yield


@outcome
def name(scene):
    task = scene.task(returning(Witness()), name=f"a {'name'}")
    task.get_name()
    yield
    task.set_name(f"another {'name'}")


@outcome(one_in=2)
def shared_name(scene):
    task = scene.task(returning(None), name=scene.shared_name)
    task.set_name(task.get_name())
    yield


@outcome
def name_of_its_own(scene):
    task = scene.task(returning(None))
    task.get_name()
    yield


@outcome(one_in=2)
def name_made_of_an_object(scene):
    scene.task(returning(None), name=Witness()).set_name(Witness())
    yield


@outcome
def context(scene):
    scene.task(sleeping(None), context=scene.context())
    yield 2


@outcome(one_in=2)
def shared_context(scene):
    scene.task(sleeping(None), context=scene.shared_context)
    yield 2


@outcome(one_in=2)
def context_that_it_changes(scene):
    async def changing():
        scene.variable.set(Witness())

    scene.task(changing())
    yield


@outcome(one_in=20)
def context_that_is_entered_already(scene):
    context = scene.context()
    task = scene.task(returning(Witness()), context=context)
    context.run(scene.run)
    task._log_destroy_pending = False
    yield


@outcome
def attributes(scene):
    coroutine = returning(Witness())
    task = scene.task(coroutine)
    for attribute in ("_coro", "_fut_waiter", "_must_cancel", "_loop", "_callbacks", "_state"):
        getattr(task, attribute)
    task.extra = Witness()
    weakref.ref(task)
    yield
    _ = task.get_coro(), task._result, task._exception, task._source_traceback


@outcome(one_in=50)
def shown(scene):
    task = scene.task(sleeping(Witness()))
    for _ in range(3):
        repr(task)
        task.get_stack()
        task.print_stack(file=io.StringIO())
        yield


@outcome(one_in=50, debug=True)
def debug_mode(scene):
    future = scene.future()
    task = scene.task(awaiting(future, Witness()))
    yield
    _ = task._source_traceback, future._source_traceback
    future.set_result(Witness())
    yield


@outcome
def subclass(scene):
    task = scene.task(sleeping(Witness()), scene.SubTask)
    task.extra = Witness()
    yield 2
    task.result()


@outcome(one_in=4)
def awaited_subclass(scene):
    task = scene.task(returning(Witness()), scene.SubTask)
    scene.task(awaiting(task), scene.SubTask)
    yield 3


@outcome(one_in=20)
def refused(scene):
    for misuse in (
        lambda: scene.task(3),
        lambda: scene.Task(returning(Witness()), loop=3),
        lambda: scene.Task(loop=scene.loop),
        lambda: scene.task(returning(Witness()), nothing=Witness()),
    ):
        with contextlib.suppress(TypeError, AttributeError):
            misuse()
    with contextlib.suppress(TypeError):
        scene.task(returning(Witness()), context=3)
    yield


@outcome
def without_beginning(scene):
    task = scene.Task.__new__(scene.Task)
    task.extra = Witness()
    with contextlib.suppress(RuntimeError):
        task.cancel()
    yield


@outcome(one_in=4)
def begun_again(scene):
    task = scene.task(returning(Witness()))
    yield
    with contextlib.suppress(RuntimeError):
        task.__init__(returning(Witness()), loop=scene.loop)
    yield


@outcome(one_in=4)
def result_set_by_hand(scene):
    task = scene.task(returning(Witness()))
    for refused in (task.set_result, task.set_exception):
        with contextlib.suppress(RuntimeError):
            refused(Witness())
    yield
