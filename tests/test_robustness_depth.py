"""Chains of 100,000 tasks and futures: finished, cancelled, dropped, without the C stack's help.

Each runs in a process of its own, where a crash is a failure like any other. The built-in classes
are the oracle for a tenth of the length.
"""

import sys

import pytest
from support import implementation, run_child

# `reports` is what the loop's exception handler heard, without the futures it was about.
PREPARE = """
import asyncio, gc, warnings

loop = asyncio.new_event_loop()
reports = []
loop.set_exception_handler(lambda loop, context: reports.append(context["message"]))

def run_once():
    loop.call_soon(loop.stop)
    loop.run_forever()

async def link(below):
    return await below

def suspended_chain():
    bottom = head = asyncio.Future(loop=loop)
    for _ in range(DEPTH):
        head = asyncio.Task(link(head), loop=loop)
    run_once()
    return bottom, head
"""

FINISHED = """
bottom, head = suspended_chain()
bottom.set_result("passed all the way up")
print(loop.run_until_complete(head))
"""

FAILED = """
bottom, head = suspended_chain()
bottom.set_exception(LookupError("passed all the way up"))
try:
    loop.run_until_complete(head)
except LookupError as error:
    print(error)
"""

CANCELLED_AT_THE_BOTTOM = """
bottom, head = suspended_chain()
bottom.cancel()
try:
    loop.run_until_complete(head)
except asyncio.CancelledError:
    print("passed all the way up")
"""

DROPPED = """
bottom, head = suspended_chain()
del bottom, head
gc.collect()
print(len(reports), set(reports))
"""

DROPPED_WITH_THE_LOOP = """
bottom, head = suspended_chain()
loop.close()
del bottom, head, loop
gc.collect()
print(len(reports), set(reports))
"""

# Tasks that finish futures by callbacks, futures that other tasks wait for.
DROPPED_MIXED = """
last = asyncio.Future(loop=loop)
for _ in range(DEPTH // 2):
    task = asyncio.Task(link(last), loop=loop)
    last = asyncio.Future(loop=loop)
    task.add_done_callback(last.set_result)
    last.task = task
run_once()
del last, task
gc.collect()
print(len(reports), set(reports))
"""

FINISHED_TASKS = """
async def give(value):
    return value

task = None
for number in range(DEPTH):
    task = asyncio.Task(give(task), loop=loop)
run_once()
run_once()
assert task.done()
del task
print("dropped", reports)
"""

NEVER_STARTED = """
warnings.simplefilter("ignore", RuntimeWarning)
task = None
for number in range(DEPTH):
    task = asyncio.Task(link(task), loop=loop)
del task
loop.close()
print(len(reports), set(reports))
"""

RESULTS = """
future = None
for _ in range(DEPTH):
    outer = asyncio.Future(loop=loop)
    outer.set_result(future)
    future = outer
del future, outer
print("dropped", reports)
"""

EXCEPTIONS = """
future = None
for _ in range(DEPTH):
    outer = asyncio.Future(loop=loop)
    outer.set_exception(ValueError(future))
    future = outer
del future, outer
print(len(reports), set(reports))
"""

CALLBACKS = """
future = asyncio.Future(loop=loop)
for _ in range(DEPTH):
    inner = asyncio.Future(loop=loop)
    inner.add_done_callback(future.set_result)
    future = inner
del future, inner
print("dropped", reports)
"""

ATTRIBUTES = """
future = None
for _ in range(DEPTH):
    outer = asyncio.Future(loop=loop)
    outer.inner = future
    future = outer
del future, outer
print("dropped", reports)
"""

ITERATORS = """
iterator = None
for _ in range(DEPTH):
    future = asyncio.Future(loop=loop)
    future.inner = iterator
    iterator = future.__await__()
del future, iterator
print("dropped", reports)
"""

SUBCLASSES = """
class Promise(asyncio.Future):
    pass

future = None
for _ in range(DEPTH):
    outer = Promise(loop=loop)
    outer.set_result(future)
    future = outer
del future, outer
print("dropped", reports)
"""

LEFT_AT_EXIT = """
bottom, head = suspended_chain()
print("exiting")
"""

PENDING = "{'Task was destroyed but it is pending!'}"

