"""The ends of a process: sys.exit(), Ctrl-C, pending tasks at exit, forks.

Each program runs on both implementations, and looks the same from outside: output, exit status and
everything on standard error, with Python's development mode on and warnings turned into errors.
"""

import signal

import pytest
from support import implementation, run_child

STRICT = ("-X", "dev", "-W", "error")

EXITS = {
    "sys.exit() in a task": """
        import asyncio, sys

        async def main():
            try:
                sys.exit(3)
            finally:
                print("leaving")

        asyncio.run(main())
    """,
    "sys.exit() with a message in a second task": """
        import asyncio, sys

        async def leave():
            sys.exit("gone")

        async def main():
            task = asyncio.create_task(leave())
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                print("cancelled")
                raise

        asyncio.run(main())
    """,
    "sys.exit() in a task that is awaited": """
        import asyncio, sys

        async def leave():
            sys.exit(4)

        async def main():
            try:
                await asyncio.create_task(leave())
            except SystemExit as error:
                print("seen", error.code)
                raise

        asyncio.run(main())
    """,
    "sys.exit() in a callback": """
        import asyncio, sys

        async def main():
            future = asyncio.get_running_loop().create_future()
            future.add_done_callback(lambda future: sys.exit(5))
            future.set_result(None)
            await asyncio.Event().wait()

        asyncio.run(main())
    """,
    "KeyboardInterrupt raised in a task": """
        import asyncio

        async def main():
            raise KeyboardInterrupt("by hand")

        try:
            asyncio.run(main())
        except KeyboardInterrupt as error:
            print("interrupted", error)
    """,
    "Ctrl-C while a task runs": """
        import asyncio, signal

        async def main():
            try:
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0)
                print("not reached")
            except asyncio.CancelledError:
                print("cancelled")
                raise

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """,
    "Ctrl-C while all tasks wait": """
        import asyncio, os, signal, threading

        async def main():
            threading.Timer(0, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                await asyncio.Event().wait()
            finally:
                print("cleaned up")

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """,
    "Ctrl-C that nobody catches": """
        import asyncio, signal

        async def main():
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)

        asyncio.run(main())
    """,
    "Ctrl-C with the default handler of a loop": """
        import asyncio, signal

        loop = asyncio.new_event_loop()

        async def main():
            signal.raise_signal(signal.SIGINT)

        task = loop.create_task(main())
        try:
            loop.run_until_complete(task)
        except KeyboardInterrupt:
            print("interrupted", type(task.exception()).__name__)
        loop.close()
    """,
    "exception that nobody catches": """
        import asyncio

        async def inner():
            raise LookupError("uncaught")

        async def main():
            await asyncio.create_task(inner())

        asyncio.run(main())
    """,
    "exception that nobody retrieves": """
        import asyncio

        async def inner():
            raise LookupError("unretrieved")

        async def main():
            asyncio.create_task(inner())
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        asyncio.run(main())
    """,
    "loop left open with a pending task": """
        import asyncio

        async def main(future):
            await future

        loop = asyncio.new_event_loop()
        task = loop.create_task(main(loop.create_future()))
        loop.call_soon(loop.stop)
        loop.run_forever()
        print("exiting")
    """,
    "loop closed with a pending task": """
        import asyncio

        async def main(future):
            try:
                await future
            finally:
                print("closed")

        loop = asyncio.new_event_loop()
        task = loop.create_task(main(loop.create_future()))
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
        print("exiting")
    """,
    "task that never started": """
        import asyncio

        async def main():
            print("not reached")

        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        loop.close()
        print("exiting")
    """,
    "pending future in a global": """
        import asyncio

        loop = asyncio.new_event_loop()
        future = loop.create_future()
        future.add_done_callback(print)
        loop.close()
        print("exiting")
    """,
    "unretrieved exception in a global": """
        import asyncio

        loop = asyncio.new_event_loop()
        future = loop.create_future()
        future.set_exception(LookupError("never seen"))
        loop.close()
        print("exiting")
    """,
    "unretrieved exception in a global cycle": """
        import asyncio

        loop = asyncio.new_event_loop()
        future = loop.create_future()
        future.set_exception(LookupError("never seen"))
        future.circle = future
        loop.close()
        print("exiting")
    """,
    "finished task in a global": """
        import asyncio

        async def main():
            return asyncio.current_task()

        task = asyncio.run(main())
        assert task.result() is task
        print("exiting")
    """,
    "subclasses in globals": """
        import asyncio

        class Promise(asyncio.Future):
            def __del__(self):
                print("finalised", self.done(), self.label)
                super().__del__()

        loop = asyncio.new_event_loop()
        promise = Promise(loop=loop)
        promise.label = "kept to the end"
        promise.set_result(promise.label)
        loop.close()
    """,
    "futures used by atexit": """
        import asyncio, atexit

        async def last_words():
            await asyncio.sleep(0)
            print("last words")

        atexit.register(lambda: asyncio.run(last_words()))
        asyncio.run(last_words())
    """,
    "futures made by a finaliser at exit": """
        import asyncio

        class Late:
            def __init__(self):
                self.loop = asyncio.new_event_loop()
                self.make = asyncio.Future

            def __del__(self):
                future = self.make(loop=self.loop)
                future.add_done_callback(repr)
                self.loop.close()
                print("made at exit", future)

        late = Late()
    """,
    "asynchronous generator left behind": """
        import asyncio

        async def generator():
            try:
                yield 1
                yield 2
            finally:
                print("generator closed")

        async def main():
            async for number in generator():
                print(number)
                break

        asyncio.run(main())
    """,
    "warning turned into an error in a task": """
        import asyncio, warnings

        async def main():
            warnings.warn("an error", UserWarning)

        asyncio.run(main())
    """,
    "fork after the import": """
        import asyncio, os

        async def main(name):
            await asyncio.sleep(0)
            return name, asyncio.current_task() is not None, len(asyncio.all_tasks())

        if child := os.fork():
            os.waitpid(child, 0)
            print(asyncio.run(main("parent")), flush=True)
        else:
            print(asyncio.run(main("child")), flush=True)
            os._exit(0)
    """,
    "fork between two runs": """
        import asyncio, os

        async def main(name):
            return name, await asyncio.gather(*(asyncio.sleep(0, n) for n in range(3)))

        print(asyncio.run(main("before")), flush=True)
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            print(asyncio.run(main("parent")), status, flush=True)
        else:
            print(asyncio.run(main("child")), flush=True)
            os._exit(0)
    """,
    "fork inside a task": """
        import asyncio, os

        async def inner():
            await asyncio.sleep(0)
            return "ran in the child"

        async def main():
            if child := os.fork():
                _, status = os.waitpid(child, 0)
                return "parent", status
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                print("no loop runs in the child", flush=True)
            loop = asyncio.new_event_loop()
            print(loop.run_until_complete(inner()), flush=True)
            loop.close()
            os._exit(0)

        print(asyncio.run(main()))
    """,
}


