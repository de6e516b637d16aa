"""Greenlets: the stack of a step is left in the middle of it, and entered again later."""

import asyncio
import collections
import contextlib
import contextvars

from interop.running import library, run_same

greenlet = library("greenlet")
variable = contextvars.ContextVar("variable", default="unset")


def await_(awaitable):
    """Waits for `awaitable` in synchronous code that `spawn()` runs."""
    return greenlet.getcurrent().parent.switch(awaitable)


async def spawn(function, *args):
    """Runs synchronous code that may call `await_()`."""
    child = greenlet.greenlet(function)
    child.gr_context = greenlet.getcurrent().gr_context
    value = child.switch(*args)
    while not child.dead:
        try:
            result = await value
        except BaseException as error:
            value = child.throw(error)
        else:
            value = child.switch(result)
    return value


@contextlib.contextmanager
def elsewhere(loop):
    """Within it, the thread is not in `loop`, although a greenlet is in the middle of a step."""
    swap = getattr(asyncio.tasks, "_swap_current_task", None)
    task = swap(loop, None) if swap else None
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if task is not None:
            swap(loop, task)


def test_synchronous_code_awaits(impl):
    """SQLAlchemy, greenback: a greenlet for the synchronous code, its parent awaits for it."""

    async def body():
        def nested(depth):
            if depth:
                return nested(depth - 1) + 1
            variable.set("set")
            await_(asyncio.sleep(0))
            try:
                await_(failing())
            except ValueError as error:
                return len(error.args)

        async def failing():
            await asyncio.sleep(0)
            raise ValueError("message")

        results = await asyncio.gather(*(spawn(nested, depth) for depth in (1, 5, 50)))
        return results, asyncio.current_task() is not None

    assert run_same(impl, body) == ([2, 6, 51], True)


def test_a_loop_in_a_greenlet_is_left_from_a_callback(impl):
    """playwright: the loop runs in a greenlet of its own; done callbacks switch to the caller."""

    def program():
        loop = asyncio.SelectorEventLoop()
        stop = loop.create_future()
        dispatcher = greenlet.greenlet(lambda: loop.run_until_complete(stop))

        def sync(coro):
            me = greenlet.getcurrent()
            task = loop.create_task(coro)
            task.__pw_stack__ = "stack"
            task.add_done_callback(lambda _: me.switch())
            while not task.done():
                dispatcher.switch()
            asyncio._set_running_loop(loop)
            return task.result(), task.__pw_stack__

        async def command(number):
            await asyncio.sleep(0)
            return number, type(asyncio.current_task())

        try:
            results = [sync(command(number)) for number in range(3)]
            # The loop is still in the middle of the callback that switched here.
            loop.call_soon(stop.set_result, None)
            dispatcher.switch()
        finally:
            asyncio._set_running_loop(None)
        loop.close()
        return results

    with impl.in_force():
        assert program() == [((number, impl.Task), "stack") for number in range(3)]


def test_a_loop_in_a_greenlet_is_left_from_a_step(impl):
    """bridges to greenlets: a step switches away, others run meanwhile, and it comes back."""

    def program():
        log = []
        loop = asyncio.SelectorEventLoop()
        main = greenlet.getcurrent()

        async def leaving(number):
            variable.set(number)
            current = asyncio.current_task()
            log.append(("left", number, main.switch("left")))
            log.append((variable.get(), asyncio.current_task() is current))
            await asyncio.sleep(0)
            return number

        async def both():
            return await asyncio.gather(leaving(1), leaving(2))

        runner = greenlet.greenlet(lambda: loop.run_until_complete(both()))
        seen = [runner.switch()]
        while not runner.dead:
            with elsewhere(loop):
                other = asyncio.SelectorEventLoop()
                seen.append(other.run_until_complete(asyncio.sleep(0, variable.get())))
                other.close()
            seen.append(runner.switch("back"))
        loop.close()
        return seen, log

    with impl.in_force():
        seen, log = program()
    assert seen == ["left", "unset", "left", "unset", [1, 2]]
    assert log == [("left", 1, "back"), (1, True), ("left", 2, "back"), (2, True)]


def test_loops_in_greenlets_end_in_any_order(impl):
    """The one that was left in the middle of a step ends before the one that ran meanwhile."""

    def program():
        first, second = asyncio.SelectorEventLoop(), asyncio.SelectorEventLoop()
        main = greenlet.getcurrent()

        async def leaving():
            await asyncio.sleep(0)
            with elsewhere(first):
                main.switch()
            return "first"

        async def returning():
            await asyncio.sleep(0)
            with elsewhere(second):
                ended = runner.switch()
            return ended, runner.dead

        async def later():
            await asyncio.sleep(0)
            return "later"

        runner = greenlet.greenlet(lambda: first.run_until_complete(leaving()))
        runner.switch()
        log = [second.run_until_complete(returning())]
        first._ready = collections.deque()
        log.append(first.run_until_complete(later()))
        first.close()
        coroutine = later()
        try:
            asyncio.Task(coroutine, loop=first)
        except RuntimeError as error:
            log.append(str(error))
        coroutine.close()
        second.close()
        return log

    with impl.in_force():
        assert program() == [("first", True), "later", "Event loop is closed"]


def test_cancellation_unwinds_a_greenlet(impl):
    """SQLAlchemy, greenback: what the task is given is thrown into the greenlet that waits."""

    async def body():
        log = []

        def waiting():
            try:
                await_(asyncio.get_running_loop().create_future())
            except asyncio.CancelledError as error:
                log.append(error.args)
                raise
            finally:
                log.append("unwound")

        task = asyncio.create_task(spawn(waiting))
        await asyncio.sleep(0)
        task.cancel("message")
        await asyncio.wait([task])
        return log, task.cancelled()

    assert run_same(impl, body) == ([("message",), "unwound"], True)
