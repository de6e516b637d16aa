"""The memory check bites: each deliberate leak is found."""

from memory.faults import FAULTS
from memory.test_memory import run


def test_every_deliberate_leak_is_found():
    status, output = run("--faults")
    assert status == 0, output
    assert [line.partition(":")[0] for line in output.splitlines()] == [*FAULTS]
    assert "not found" not in output
