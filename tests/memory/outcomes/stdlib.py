"""asyncio's own functions and classes, at work on our tasks and futures."""

import asyncio
import concurrent.futures
import contextlib

from memory.outcomes import outcome
from memory.outcomes.coroutines import awaiting, raising, returning, sleeping
from memory.scene import Trouble, Witness


def inside(function=None, *, passes=6, one_in=10, **options):
    """Registers an outcome whose `function` is the coroutine of a task."""
    if function is None:
        return lambda function: inside(function, passes=passes, one_in=one_in, **options)

    def play(scene):
        scene.task(function(scene))
        yield passes

    play.__module__ = function.__module__
    outcome(play, name=function.__name__.replace("_", " "), one_in=one_in, **options)
    return function


@inside
async def gather(scene):
    await asyncio.gather(returning(Witness()), sleeping(Witness()), scene.task(returning(None)))


@inside
async def gather_that_fails(scene):
    with contextlib.suppress(Trouble):
        await asyncio.gather(sleeping(Witness()), raising(Trouble(Witness())))


@inside
async def gather_of_exceptions(scene):
    await asyncio.gather(raising(Trouble(Witness())), sleeping(None), return_exceptions=True)


@inside(one_in=20)
async def gather_cancelled(scene):
    gathered = asyncio.gather(awaiting(scene.future(), Witness()), sleeping(Witness()))
    await asyncio.sleep(0)
    gathered.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gathered


@inside
async def wait(scene):
    await asyncio.wait([scene.task(returning(Witness())), scene.task(sleeping(Witness()))])


@inside
async def wait_for_the_first(scene):
    tasks = [scene.task(returning(Witness())), scene.task(awaiting(scene.future(), Witness()))]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


@inside
async def wait_for_in_time(scene):
    await asyncio.wait_for(sleeping(Witness()), timeout=1000)


@inside
async def wait_for_too_long(scene):
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(awaiting(scene.future(), Witness()), timeout=0)


@inside
async def shield(scene):
    await asyncio.shield(sleeping(Witness()))


@inside(passes=8)
async def shield_cancelled(scene):
    future = scene.future()
    waiting = scene.task(awaiting(asyncio.shield(future), Witness()))
    await asyncio.sleep(0)
    waiting.cancel(Witness())
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    future.set_result(Witness())


@inside
async def timeout_that_expires(scene):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(-1):
            await scene.future()


@inside
async def task_group(scene):
    async with asyncio.TaskGroup() as group:
        group.create_task(sleeping(Witness()))
        group.create_task(returning(Witness()), name=f"a {'name'}")


@inside(passes=8)
async def task_group_that_fails(scene):
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(awaiting(scene.future(), Witness()))
            group.create_task(raising(Trouble(Witness())))


@inside(passes=8)
async def as_completed(scene):
    for next_one in asyncio.as_completed([returning(Witness()), sleeping(Witness())]):
        await next_one


@inside(passes=8)
async def queue(scene):
    queue = asyncio.Queue(1)

    async def produce():
        for _ in range(3):
            await queue.put(Witness())

    producer = scene.task(produce())
    for _ in range(3):
        await queue.get()
    await producer


@inside(one_in=20)
async def event_and_lock(scene):
    event, lock = asyncio.Event(), asyncio.Lock()

    async def wait():
        async with lock:
            await event.wait()
            return Witness()

    task = scene.task(wait())
    await asyncio.sleep(0)
    event.set()
    async with lock:
        await task


@inside
async def wrapped_future(scene):
    future = concurrent.futures.Future()
    wrapped = asyncio.wrap_future(future, loop=scene.loop)
    future.set_result(Witness())
    await wrapped


@inside(one_in=50)
async def run_coroutine_threadsafe(scene):
    future = asyncio.run_coroutine_threadsafe(sleeping(Witness()), scene.loop)
    await asyncio.wrap_future(future)


@inside(one_in=100, least=120)
async def current_and_all_tasks(scene):
    asyncio.current_task().extra = Witness()
    assert asyncio.current_task() in asyncio.all_tasks()


@inside
async def asynchronous_generator(scene):
    async def numbers(held):
        for number in range(2):
            yield number
            await asyncio.sleep(0)

    async with contextlib.aclosing(numbers(Witness())) as generator:
        async for _ in generator:
            await scene.task(sleeping(Witness()))


if hasattr(asyncio, "capture_call_graph"):

    @inside(one_in=20)
    async def call_graph(scene):
        async def outer(task):
            await task

        inner = scene.task(sleeping(Witness()))
        waiting = scene.task(outer(inner))
        await asyncio.sleep(0)
        asyncio.capture_call_graph(inner)
        asyncio.format_call_graph(waiting)
        await waiting
