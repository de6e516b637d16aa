"""The runtime: made at the first use, configured before, shared, stopped, fresh after a fork.

Each program is a process of its own.
"""

import os
import subprocess
import sys
import textwrap

import pytest
from support.extension import ExtensionMissing, probe_path

PREAMBLE = """
import asyncio, gc, os, sys, threading, time
import aioxide
"""


@pytest.fixture
def run_program():
    """A function that runs a program with the probe and returns what it prints."""
    try:
        folder = os.path.dirname(probe_path())
    except ExtensionMissing as missing:
        pytest.skip(str(missing))

    def run(program, *flags, stderr=""):
        environment = {**os.environ, "PYTHONPATH": folder, "RUST_BACKTRACE": "0"}
        source = PREAMBLE + textwrap.dedent(program)
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "dev",
                "-W",
                "error",
                *flags,
                "-c",
                source,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, stderr)
        return done.stdout.split()

    return run


def test_nothing_runs_before_the_first_use(run_program):
    program = """
    import bridge_probe as probe

    def threads():
        return len(os.listdir("/proc/self/task"))

    before = threads()

    async def main():
        asyncio.get_running_loop()

    asyncio.run(main())
    print(threads() - before)
    """
    assert run_program(program) == ["0"]


def test_the_number_of_threads_can_be_configured(run_program):
    program = """
    aioxide.configure_runtime(worker_threads=3)
    aioxide.configure_runtime(blocking_threads=2)
    together, most, lock = 0, 0, threading.Lock()

    def work():
        global together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.001)
        with lock:
            together -= 1

    async def main():
        await asyncio.gather(*(aioxide.to_thread(work) for _ in range(50)))

    before = len(os.listdir("/proc/self/task"))
    asyncio.run(main())
    print(most <= 2, len(os.listdir("/proc/self/task")) - before <= 5)
    try:
        aioxide.configure_runtime(worker_threads=3)
    except RuntimeError as error:
        print("refused")
    """
    assert run_program(program) == ["True", "True", "refused"]


@pytest.mark.parametrize("name", ["worker_threads", "blocking_threads"])
@pytest.mark.parametrize(
    ("value", "error"),
    [(0, "ValueError"), (-1, "ValueError"), ("2", "TypeError"), (1.5, "TypeError")],
)
def test_wrong_numbers_of_threads_are_refused(run_program, name, value, error):
    program = f"""
    try:
        aioxide.configure_runtime({name}={value!r})
    except Exception as error:
        print(type(error).__name__)
    """
    assert run_program(program) == [error]


def test_pyo3_async_runtimes_runs_on_the_same_threads(run_program):
    program = """
    import bridge_probe as probe
    probe.share_runtime()
    probe.share_runtime()

    async def main():
        print(await probe.polling_thread(1), await probe.their_polling_thread(), flush=True)

    asyncio.run(main())
    os._exit(0)  # see below
    """
    assert run_program(program) == ["aioxide", "aioxide"]


def test_sharing_comes_before_the_first_use(run_program):
    program = """
    import bridge_probe as probe

    async def main():
        await probe.their_polling_thread()

    asyncio.run(main())
    try:
        probe.share_runtime()
    except RuntimeError:
        print("refused", flush=True)
    # A thread of theirs may still be at delivering the future, which ends badly while the
    # interpreter goes: not what is tested here.
    os._exit(0)
    """
    assert run_program(program) == ["refused"]


ENDS = {
    "futures that are pending": "futures = [probe.forever(None, n % 2) for n in range(10)]",
    "futures that sleep": "futures = [probe.sleep(3600) for _ in range(10)]",
    "a local future": "future = probe.local(1, None, False)",
    "a stream in the middle": "stream = probe.count_to(10, True); await anext(stream)",
    "a driven coroutine": "future = probe.drive(asyncio.sleep(3600)); await asyncio.sleep(0)",
    "a spawned coroutine": "probe.spawn(asyncio.sleep(3600)); await asyncio.sleep(0)",
    "a call that blocks": "future = aioxide.to_thread(threading.Event().wait)",
    "a poll that lasts": "future = probe.slow_poll(); probe.wait_for_gate(1)",
}


@pytest.mark.parametrize("what", ENDS)
@pytest.mark.parametrize("how", ["run", "closed", "open"])
def test_a_program_ends_quietly(run_program, what, how):
    program = f"""
    import bridge_probe as probe
    kept = []

    async def main():
        {ENDS[what]}
        kept.append(locals())

    if {how!r} == "run":
        asyncio.run(main())
    else:
        loop = asyncio.SelectorEventLoop()
        loop.run_until_complete(main())
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
        if {how!r} == "closed":
            loop.close()
        # A loop that is left open until the very end cannot show its handles any more (3.13).
        loop.set_debug(False)
    print("end")
    """
    # asyncio itself complains of a loop that is left open.
    flags = ("-W", "ignore::ResourceWarning") if how == "open" else ()
    assert run_program(program, *flags) == ["end"]


def test_the_destructors_run_before_the_interpreter_ends(run_program):
    program = """
    import bridge_probe as probe

    async def main():
        return probe.forever(lambda: print("dropped"), 1)

    loop = asyncio.SelectorEventLoop()
    future = loop.run_until_complete(main())
    loop.run_until_complete(asyncio.sleep(0.01))
    print("end")
    """
    program += "import atexit; atexit.register(loop.close)\n"
    assert run_program(program) == ["end", "dropped"]


def test_when_the_program_ends_nothing_new_begins(run_program):
    program = """
    import atexit

    async def main():
        return await aioxide.to_thread(int)

    def at_exit():
        try:
            asyncio.run(main())
        except RuntimeError as error:
            print("refused")

    atexit.register(at_exit)
    print(asyncio.run(main()))
    """
    assert run_program(program) == ["0", "refused"]


def test_the_child_of_a_fork_gets_a_fresh_runtime(run_program):
    program = """
    import warnings
    import bridge_probe as probe
    warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads

    async def use():
        name = await probe.polling_thread(1)
        return name, await aioxide.to_thread(os.getpid), await probe.answer(1, 1)

    async def main():
        pending = [probe.sleep(3600), probe.forever(None, 1), probe.drive(asyncio.sleep(3600))]
        print(await use() == ("aioxide", os.getpid(), 1), flush=True)
        return pending

    async def end(pending):
        print(await use() == ("aioxide", os.getpid(), 1))
        for future in pending:
            future.cancel()
        await asyncio.wait(pending)

    loop = asyncio.SelectorEventLoop()
    pending = loop.run_until_complete(main())
    child = os.fork()
    if child:
        print(os.waitpid(child, 0)[1])
        loop.run_until_complete(end(pending))
        loop.close()
    else:
        for future in pending:
            future.cancel()
        with asyncio.Runner() as runner:
            print(runner.run(use()) == ("aioxide", os.getpid(), 1), flush=True)
        os._exit(0)
    """
    assert run_program(program) == ["True", "True", "0", "True"]
