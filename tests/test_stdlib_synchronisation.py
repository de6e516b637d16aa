"""The locks and queues of the standard library, among our tasks."""

import asyncio

import pytest
from support.programs import (
    assert_same_course,
    comparable,
    every_way,
    logged,
    passes,
    settled,
    task,
)

programs = []


def program(function):
    programs.append(function)
    return function


async def cancelled(child):
    """Cancels `child` and returns how it ended."""
    child.cancel("why")
    return await settled(child)


# Lock


@program
async def lock_is_handed_on_in_order(log):
    lock = asyncio.Lock()

    async def holding(name):
        async with lock:
            log.append(name)
            await passes(2)

    await asyncio.gather(*[holding(n) for n in range(5)])
    assert log == list(range(5))
    assert not lock.locked()


@program
async def lock_skips_a_waiter_that_is_cancelled(log):
    lock = asyncio.Lock()
    await lock.acquire()
    waiters = [task(logged(log, n, lock.acquire())) for n in range(3)]
    await passes(1)
    result = await cancelled(waiters[0])
    lock.release()
    assert await waiters[1]
    lock.release()
    assert await waiters[2]
    return result


@program
async def lock_whose_next_holder_is_cancelled_when_it_is_its_turn(log):
    lock = asyncio.Lock()
    await lock.acquire()
    waiters = [task(logged(log, n, lock.acquire())) for n in range(2)]
    await passes(1)
    lock.release()
    waiters[0].cancel("why")
    log.append(await settled(waiters[0]))
    log.append(lock.locked())
    if waiters[0].cancelled():
        assert await waiters[1]
    else:
        lock.release()
        await waiters[1]


@program
async def lock_is_not_released_twice(log):
    with pytest.raises(RuntimeError, match="Lock is not acquired"):
        asyncio.Lock().release()


# Event


@program
async def event_wakes_all_in_order(log):
    event = asyncio.Event()
    waiters = [task(logged(log, n, event.wait())) for n in range(5)]
    await passes(1)
    event.set()
    assert await asyncio.gather(*waiters) == [True] * 5
    assert [name for name, _ in log] == list(range(5))
    assert await event.wait() is True


@program
async def event_that_is_cleared_at_once_wakes_those_who_waited(log):
    event = asyncio.Event()
    waiter = task(event.wait())
    await passes(1)
    event.set()
    event.clear()
    assert await waiter is True
    late = task(logged(log, "late", event.wait()))
    await passes(3)
    assert not late.done()


@program
async def event_with_a_waiter_that_is_cancelled(log):
    event = asyncio.Event()
    waiters = [task(logged(log, n, event.wait())) for n in range(3)]
    await passes(1)
    log.append(await cancelled(waiters[1]))
    event.set()
    await asyncio.gather(waiters[0], waiters[2])


# Semaphore


@program
async def semaphore_lets_in_as_many_as_it_may(log):
    semaphore = asyncio.Semaphore(2)
    inside = 0

    async def entering():
        nonlocal inside
        async with semaphore:
            inside += 1
            log.append(inside)
            await passes(2)
            inside -= 1

    await asyncio.gather(*[entering() for _ in range(6)])
    assert max(log) == 2
    assert len(log) == 6


@program
async def semaphore_with_a_waiter_that_is_cancelled(log):
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    waiters = [task(logged(log, n, semaphore.acquire())) for n in range(3)]
    await passes(1)
    log.append(await cancelled(waiters[0]))
    semaphore.release()
    waiters[1].cancel("in its turn")
    log.append(await settled(waiters[1]))
    if waiters[1].cancelled():
        assert await waiters[2]


@program
async def bounded_semaphore_is_not_released_too_often(log):
    semaphore = asyncio.BoundedSemaphore(1)
    async with semaphore:
        pass
    with pytest.raises(ValueError, match="BoundedSemaphore released too many times"):
        semaphore.release()


# Condition


@program
async def condition_notifies_one_and_all(log):
    condition = asyncio.Condition()

    async def waiting(name):
        async with condition:
            await condition.wait()
            log.append(name)

    waiters = [task(waiting(n)) for n in range(4)]
    await passes(2)
    async with condition:
        condition.notify()
    await passes(4)
    log.append("one")
    async with condition:
        condition.notify_all()
    await asyncio.gather(*waiters)
    assert log == [0, "one", 1, 2, 3]


@program
async def condition_waits_for_a_predicate(log):
    condition = asyncio.Condition()
    numbers = []

    async def waiting():
        async with condition:
            return await condition.wait_for(lambda: len(numbers) > 2)

    waiter = task(waiting())
    for number in range(3):
        await passes(2)
        async with condition:
            numbers.append(number)
            condition.notify_all()
    assert await waiter is True


