"""Tasks as keys, members and values, with attributes of their own."""

import asyncio
import gc
import pickle
import weakref

from interop.running import passes, run_same


def test_background_tasks_in_a_set_discard_themselves(impl):
    """uvicorn, async-lru: add_done_callback(tasks.discard)."""

    async def body():
        tasks = set()
        for number in range(3):
            task = asyncio.create_task(asyncio.sleep(0, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        before = len(tasks)
        await asyncio.wait(set(tasks))
        await passes(1)
        return before, len(tasks)

    assert run_same(impl, body) == (3, 0)


def test_state_is_kept_beside_a_task_as_long_as_it_lives(impl):
    """anyio, aiomonitor, greenback: WeakKeyDictionary keyed by tasks, and WeakSet."""

    async def body():
        states, members = weakref.WeakKeyDictionary(), weakref.WeakSet()
        task = asyncio.create_task(asyncio.sleep(0))
        states[task] = "state"
        members.add(task)
        seen = [states[task], task in members, states.get(asyncio.current_task())]
        await task
        await passes(1)  # what the loop runs is kept alive by the loop
        del task
        gc.collect()
        return [*seen, len(states), len(members)]

    assert run_same(impl, body) == ["state", True, None, 0, 0]


def test_the_end_of_a_task_is_told_by_a_weak_reference(impl):
    """anyio TaskInfo, looptime: weakref.ref(task, callback) and weakref.finalize(task, …)."""

    async def body():
        told = []
        task = asyncio.create_task(asyncio.sleep(0))
        reference = weakref.ref(task, lambda _: told.append("ref"))
        weakref.finalize(task, told.append, "finalize")
        alive = reference() is task
        await task
        await passes(1)  # what the loop runs is kept alive by the loop
        del task
        gc.collect()
        return alive, sorted(told), reference()

    assert run_same(impl, body) == (True, ["finalize", "ref"], None)


def test_scoped_objects_are_looked_up_by_the_current_task(impl):
    """SQLAlchemy async_scoped_session, newrelic: current_task() and its id() as keys."""

    async def body():
        registry = {}

        async def user():
            registry[asyncio.current_task()] = object()
            registry[id(asyncio.current_task())] = object()
            first = registry[asyncio.current_task()], registry[id(asyncio.current_task())]
            await passes(2)
            return first == (
                registry[asyncio.current_task()],
                registry[id(asyncio.current_task())],
            )

        return await asyncio.gather(user(), user()), len(registry)

    assert run_same(impl, body) == ([True, True], 4)


def test_any_attribute_can_be_put_on_a_task(impl):
    """playwright (`__pw_stack__`): setattr() on tasks."""

    async def body():
        task = asyncio.current_task()
        task.__pw_stack__ = ["frame"]
        task.context = {"request": 1}
        future = asyncio.get_running_loop().create_future()
        future.handle = "handle"
        seen = [task.__pw_stack__, task.context, future.handle]
        del task.context
        return [*seen, hasattr(task, "context"), getattr(task, "absent", None)]

    assert run_same(impl, body)[-2:] == [False, None]


def test_an_attribute_may_point_back_at_its_task(impl):
    """playwright: the cycle of a task and its own attribute is collected."""

    async def body():
        task = asyncio.create_task(asyncio.sleep(0))
        task.me = [task]
        reference = weakref.ref(task)
        await task
        await passes(1)  # what the loop runs is kept alive by the loop
        del task
        gc.collect()
        return reference()

    assert run_same(impl, body) is None


def test_tasks_are_sorted_and_told_apart(impl):
    """aiomonitor: sorted(tasks, key=id), names, == and != of two tasks of one coroutine."""

    async def body():
        tasks = [asyncio.create_task(asyncio.sleep(0), name=f"T{n}") for n in range(3)]
        names = {task.get_name() for task in sorted(tasks, key=id)}
        differ = tasks[0] != tasks[1], tasks[0] == tasks[0], len(set(tasks))
        await asyncio.wait(tasks)
        return sorted(names), differ

    assert run_same(impl, body) == (["T0", "T1", "T2"], (True, True, 3))


def test_cancelled_errors_are_pickled(impl):
    """pools of processes: errors go to another process, with their message."""

    async def body():
        future = asyncio.get_running_loop().create_future()
        future.cancel("message")
        try:
            await future
        except asyncio.CancelledError as error:
            copy = pickle.loads(pickle.dumps(error))
            return type(copy).__name__, copy.args

    assert run_same(impl, body) == ("CancelledError", ("message",))
