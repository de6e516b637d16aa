"""Objects that hold themselves, by way of everything that they can hold."""

import contextvars

from memory.outcomes import outcome
from memory.outcomes.coroutines import OtherLoop, awaiting, returning, sleeping
from memory.scene import Trouble, Witness


def holding(thing):
    """A witness that holds `thing`."""
    witness = Witness()
    witness.thing = thing
    return witness


@outcome
def result(scene):
    future = scene.future()
    future.set_result(holding(future))
    yield


@outcome
def result_that_is_the_future(scene):
    future = scene.future()
    future.set_result(future)
    yield


@outcome
def result_of_a_task(scene):
    async def main():
        return holding(task)

    task = scene.task(main())
    yield


@outcome(one_in=2)
def exception(scene):
    future = scene.future()
    future.set_exception(Trouble(holding(future)))
    future.exception()
    yield


@outcome
def exception_and_its_frames(scene):
    async def main(held):
        own = task
        raise Trouble(own)

    task = scene.task(main(Witness()))
    yield
    task.exception()


@outcome(one_in=2)
def exception_never_retrieved(scene):
    future = scene.future()
    future.set_exception(Trouble(holding(future)))
    yield


@outcome
def callback(scene):
    future = scene.future()
    future.add_done_callback(holding(future).called)
    future.add_done_callback(holding(future).called)
    yield


@outcome
def context_of_a_callback(scene):
    future = scene.future()
    context = contextvars.Context()
    context.run(scene.variable.set, holding(future))
    future.add_done_callback(print, context=context)
    yield


@outcome
def context_of_a_task(scene):
    async def main():
        scene.variable.set(holding(task))

    task = scene.task(main())
    yield


@outcome
def coroutine_that_waits(scene):
    async def main():
        own = holding(task)
        await scene.future()
        return own

    task = scene.task(main())
    task._log_destroy_pending = False
    yield


@outcome(one_in=2)
def coroutine_that_was_never_begun(scene):
    box = Witness()
    box.task = scene.task(returning(box))
    box.task._log_destroy_pending = False
    yield scene.reopen


@outcome
def message(scene):
    future = scene.future()
    future.cancel(holding(future))
    yield


@outcome(one_in=2)
def message_of_a_task(scene):
    task = scene.task(awaiting(scene.future()))
    yield
    task.cancel(holding(task))
    yield 2


@outcome
def attribute(scene):
    task = scene.task(returning(Witness()))
    task.itself = task
    yield


@outcome
def iterator(scene):
    future = scene.future()
    future.iterator = future.__await__()
    next(future.iterator)
    yield


@outcome(one_in=10)
def name(scene):
    class Name(str):
        pass

    name = Name("Name")
    name.task = scene.task(returning(None), name=name)
    yield


@outcome(one_in=4)
def subclasses(scene):
    future = scene.future(scene.SubFuture)
    future.task = scene.task(awaiting(future, Witness()), scene.SubTask)
    future.task.future = future
    future.task._log_destroy_pending = False
    yield


@outcome(one_in=4)
def tasks_that_await_each_other(scene):
    async def main(box):
        await box[0]

    boxes = [], []
    tasks = [scene.task(main(box)) for box in boxes]
    for box, task in zip(boxes, reversed(tasks), strict=True):
        box.append(task)
        task._log_destroy_pending = False
    yield 2


@outcome(one_in=4)
def task_and_its_waiter(scene):
    task = scene.task(sleeping(Witness()))
    task.waiter = scene.task(awaiting(task))
    task.waiter.awaited = task
    yield 4


@outcome(one_in=2)
def loop_of_its_own(scene):
    loop = OtherLoop()
    loop.future = scene.Future(loop=loop)
    yield