def seen(program, impl):
    """Returns status, output and lines of errors; finalisers at exit run in any order."""
    outcome = run_child(program, impl, *STRICT)
    return outcome.status, outcome.stdout, sorted(outcome.stderr.splitlines())


@pytest.mark.parametrize("program", EXITS.values(), ids=EXITS)
def test_end_of_a_process(impl, program):
    expected = seen(program, implementation("builtin"))
    # On the built-in classes a program ends by itself: none of these is a crash.
    assert expected[0] >= 0 or expected[0] == -signal.SIGINT
    assert seen(program, impl) == expected


KNOWN = {
    "sys.exit() in a task": (3, "leaving\n", ""),
    "Ctrl-C while a task runs": (0, "cancelled\ninterrupted\n", ""),
    "Ctrl-C while all tasks wait": (0, "cleaned up\ninterrupted\n", ""),
    "fork inside a task": (
        0,
        "no loop runs in the child\nran in the child\n('parent', 0)\n",
        "",
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_end_of_a_process(impl, name):
    assert run_child(EXITS[name], impl, *STRICT) == KNOWN[name]


def test_thread_that_still_runs_its_loop_at_exit(impl):
    program = """
        import asyncio, threading

        async def main():
            running.set()
            while True:
                await asyncio.sleep(0)

        running = threading.Event()
        threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
        running.wait()
        print("exiting")
    """
    outcome = run_child(program, impl)
    assert (outcome.status, outcome.stdout) == (0, "exiting\n")
