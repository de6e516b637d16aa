"""Libraries that write into the memory of a task."""

import asyncio
import ctypes

from interop.running import library, passes, run


def offset_in(task, object):
    """Returns at which byte of `task` a pointer to `object` is; None for nowhere."""
    word = ctypes.sizeof(ctypes.c_size_t)
    words = (ctypes.c_size_t * (task.__sizeof__() // word)).from_address(id(task))
    return next((at * word for at, value in enumerate(words) if value == id(object)), None)


def test_the_coroutine_is_exchanged_in_memory(impl):
    """greenback: `_coro` cannot be assigned, so the pointer to it is searched for and replaced.

    The loop then drives a coroutine that wraps the one of before.
    """

    async def shim(coro, log):
        while True:
            log.append("step")
            try:
                await asyncio.sleep(0)
                coro.send(None)
            except StopIteration as stop:
                return stop.value

    async def user():
        await asyncio.sleep(0)
        return "result"

    async def body():
        log = []
        task = asyncio.create_task(user())
        await passes(1)
        old, new = task.get_coro(), shim(task.get_coro(), log)
        try:
            task._coro = new
        except AttributeError as error:
            assert "is not writable" in str(error)
        offset = offset_in(task, old)
        assert offset is not None
        # A pure swap: the reference that the task held belongs to `old` now.
        field = ctypes.c_size_t.from_address(id(task) + offset)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(new))
        field.value = id(new)
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(old))
        return task.get_coro() is new, await task, log

    assert run(impl, body) == (True, "result", ["step"])


def test_the_offset_is_the_same_for_every_task(impl):
    """greenback searches once and uses what it found for all tasks of the process."""

    async def body():
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
        offsets = {offset_in(task, task.get_coro()) for task in [*tasks, asyncio.current_task()]}
        await asyncio.wait(tasks)
        return len(offsets), None in offsets

    assert run(impl, body) == (1, False)


def test_greenback_itself(impl, monkeypatch):
    greenback = library("greenback")
    # It knows one place for all tasks of a process, and the tests have two kinds.
    monkeypatch.setattr(greenback._impl, "aio_task_coro_c_offset", None)

    async def body():
        def synchronous(number):
            return greenback.await_(asyncio.sleep(0, number))

        async def user(number):
            await greenback.ensure_portal()
            await asyncio.sleep(0)
            return synchronous(number), type(asyncio.current_task()) is impl.Task

        bestowed = asyncio.create_task(user(2))
        greenback.bestow_portal(bestowed)
        return await asyncio.gather(user(1), bestowed), greenback.has_portal(bestowed)

    assert run(impl, body)[0] == [(1, True), (2, True)]
