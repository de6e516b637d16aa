"""Every example, in a process of its own, on both implementations and on both loops.

Each run must show the facts of its example; both implementations must behave alike to the line.
"""

import functools

from . import launch
from .conditions import each_example, each_example_that_ends_well, each_implementation, each_loop
from .facts import FACTS, without_places


@functools.cache
def outcome(program, implementation, loop):
    """Returns the Outcome of `program`, which is run once only."""
    return launch.run(program, implementation, loop)


def test_all_tutorial_programs_are_here():
    assert len(launch.EXAMPLES) == 22
    assert [path.stem for path in launch.EXAMPLES] == list(FACTS)


@each_loop
@each_implementation
@each_example
def test_facts(example, implementation, loop):
    fact = FACTS[example.stem]
    seen = outcome(example, implementation, loop)
    assert without_places(seen.stdout) == fact.stdout
    assert seen.final_line == (fact.ends_with or "")
    assert seen.status == (1 if fact.ends_with else 0)
    assert tuple(name for _, name in seen.frames(example)) == fact.traceback


@each_loop
@each_implementation
@each_example_that_ends_well
def test_nothing_is_reported_on_stderr(example, implementation, loop):
    assert outcome(example, implementation, loop).stderr == ""


@each_loop
@each_example
def test_both_implementations_behave_alike(example, loop):
    builtin, rust = (outcome(example, name, loop) for name in launch.IMPLEMENTATIONS)
    assert rust.stdout == builtin.stdout
    assert rust.status == builtin.status
    assert rust.final_line == builtin.final_line
    assert rust.frames(example) == builtin.frames(example)


@each_loop
@each_example
def test_the_rust_classes_ran_it(example, loop):
    assert outcome(example, "builtin", loop).rust_tasks is None
    assert outcome(example, "rust", loop).rust_tasks >= FACTS[example.stem].tasks


@each_example
def test_example_knows_nothing_of_aioxide(example):
    assert "aioxide" not in example.read_text(encoding="utf-8")


@each_example
def test_readme_lists_it(example):
    readme = (launch.EXAMPLES_FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"[{example.stem}]({example.name})" in readme


PROBE = """
import _asyncio
import asyncio

async def main():
    builtin = type(asyncio.current_task()) is _asyncio.Task
    print("builtin" if builtin else "rust", type(asyncio.get_running_loop()).__module__)

asyncio.run(main())
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
"""


@each_loop
@each_implementation
def test_a_run_is_on_what_it_says(implementation, loop, tmp_path):
    program = tmp_path / "probe.py"
    program.write_text(PROBE, encoding="utf-8")
    seen = outcome(program, implementation, loop)
    module = {"asyncio": "asyncio.unix_events", "uvloop": "uvloop"}[loop]
    assert (seen.status, seen.stderr) == (0, "")
    assert seen.stdout == f"{implementation} {module}\n" * 2
