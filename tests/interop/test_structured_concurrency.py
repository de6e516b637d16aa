"""anyio itself: task groups, cancel scopes, streams, threads, on either kind of tasks."""

import asyncio
import sys

import pytest

from interop.running import library, run

anyio = library("anyio")


def test_a_cancel_scope_cancels_what_is_in_it(impl):
    async def body():
        log = []

        async def child(name):
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                log.append(name)
                raise

        async with anyio.create_task_group() as group:
            group.start_soon(child, "one")
            group.start_soon(child, "two")
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        return sorted(log), asyncio.current_task().cancelling()

    assert run(impl, body) == (["one", "two"], 0)


def test_cancellation_is_delivered_again_and_shields_hold_it_off(impl):
    async def body():
        log = []
        with anyio.CancelScope() as scope:
            scope.cancel()
            for _ in range(2):
                try:
                    await anyio.sleep_forever()
                except anyio.get_cancelled_exc_class():
                    log.append("cancelled")
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
                log.append("shielded")
            await anyio.sleep_forever()
        return log, scope.cancelled_caught, asyncio.current_task().cancelling()

    assert run(impl, body) == (["cancelled", "cancelled", "shielded"], True, 0)


def test_nested_timeouts(impl):
    async def body():
        with anyio.move_on_after(3600) as outer:
            with anyio.move_on_after(0) as inner:
                await anyio.sleep_forever()
            with pytest.raises(TimeoutError), anyio.fail_after(0):
                await anyio.sleep_forever()
            await anyio.sleep(0)
        return inner.cancelled_caught, outer.cancelled_caught

    assert run(impl, body) == (True, False)


def test_errors_cancel_the_siblings_and_come_in_a_group(impl):
    async def body():
        async def failing():
            raise ValueError("message")

        with pytest.raises(ExceptionGroup) as raised:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                group.start_soon(failing)
        return [repr(error) for error in raised.value.exceptions]

    assert run(impl, body) == ["ValueError('message')"]


def test_a_child_tells_when_it_has_started(impl):
    async def body():
        async def server(*, task_status):
            task_status.started("port")
            await anyio.sleep_forever()

        async with anyio.create_task_group() as group:
            started = await group.start(server)
            group.cancel_scope.cancel()
        return started

    assert run(impl, body) == "port"


def test_streams_locks_and_limits(impl):
    async def body():
        send, receive = anyio.create_memory_object_stream(1)
        lock, limiter, event = anyio.Lock(), anyio.CapacityLimiter(1), anyio.Event()
        received = []

        async def producer():
            async with send:
                for number in range(5):
                    async with lock:
                        await send.send(number)
            event.set()

        async with receive, anyio.create_task_group() as group:
            group.start_soon(producer)
            async for item in receive:
                async with limiter:
                    received.append(item)
            await event.wait()
        return received

    assert run(impl, body) == [0, 1, 2, 3, 4]


def test_threads_and_back(impl):
    async def body():
        def in_thread():
            return anyio.from_thread.run(anyio.sleep, 0), anyio.from_thread.run_sync(int, "1")

        return await anyio.to_thread.run_sync(in_thread)

    assert run(impl, body) == (None, 1)


def test_what_anyio_tells_of_tasks(impl):
    async def body():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever, name="child")
            await anyio.wait_all_tasks_blocked()
            infos = anyio.get_running_tasks()
            me = anyio.get_current_task()
            group.cancel_scope.cancel()
        children = [info for info in infos if info.parent_id == me.id]
        return [info.name for info in children], me.has_pending_cancellation()

    assert run(impl, body) == (["child"], False)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_task_groups_with_an_eager_factory(impl):
    async def body():
        log = []

        async def child(name):
            log.append(name)
            await anyio.sleep(0)
            log.append(type(asyncio.current_task()) is impl.Task)

        async with anyio.create_task_group() as group:
            group.start_soon(child, "child")
            log.append("started")
        return log

    def prepare(loop):
        loop.set_task_factory(impl.eager_task_factory)

    # anyio starts its tasks lazily whatever the factory.
    assert run(impl, body, prepare=prepare) == ["started", "child", True]


def test_anyio_runs_the_loop(impl):
    async def main():
        assert type(asyncio.current_task()) is impl.Task
        await anyio.sleep(0)
        return "result"

    with impl.in_force():
        assert anyio.run(main) == "result"


def test_a_portal_from_another_thread(impl):
    async def kind():
        return type(asyncio.current_task())

    with impl.in_force(), anyio.from_thread.start_blocking_portal() as portal:
        assert portal.call(kind) is impl.Task
        future = portal.start_task_soon(anyio.sleep_forever)
        future.cancel()
        assert future.cancelled()
