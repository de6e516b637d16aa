"""The runner itself: it has to see what goes wrong."""

import asyncio
import re
import sys
from types import ModuleType

import pytest

from conformance import modules
from conformance.children import BUILT_IN, RUST, Result, Run, run
from conformance.command import MISSING, main
from conformance.comparison import Comparison, compare
from conformance.excluded import EXCLUDED, excluded
from conformance.report import report

needs_tests = pytest.mark.skipif(not modules.present(), reason=MISSING)


def comparison(built_in=None, rust=None, exclusions=None, bound=((), ())):
    """A Comparison of outcomes by test; an outcome is a word or a Result."""

    def run_of(classes, outcomes, bound):
        results = {name: Result(o) if isinstance(o, str) else o for name, o in outcomes.items()}
        return Run("test_x", classes, tests=results, bound=set(bound), complete=True)

    runs = run_of(BUILT_IN, built_in or {}, bound[0]), run_of(RUST, rust or {}, bound[1])
    return Comparison(*runs, exclusions or {})


@pytest.mark.parametrize("theirs", ["passed", "failed", "skipped", None])
@pytest.mark.parametrize("ours", ["passed", "failed", "skipped", None])
def test_worse_is_what_fails_on_rust_alone_and_what_passes_on_builtin_alone(theirs, ours):
    both = comparison({"t": theirs} if theirs else {}, {"t": ours} if ours else {})
    is_worse = (ours == "failed" != theirs) or (theirs == "passed" != ours)
    assert list(both.worse()) == (["t"] if is_worse else [])
    assert both.ok() is not is_worse


def test_a_failure_on_both_is_reported_and_not_held_against_rust():
    both = comparison({"t": "failed"}, {"t": "failed"})
    assert both.failed_on_both() == ["t"]
    assert both.ok()
    assert "fails on the built-in classes as well: t" in report([both])


def test_an_excluded_test_counts_as_excluded_and_not_as_failed():
    both = comparison({"t": "passed"}, {"t": "failed"}, {"t": "it reads the name of the class"})
    assert both.ok()
    assert both.excluded() == {"t": "it reads the name of the class"}
    assert re.search(r"^test_x +1 +0 +0 +0 +1 +1 +1 +0 +0 ", report([both]), re.MULTILINE)


def test_an_excluded_test_that_passes_is_wrong():
    both = comparison({"t": "passed"}, {"t": "passed"}, {"t": "no reason"})
    assert both.stale_exclusions() == ["t"]
    assert not both.ok()


def test_an_exclusion_of_another_module_is_not_stale():
    assert comparison({"t": "passed"}, {"t": "passed"}, {"other": "a reason"}).ok()


def test_builtin_tasks_in_the_run_on_rust_are_wrong():
    made = Result("passed", rust_tasks=2, built_in_tasks=1)
    assert comparison({"t": "passed"}, {"t": made}).unproven() == ["t made 1 built-in tasks"]


def test_a_test_that_makes_tasks_has_to_make_rust_ones():
    theirs = Result("passed", built_in_tasks=3)
    assert comparison({"t": theirs}, {"t": "passed"}).unproven() == ["t made no Rust task"]
    assert comparison({"t": theirs}, {"t": Result("passed", rust_tasks=1)}).ok()


def test_a_case_that_is_left_on_a_builtin_class_is_wrong():
    both = comparison(bound=({"Case.Task", "Case.Future"}, {"Case.Future"}))
    assert both.unproven() == ["Case.Task is bound to a built-in class"]


def test_tests_that_broke_off_on_both_prove_nothing():
    both = comparison({"t": "failed"}, {"t": "failed"})
    both.built_in.complete = both.rust.complete = False
    assert both.worse() == {}
    assert both.unproven() == [f"the tests on {c} classes broke off" for c in (RUST, BUILT_IN)]
    assert not both.ok()


def test_the_table_is_aligned_and_adds_up():
    rust = {"a": Result("passed", rust_tasks=1000), "b": "skipped"}
    table = report([comparison({"a": "passed", "b": "skipped"}, rust)] * 2).splitlines()[1:6]
    assert len({len(line) for line in table}) == 1
    assert table[-1].split() == ["total", *map(str, (4, 2, 0, 2, 0, 4, 2, 0, 2, 2000, 0))]


def test_at_most_ten_exclusions_a_version_each_with_a_reason():
    assert all(len(tests) <= 10 and all(tests.values()) for tests in EXCLUDED.values())
    assert excluded() == EXCLUDED[sys.version_info[:2]]


@needs_tests
def test_a_task_that_loses_the_message_is_found(capsys):
    arguments = [
        "--module",
        "test_tasks",
        "-k",
        "test_cancel_with_message",
        "--classes",
        "faults.lossy",
    ]
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    worse = re.findall(r"WORSE ON THE RUST CLASSES: test_tasks\.(\w+)\.", printed)
    assert {"CTask_CFuture_Tests", "CTask_CFuture_SubclassTests"} <= set(worse)
    assert "PyTask_PyFuture_Tests" not in worse
    assert "NOT CONFORMING: test_tasks" in printed


@needs_tests
def test_the_same_tests_pass_on_the_rust_classes(capsys):
    assert main(["--module", "test_tasks", "-k", "test_cancel_with_message"]) == 0
    assert "NOT" not in capsys.readouterr().out


@needs_tests
def test_builtin_classes_passed_off_as_rust_are_found():
    both = asyncio.run(compare("test_threads", classes="_asyncio"))
    assert both.worse() == {}
    assert any(re.search(r"made \d+ built-in tasks", doubt) for doubt in both.unproven())


@needs_tests
def test_a_process_that_dies_fails_the_test_it_was_in():
    result = asyncio.run(run("test_futures", "faults.fatal", pattern="*.CFutureTests.test_c*"))
    assert not result.complete
    assert result.count("failed") == 1
    name, failed = list(result.tests.items())[-1]
    assert name.endswith(".CFutureTests.test_cancel")
    assert "Fatal Python error: Aborted" in failed.details


@needs_tests
def test_what_is_only_printed_fails_the_test_that_it_happens_in():
    result = asyncio.run(run("test_futures", "faults.noisy", pattern="*.CFutureTests.test_cancel"))
    (failed,) = result.tests.values()
    assert failed.outcome == "failed"
    assert "RuntimeError: at the end of a future" in failed.details


@needs_tests
def test_a_process_that_takes_too_long_fails_with_its_traceback():
    result = asyncio.run(run("test_threads", BUILT_IN, timeout=0.01))
    (failed,) = [test for test in result.tests.values() if test.outcome == "failed"]
    assert "Timeout (0:00:00.01" in failed.details


def _without_test(monkeypatch):
    monkeypatch.setitem(sys.modules, "test", None)


def _with_test_but_not_of_asyncio(monkeypatch):
    monkeypatch.setitem(sys.modules, "test", ModuleType("test"))
    monkeypatch.setattr(sys.modules["test"], "__path__", [], raising=False)
    monkeypatch.delitem(sys.modules, modules.PACKAGE, raising=False)


@pytest.mark.parametrize("lacking", [_without_test, _with_test_but_not_of_asyncio])
def test_an_interpreter_without_its_tests_is_skipped_with_a_message(lacking, monkeypatch, capsys):
    lacking(monkeypatch)
    assert main([]) == 0
    assert capsys.readouterr().out == f"{MISSING}\n"
    assert MISSING.startswith("skipped: ")
