"""A module's run on the Rust classes, against its run on the built-in ones."""

import asyncio
from collections.abc import Callable, Mapping

from conformance.children import BUILT_IN, RUST, Result, Run, run
from conformance.excluded import excluded
from conformance.modules import PACKAGE

_ABSENT = Result("absent", "this test was not there")


async def compare(
    module: str,
    *,
    classes: str = RUST,
    pattern: str = "*",
    timeout: float = 300,
    slots: asyncio.Semaphore | None = None,
    say: Callable[[Run], None] = lambda run: None,
) -> "Comparison":
    """Runs a module on both kinds of classes, each in a process that takes one of the `slots`.

    `pattern` is for the names of tests, `timeout` in seconds and for each process; `say` is called
    with each run when it is at its end.
    """
    slots = slots or asyncio.Semaphore(2)

    async def run_on(kind: str) -> Run:
        async with slots:
            result = await run(module, kind, pattern=pattern, timeout=timeout)
        say(result)
        return result

    return Comparison(*await asyncio.gather(run_on(BUILT_IN), run_on(classes)), excluded())


class Comparison:
    """What two runs of a module tell; the tests go by `module.Case.test`."""

    def __init__(self, built_in: Run, rust: Run, exclusions: Mapping[str, str]) -> None:
        self.built_in = built_in
        self.rust = rust
        self.module = rust.module
        self._exclusions = exclusions
        self._pairs = {
            test.removeprefix(f"{PACKAGE}."): (
                built_in.tests.get(test, _ABSENT),
                rust.tests.get(test, _ABSENT),
            )
            for test in sorted({**built_in.tests, **rust.tests})
        }

    def ok(self) -> bool:
        return not (self.worse() or self.unproven() or self.stale_exclusions())

    def worse(self) -> dict[str, Result]:
        """Returns how the tests went on the Rust classes that went better on the built-in ones."""
        return {name: test for name, test in self._worse().items() if name not in self._exclusions}

    def excluded(self) -> dict[str, str]:
        """Returns the tests that are worse and excluded, with the reasons."""
        worse = self._worse()
        return {name: why for name, why in self._exclusions.items() if name in worse}

    def stale_exclusions(self) -> list[str]:
        """Returns the tests of this module that are excluded although they are not worse."""
        return sorted(self._exclusions.keys() & self._pairs.keys() - self._worse().keys())

    def failed_on_both(self) -> list[str]:
        return self._where("failed", "failed")

    def failed_on_built_in_only(self) -> list[str]:
        return self._where("failed", "passed")

    def unproven(self) -> list[str]:
        """Returns what casts doubt on whether these tests ran, and on our classes, in sentences."""
        both = (self.built_in, self.rust)
        left = self.built_in.bound - self.rust.bound
        doubts = [
            f"the tests on {run.classes} classes broke off" for run in both if not run.complete
        ]
        doubts += [f"{name} is bound to a built-in class" for name in left]
        for name, (theirs, ours) in self._pairs.items():
            if ours.built_in_tasks:
                doubts.append(f"{name} made {ours.built_in_tasks} built-in tasks")
            if theirs.built_in_tasks and ours.outcome == "passed" and not ours.rust_tasks:
                doubts.append(f"{name} made no Rust task")
        return sorted(doubts)

    def _worse(self) -> dict[str, Result]:
        return {
            name: ours
            for name, (theirs, ours) in self._pairs.items()
            if (ours.outcome == "failed" and theirs.outcome != "failed")
            or (ours.outcome != "passed" and theirs.outcome == "passed")
        }

    def _where(self, theirs: str, ours: str) -> list[str]:
        wanted = (theirs, ours)
        return [name for name, (a, b) in self._pairs.items() if (a.outcome, b.outcome) == wanted]
