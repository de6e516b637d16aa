"""Daemon threads that are ended at exit while they run what Rust code has called.

Such a thread never comes back from Python: it is ended (up to 3.13), or hangs, where it waits for
the GIL. Nobody else may notice.
"""

import pytest
from support import run_child

# In each, `stay()` is called in a daemon thread by what a task or a future calls. `loop` is a loop
# that runs in that thread, `Loop` its class.
CALLS = {
    "a coroutine": """
        async def main():
            stay()
    """,
    "a coroutine that is cancelled": """
        async def main():
            asyncio.current_task().cancel()
            try:
                await asyncio.sleep(0)
            finally:
                stay()
    """,
    "a coroutine that is begun eagerly": """
        async def child():
            stay()

        async def main():
            coroutine = child()
            try:
                asyncio.Task(coroutine, loop=loop, eager_start=True)
            except TypeError:  # built-in tasks before 3.12
                await coroutine
    """,
    "get_debug() of the loop": """
        async def main():
            Loop.get_debug = stay
            loop.create_future()
    """,
    "call_soon() of the loop": """
        async def main():
            Loop.call_soon = stay
            loop.create_task(asyncio.sleep(0))
    """,
    "call_soon() of the loop, for a callback": """
        async def main():
            future = loop.create_future()
            future.add_done_callback(print)
            Loop.call_soon = stay
            future.set_result(None)
    """,
    "the exception handler": """
        async def main():
            loop.set_exception_handler(stay)
            loop.create_future().set_exception(ValueError())
    """,
    "the exception handler, for a task": """
        async def main():
            loop.set_exception_handler(stay)
            task = loop.create_task(asyncio.sleep(0))
            await asyncio.sleep(0)
            task.__del__()
    """,
    "the set of all tasks": """
        async def main():
            weakref.WeakSet.add = stay
            loop.create_task(asyncio.sleep(0))
            stay()  # newer built-in tasks are in no such set
    """,
    "cancel() of what is awaited": """
        class Future(asyncio.Future):
            def cancel(self, msg=None):
                stay()

        async def wait(future):
            await future

        async def main():
            task = loop.create_task(wait(Future()))
            await asyncio.sleep(0)
            task.cancel()
    """,
    "add_done_callback() of what is awaited": """
        class Future(asyncio.Future):
            add_done_callback = stay

        async def main():
            await Future()
    """,
    "get_loop() of what is awaited": """
        class Future(asyncio.Future):
            get_loop = stay

        async def main():
            await Future()
    """,
    "result() of what was awaited": """
        class Future(asyncio.Future):
            result = stay

        async def main():
            future = Future()
            loop.call_soon(future.set_result, None)
            await future
    """,
    "the repr of a task": """
        async def main():
            asyncio.coroutines._format_coroutine = stay
            repr(asyncio.current_task())
    """,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_thread_that_is_ended(impl, call):
    program = f"""
        import asyncio, threading, time, weakref

        # Gives the GIL up, and wants it back, for ever.
        def stay(*args, **kwargs):
            running.set()
            while True:
                time.sleep(0)

        class Loop(asyncio.SelectorEventLoop):
            pass
{call}
        def run():
            global loop
            loop = Loop()
            loop.run_until_complete(main())

        class TakesTime:
            # Runs when the interpreter is about to go, and lets the thread try.
            def __del__(self):
                time.sleep(0.05)

        last = TakesTime()
        running = threading.Event()
        threading.Thread(target=run, daemon=True).start()
        running.wait()
        print("exiting")
    """
    assert run_child(program, impl, timeout=20) == (0, "exiting\n", "")
