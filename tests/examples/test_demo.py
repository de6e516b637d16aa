"""The demo shows all examples, and fails if one of them differs or did not run on Rust tasks."""

import importlib.util
import subprocess
import sys

import pytest

from . import launch

DEMO = launch.EXAMPLES_FOLDER / "demo.py"


@pytest.fixture
def demo(monkeypatch):
    """The demo as a module; it finds the very `launch` of these tests."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "launch", launch)
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shown(demo, monkeypatch, capsys):
    """Returns a function that runs the demo on a few examples: its exit status and its lines."""

    def show(*examples):
        monkeypatch.setattr(launch, "EXAMPLES", list(examples))
        monkeypatch.setattr(sys, "argv", ["demo.py", "--speed", "inf"])
        return demo.main(), capsys.readouterr().out.splitlines()

    return show


def test_demo_shows_every_example_on_rust_tasks():
    done = subprocess.run(
        [sys.executable, "-W", "error", DEMO, "--speed", "inf"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    names = [path.stem for path in launch.EXAMPLES]
    progress = [line for line in lines if line.startswith("[")]
    assert [line.partition("] ")[2].split()[0] for line in progress] == names
    rows = {line.split()[0]: line for line in lines if line.partition(" ")[0] in names}
    assert list(rows) == names
    assert all("same on both" in line for line in [*progress, *rows.values()])
    assert rows["01_result_of_a_task"].split()[1] == "99"
    assert "InvalidStateError, exit 1" in rows["04_result_too_early"]
    assert lines[-1].startswith("total: 22 examples")
    assert "22 the same" in lines[-1]


OWN_CLASSES_ONLY = """
import runpy, sys
runpy.run_path(sys.argv[-1], run_name="__main__")
"""


def test_demo_fails_where_the_rust_classes_did_not_run(shown, monkeypatch, tmp_path):
    package = tmp_path / "aioxide"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(OWN_CLASSES_ONLY, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    status, lines = shown(launch.EXAMPLES[0])
    assert status == 1
    assert "DIFFERS" in lines[2]
    assert lines[-1] == "01_result_of_a_task: the Rust classes did not run it"
    assert "0 the same" in lines[-2]


WHICH_TASK = """
import _asyncio, asyncio

async def main():
    if type(asyncio.current_task()) is not _asyncio.Task:
        raise ValueError("not a built-in task")
    print("a built-in task")

asyncio.run(main())
"""


def test_demo_fails_where_an_example_differs(shown, tmp_path):
    program = tmp_path / "23_which_task.py"
    program.write_text(WHICH_TASK, encoding="utf-8")
    status, lines = shown(launch.EXAMPLES[5], program)
    assert status == 1
    assert "same on both" in lines[2]
    assert "DIFFERS" in lines[3]
    assert [line.partition(" differs: ")[0] for line in lines[-3:]] == [
        "23_which_task: the end",
        "23_which_task: the output",
        "23_which_task: the last line on stderr",
    ]


def test_demo_fails_without_examples(shown):
    status, _ = shown()
    assert status == 1


def outcome(status=0, stdout="99\n", stderr="", rust_tasks=None):
    return launch.Outcome(status, stdout, stderr, rust_tasks, seconds=0.0)


@pytest.mark.parametrize(
    ("rust", "problem"),
    [
        (outcome(rust_tasks=2), None),
        (outcome(rust_tasks=0), "the Rust classes did not run it"),
        (outcome(), "the Rust classes did not run it"),
        (outcome(status=1, rust_tasks=2), "the end differs"),
        (outcome(status=-11, rust_tasks=2), "'signal 11' on Rust tasks"),
        (outcome(status=None, rust_tasks=2), "it was stopped"),
        (outcome(stdout="98\n", rust_tasks=2), "the output differs"),
        (outcome(stderr="Error: no\n", rust_tasks=2), "the last line on stderr differs"),
    ],
)
def test_every_difference_is_a_problem(demo, rust, problem):
    found = demo.problems(outcome(), rust)
    if problem is None:
        assert found == []
    else:
        assert any(problem in sentence for sentence in found)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (outcome(stdout="one\ntwo\n"), "two"),
        (outcome(stdout=""), ""),
        (outcome(stdout="x" * 45), "x" * 41 + "..."),
        (
            outcome(1, stderr="Traceback\nasyncio.exceptions.CancelledError\n"),
            "CancelledError, exit 1",
        ),
        (outcome(1, stderr="a.b.Error: it: was\n"), "Error, exit 1"),
        (outcome(2), "exit 2"),
        (outcome(-11), "signal 11"),
        (outcome(None), "stopped"),
    ],
)
def test_outcome_in_the_table(demo, seen, expected):
    assert demo.summary(seen) == expected


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "fast"])
def test_speed_must_be_a_number_above_zero(demo, monkeypatch, capsys, speed):
    monkeypatch.setenv("SPEED", speed)
    monkeypatch.setattr(sys, "argv", ["demo.py"])
    with pytest.raises(SystemExit) as exit_:
        demo.parse_speed()
    assert exit_.value.code == 2
    assert f"--speed: invalid positive value: '{speed}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "arguments", "speed"),
    [(None, [], 5), ("", [], 5), ("2.5", [], 2.5), ("2.5", ["--speed", "10"], 10)],
)
def test_speed_is_taken_from_option_then_environment(demo, monkeypatch, variable, arguments, speed):
    monkeypatch.delenv("SPEED", raising=False)
    if variable is not None:
        monkeypatch.setenv("SPEED", variable)
    monkeypatch.setattr(sys, "argv", ["demo.py", *arguments])
    assert demo.parse_speed() == speed
