"""Loops in threads: finishing from outside, two loops at once, a loop that moves."""

import asyncio
import functools
import threading

import pytest
from support import (
    LoopMissing,
    adopt,
    new_loop,
    run_passes,
)


async def waiting(future):
    return await future


def loop_or_skip(kind, impl):
    try:
        return adopt(new_loop(kind), impl)
    except LoopMissing as missing:
        pytest.skip(str(missing))


def running_in_a_thread(loop):
    """Starts `loop` in a thread; returns a function that stops and joins it."""
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def stop():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    return stop


def run_in_threads(functions):
    """Runs each in a thread of its own, all at once, and waits for them."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_finishing_from_another_thread(loop, impl):
    future = impl.Future(loop=loop)
    thread = threading.Thread(
        target=loop.call_soon_threadsafe, args=(future.set_result, "from a thread")
    )
    task = impl.Task(waiting(future), loop=loop)
    loop.call_soon(thread.start)
    assert loop.run_until_complete(task) == "from a thread"
    thread.join()


def test_cancelling_from_another_thread(loop, impl):
    task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(task.cancel, "thread"))
    loop.call_soon(thread.start)
    with pytest.raises(asyncio.CancelledError, match="thread"):
        loop.run_until_complete(task)
    thread.join()


def test_looking_at_a_task_of_another_thread(loop, impl):
    task = impl.Task(waiting(impl.Future(loop=loop)), loop=loop)
    stop = running_in_a_thread(loop)
    try:
        assert not task.done()
        assert task in asyncio.all_tasks(loop)
        assert repr(task).startswith("<Task pending")
        assert task.get_loop() is loop
        assert isinstance(task.get_stack(), list)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        stop()
    run_passes(loop, 2)
    assert task.cancelled()


def test_two_loops_in_two_threads(loop_kind, impl):
    rounds, totals, failures = 200, {}, []

    def serve(own, inbox, outbox, name):
        """Passes a number back and forth with the other thread, one future for each round."""

        async def main():
            total = 0
            for number in range(rounds):
                other_loop, other_future = outbox[number]
                other_loop.call_soon_threadsafe(other_future.set_result, number)
                total += await inbox[number][1]
                assert asyncio.current_task() is task
                assert asyncio.all_tasks() == {task}
            return total

        try:
            task = impl.Task(main(), loop=own)
            totals[name] = own.run_until_complete(task)
        except BaseException as error:
            failures.append(error)

    loops = [loop_or_skip(loop_kind, impl) for _ in range(2)]
    boxes = [[(each, impl.Future(loop=each)) for _ in range(rounds)] for each in loops]
    run_in_threads(
        functools.partial(serve, loops[number], boxes[number], boxes[1 - number], number)
        for number in range(2)
    )
    for each in loops:
        each.close()
    assert failures == []
    assert totals == {0: sum(range(rounds)), 1: sum(range(rounds))}


def test_two_loops_in_the_middle_of_their_passes(loop_kind, impl):
    """What becomes ready in each stays in its own order."""
    both_inside, orders = threading.Barrier(2), ([], [])

    def serve(own, order):
        async def stepping(number):
            for turn in range(3):
                order.append((turn, number))
                if number == 1:
                    both_inside.wait(60)
                await asyncio.sleep(0)

        async def main():
            for task in [impl.Task(stepping(number), loop=own) for number in range(4)]:
                await task

        own.run_until_complete(impl.Task(main(), loop=own))

    loops = [loop_or_skip(loop_kind, impl) for _ in range(2)]
    run_in_threads(map(functools.partial, [serve, serve], loops, orders))
    for own in loops:
        own.close()
    in_turns = [(turn, number) for turn in range(3) for number in range(4)]
    assert orders == (in_turns, in_turns)


def test_what_another_thread_makes_ready_in_the_middle_of_a_step(impl):
    """Nobody should, without `call_soon_threadsafe()`; it keeps its order all the same."""
    loop = loop_or_skip("asyncio", impl)
    order, futures = [], [impl.Future(loop=loop) for _ in range(3)]

    async def waiting_for(number):
        order.append(await futures[number])

    def make_ready():
        futures[1].set_result("first")
        loop.call_soon(order.append, "second")
        futures[0].set_result("third")
        futures[2].set_result("fourth")

    async def main():
        tasks = [impl.Task(waiting_for(number), loop=loop) for number in range(3)]
        await asyncio.sleep(0)
        sooner = impl.Task(asyncio.sleep(0), loop=loop)
        thread = threading.Thread(target=make_ready)
        thread.start()
        thread.join()
        for task in [*tasks, sooner]:
            await task

    loop.run_until_complete(impl.Task(main(), loop=loop))
    loop.close()
    assert order == ["first", "second", "third", "fourth"]


def test_making_tasks_in_many_threads(impl):
    """Each thread has a loop of its own; names and counts are shared by all."""
    names, failures, barrier = [], [], threading.Barrier(8)

    def work():
        async def named():
            return asyncio.current_task().get_name()

        async def main():
            barrier.wait()
            return [await impl.Task(named(), loop=loop) for _ in range(100)]

        loop = adopt(new_loop("asyncio"), impl)
        try:
            names.extend(loop.run_until_complete(main()))
        except BaseException as error:
            failures.append(error)
        finally:
            loop.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(names)) == 800


def test_loop_that_moves_to_another_thread(loop, impl):
    future = impl.Future(loop=loop)
    task = impl.Task(waiting(future), loop=loop)
    run_passes(loop, 2)
    thread = threading.Thread(target=run_passes, args=(loop, 3))
    future.set_result("moved")
    thread.start()
    thread.join()
    assert task.result() == "moved"