PROGRAMS = {
    "finished": (FINISHED, "passed all the way up\n"),
    "failed": (FAILED, "passed all the way up\n"),
    "cancelled at the bottom": (CANCELLED_AT_THE_BOTTOM, "passed all the way up\n"),
    "dropped": (DROPPED, f"{{DEPTH}} {PENDING}\n"),
    "dropped with the loop": (DROPPED_WITH_THE_LOOP, f"{{DEPTH}} {PENDING}\n"),
    "dropped mixed": (DROPPED_MIXED, f"{{HALF}} {PENDING}\n"),
    "finished tasks": (FINISHED_TASKS, "dropped []\n"),
    "results": (RESULTS, "dropped []\n"),
    "exceptions": (EXCEPTIONS, "{DEPTH} {'Future exception was never retrieved'}\n"),
    "callbacks": (CALLBACKS, "dropped []\n"),
    "attributes": (ATTRIBUTES, "dropped []\n"),
    "iterators": (ITERATORS, "dropped []\n"),
    "subclasses": (SUBCLASSES, "dropped []\n"),
    "left at exit": (LEFT_AT_EXIT, "exiting\n"),
}


def run_chain(program, impl, output, depth=None):
    depth = depth or {"rust": 100_000, "builtin": 10_000}[impl.name]
    expected = output.replace("{DEPTH}", str(depth)).replace("{HALF}", str(depth // 2))
    assert run_child(f"DEPTH = {depth}\n{PREPARE}{program}", impl) == (0, expected, "")


@pytest.mark.parametrize(("program", "output"), PROGRAMS.values(), ids=PROGRAMS)
def test_chain(impl, program, output):
    run_chain(program, impl, output)


def test_chain_of_tasks_that_never_started(impl):
    if impl.name == "builtin" and (3, 12) <= sys.version_info < (3, 14):
        pytest.skip("crashes the built-in class of this version")
    run_chain(NEVER_STARTED, impl, f"{{DEPTH}} {PENDING}\n")


# The built-in class walks these by recursion, and gives up.

CANCELLED = """
bottom, head = suspended_chain()
assert head.cancel("from the head") is True
assert bottom.cancelled()
try:
    loop.run_until_complete(head)
except asyncio.CancelledError as error:
    print("cancelled:", error)
assert asyncio.all_tasks(loop) == set()
loop.close()
del bottom, head
gc.collect()
print(reports)
"""

CANCELLED_MANY_TIMES = """
bottom, head = suspended_chain()
for _ in range(3):
    assert head.cancel()
print(bottom.cancelled(), head.cancelling())
"""

GATHERED = """
async def gathering(below):
    return await asyncio.gather(below, asyncio.sleep(0))

async def chain():
    bottom = head = loop.create_future()
    for _ in range(DEPTH):
        head = loop.create_task(gathering(head))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return bottom, head

bottom, head = loop.run_until_complete(chain())
assert head.cancel("from the head") is True
assert bottom.cancelled()
try:
    loop.run_until_complete(head)
except asyncio.CancelledError as error:
    print("cancelled:", error)
bottom, head = loop.run_until_complete(chain())
for task in asyncio.all_tasks(loop):
    task._log_destroy_pending = False
loop.close()
del bottom, head, task
gc.collect()
print("dropped", reports)
"""

GATHERED_IN_A_CIRCLE = """
async def link():
    await asyncio.gather(*others)

async def main():
    others.extend(asyncio.create_task(link()) for _ in range(2))
    await asyncio.sleep(0)
    try:
        others[0].cancel()
    except RecursionError as error:
        print("circle" in str(error))

others = []
task = loop.create_task(main())
loop.run_until_complete(task)
for task in others:
    task._log_destroy_pending = False
"""

CLEANED_UP_BY_RUN = """
async def main():
    tasks = [asyncio.create_task(link(asyncio.get_running_loop().create_future()))]
    for _ in range(DEPTH):
        tasks.append(asyncio.create_task(link(tasks[-1])))
    await asyncio.sleep(0)
    return tasks

tasks = asyncio.run(main())
print(len(tasks) - 1, all(task.cancelled() for task in tasks))
"""

DEEP = {
    "cancelled": (CANCELLED, "cancelled: from the head\n[]\n", 100_000),
    "cancelled many times": (CANCELLED_MANY_TIMES, "True 3\n", 100_000),
    "gathered": (GATHERED, "cancelled: from the head\ndropped []\n", 5_000),
    "gathered in a circle": (GATHERED_IN_A_CIRCLE, "True\n", 2),
    # Each task is cancelled with all that it waits for: quadratic by what cancelling means.
    "cleaned up by run()": (CLEANED_UP_BY_RUN, "{DEPTH} True\n", 3_000),
}


@pytest.mark.parametrize(("program", "output", "depth"), DEEP.values(), ids=DEEP)
def test_chain_cancelled_from_its_head(program, output, depth):
    run_chain(program, implementation("rust"), output, depth)