@program
async def condition_takes_its_lock_again_when_a_waiter_is_cancelled(log):
    condition = asyncio.Condition()

    async def waiting():
        async with condition:
            try:
                await condition.wait()
            finally:
                log.append(condition.locked())

    waiter = task(waiting())
    await passes(2)
    await condition.acquire()
    waiter.cancel("first")
    await passes(2)
    waiter.cancel("second")
    await passes(2)
    assert not waiter.done()
    condition.release()
    log.append(await settled(waiter))
    assert not condition.locked()


# Barrier


@program
async def barrier_opens_when_all_are_there(log):
    barrier = asyncio.Barrier(3)

    async def arriving(name):
        await passes(name)
        position = await barrier.wait()
        log.append(name)
        return position

    positions = await asyncio.gather(*[arriving(n) for n in range(3)])
    assert sorted(positions) == [0, 1, 2]
    assert barrier.n_waiting == 0


@program
async def barrier_with_a_waiter_that_is_cancelled(log):
    barrier = asyncio.Barrier(2)
    first = task(logged(log, "first", barrier.wait()))
    await passes(2)
    log.append(await cancelled(first))
    await asyncio.gather(barrier.wait(), barrier.wait())
    assert not barrier.broken


@program
async def barrier_that_is_broken(log):
    barrier = asyncio.Barrier(3)
    waiters = [task(barrier.wait()) for _ in range(2)]
    await passes(2)
    await barrier.abort()
    for waiter in waiters:
        with pytest.raises(asyncio.BrokenBarrierError):
            await waiter
    await barrier.reset()
    assert not barrier.broken


# Queue


@program
async def queue_from_one_to_many(log):
    queue = asyncio.Queue(maxsize=2)

    async def consuming(name):
        while (item := await queue.get()) is not None:
            log.append((name, item))
            queue.task_done()
        queue.task_done()

    consumers = [task(consuming(name)) for name in "ab"]
    for item in [*range(8), None, None]:
        await queue.put(item)
    await queue.join()
    await asyncio.gather(*consumers)
    assert sorted(item for _, item in log) == list(range(8))


@program
async def queue_wakes_in_order(log):
    queue = asyncio.Queue()
    getters = [task(queue.get()) for _ in range(5)]
    await passes(1)
    for number in range(5):
        queue.put_nowait(number)
    assert await asyncio.gather(*getters) == list(range(5))


@program
async def queue_with_a_getter_that_is_cancelled(log):
    queue = asyncio.Queue()
    getters = [task(logged(log, n, queue.get())) for n in range(3)]
    await passes(1)
    log.append(await cancelled(getters[0]))
    queue.put_nowait("a")
    # It is woken up, and cancelled before it can take what is there.
    getters[1].cancel("in its turn")
    log.append(await settled(getters[1]))
    if getters[1].cancelled():
        assert await getters[2] == "a"


@program
async def queue_with_a_putter_that_is_cancelled(log):
    queue = asyncio.Queue(maxsize=1)
    await queue.put("a")
    putters = [task(logged(log, n, queue.put(n))) for n in range(2)]
    await passes(1)
    log.append(await cancelled(putters[0]))
    assert await queue.get() == "a"
    assert await queue.get() == 1


@program
async def queue_with_a_timeout(log):
    queue = asyncio.Queue()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await queue.get()
    getter = task(queue.get())
    await passes(1)
    queue.put_nowait("kept")
    assert await getter == "kept"


@program
async def queue_that_is_shut_down(log):
    queue = asyncio.Queue()
    if not hasattr(queue, "shutdown"):  # before 3.13
        return
    getters = [task(queue.get()) for _ in range(3)]
    await passes(1)
    queue.shutdown()
    return [comparable(await settled(getter)) for getter in getters]


@program
async def priorities_and_stacks(log):
    for kind, order in ((asyncio.PriorityQueue, [1, 2, 3]), (asyncio.LifoQueue, [3, 1, 2])):
        queue = kind()
        for number in (2, 1, 3):
            await queue.put(number)
        assert [await queue.get() for _ in range(3)] == order


# Streams of values


@program
async def asynchronous_generators_among_tasks(log):
    queue = asyncio.Queue()

    async def items():
        try:
            while True:
                yield await queue.get()
        finally:
            await passes(1)
            log.append("closed")

    async def consuming():
        source = items()
        async for item in source:
            log.append(item)
            if item == 2:
                break
        await source.aclose()

    consumer = task(consuming())
    for number in range(4):
        await passes(1)
        queue.put_nowait(number)
    await consumer
    assert log == [0, 1, 2, "closed"]


@program
async def asynchronous_generator_that_is_cancelled(log):
    async def items():
        try:
            yield await asyncio.get_running_loop().create_future()
        finally:
            log.append("closed")

    async def consuming():
        async for _ in items():
            log.append("never")

    consumer = task(consuming())
    await passes(1)
    log.append(await cancelled(consumer))
    assert log[0] == "closed"


@every_way(programs)
def test_synchronisation(impl, program, way, kind):
    assert_same_course(program, impl, way, kind)
