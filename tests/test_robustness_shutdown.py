"""What is left when the interpreter goes: objects in every state, kept everywhere, on any loop.

The same program runs on both implementations, in development mode and with warnings turned into
errors. Whatever it prints at its end has to be the same, on standard error as well.
"""

import importlib.util

import pytest
from support import implementation, run_child

STRICT = ("-X", "dev", "-W", "error")

# Objects by the state that they are in; `started` runs before the loop has its last passes.
STATES = {
    "future": "future()",
    "future with callbacks": "with_callback(future())",
    "future with an unseen exception": "failed(future())",
    "future with a result": "returned(future())",
    "cancelled future": "cancelled(future())",
    "future of a subclass": "Promise(loop=loop)",
    "waiting task": "task(wait(future()))",
    "waiting task that tidies up": "task(tidy_up(future()))",
    "waiting task that awaits a task": "task(wait(task(wait(future()))))",
    "waiting task of a subclass": "Job(wait(future()), loop=loop)",
    "task with an unseen exception": "task(fail())",
    "task with a result": "task(give())",
    "gathered tasks": "gathered(task(wait(future())), task(tidy_up(future())))",
    "shielded task": "shielded(task(wait(future())))",
}

# Made when the loop has stopped.
LATE_STATES = {
    "new task": "task(wait(future()))",
    "cancelled new task": "cancelled(task(wait(future())))",
    "task that is to be cancelled": "cancelled(made[6])",
}

PLACES = {
    "nowhere": "del made",
    "a global": "kept = made",
    "a module": "keeper = sys.modules['keeper'] = types.ModuleType('keeper'); keeper.kept = made",
    "the module sys": "sys.kept = made",
    "a handler of atexit": "atexit.register(lambda kept: print(len(kept)), made)",
    "a cycle": "made.append(made)",
    "cycles through each": "[setattr(each, 'circle', each) for each in made]; del made",
    "a thread-local": "local = threading.local(); local.kept = made",
    "a class": "Keeper = type('Keeper', (), {'kept': made})",
    "a generator": "keeper = generator(made); next(keeper)",
    "a context variable": "contextvars.ContextVar('keeper').set(made)",
    "a caught exception": "sys.last_value = caught(made)",
    "a finaliser": "keeper = Keeper(); keeper.kept = made",
}

LOOPS = {
    "open": """
        loop = new_event_loop()
        made = make(loop)
        run_shortly(loop)
        made += make_late(loop, made)
    """,
    "closed": """
        loop = new_event_loop()
        made = make(loop)
        run_shortly(loop)
        made += make_late(loop, made)
        loop.close()
    """,
    "of a thread that has ended": """
        def run():
            global loop, made
            loop = new_event_loop()
            made = make(loop)
            run_shortly(loop)
            made += make_late(loop, made)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    """,
    "of a daemon thread": """
        def run():
            global loop, made
            loop = new_event_loop()
            made = make(loop)
            loop.call_soon(run_out.set)
            loop.run_forever()

        run_out = threading.Event()
        threading.Thread(target=run, daemon=True).start()
        run_out.wait()
    """,
    "of a thread that ends at exit": """
        def run():
            global loop, made
            loop = new_event_loop()
            made = make(loop)
            loop.call_soon(run_out.set)
            loop.run_forever()

        def end():
            threading.main_thread().join()
            loop.call_soon_threadsafe(loop.stop)

        run_out = threading.Event()
        threading.Thread(target=run).start()
        threading.Thread(target=end).start()
        run_out.wait()
    """,
}

PROGRAM = """
import asyncio, atexit, contextvars, sys, threading, types

class Promise(asyncio.Future):
    pass

class Job(asyncio.Task):
    pass

class Keeper:
    def __del__(self):
        print("finaliser", len(self.kept))

async def wait(future):
    await future

async def tidy_up(future):
    try:
        await future
    finally:
        print("tidied up")

async def fail():
    raise LookupError("unseen")

async def give():
    return "result"

def generator(kept):
    try:
        yield
    finally:
        print("generator", len(kept))

def caught(kept):
    try:
        raise ValueError(kept)
    except ValueError as error:
        return error

def with_callback(future):
    future.add_done_callback(print)
    return future

def failed(future):
    future.set_exception(LookupError("unseen"))
    return future

def returned(future):
    future.set_result("result")
    return future

def cancelled(future):
    future.cancel("why")
    return future

def gathered(*tasks):
    return asyncio.gather(*tasks)

def shielded(task):
    return asyncio.shield(task)

def new_event_loop():
    loop = {new_event_loop}()
    loop.set_debug({debug})
    return loop

def make(loop):
    future, task = loop.create_future, loop.create_task
    return [{states}]

def make_late(loop, made):
    future, task = loop.create_future, loop.create_task
    return [{late_states}]

def run_shortly(loop):
    for _ in range(3):
        loop.call_soon(loop.stop)
        loop.run_forever()
"""


def pytest_generate_tests(metafunc):
    if "states" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("long"):
        states = {name: [name] for name in STATES} | {
            f"late: {name}": [*list(STATES)[:7], name] for name in LATE_STATES
        }
        kinds = ("asyncio", "uvloop")
        debug = (False, True)
    else:
        states = {"all states": [*STATES, *LATE_STATES]}
        kinds = ("asyncio",)
        debug = (False,)
    metafunc.parametrize("states", states.values(), ids=states)
    metafunc.parametrize("kind", kinds)
    metafunc.parametrize("debug", debug, ids=lambda debug: "debug" if debug else "plain")


def seen(impl, program):
    """What is seen from outside; finalisers at exit run in any order."""
    outcome = run_child(program, impl, *STRICT, timeout=30)
    return outcome.status, sorted(outcome.stdout.splitlines()), sorted(outcome.stderr.splitlines())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("loop_is", LOOPS)
def test_same_last_words(loop_is, place, states, kind, debug):
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    source = PROGRAM.format(
        new_event_loop=f"__import__({kind!r}).new_event_loop",
        debug=debug,
        states=", ".join(STATES[name] for name in states if name in STATES),
        late_states=", ".join(LATE_STATES[name] for name in states if name in LATE_STATES),
    )
    lines = [line[8:] for line in LOOPS[loop_is].splitlines()]
    program = "\n".join([source, *lines, PLACES[place], "print('exiting')"])
    expected = seen(implementation("builtin"), program)
    assert expected[0] == 0, expected
    assert "exiting" in expected[1]
    assert seen(implementation("rust"), program) == expected
