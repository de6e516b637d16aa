"""Random programs do on the Rust classes what they do on the built-in ones, in every setting."""

import hypothesis
import pytest

from fuzz.compare import explain
from fuzz.programs import strategy
from fuzz.settings import SETTINGS

# More than a thousand in all.
PROGRAMS = {"installed": 500, "factory": 200, "subclass": 200, "uvloop": 200, "uvloop factory": 100}


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_sides_agree(name):
    if name not in SETTINGS:
        pytest.skip("uvloop is not installed")

    # The same programs each time. What differs is made smaller by the fuzzer itself: it knows how.
    @hypothesis.settings(
        max_examples=PROGRAMS[name],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy())
    def check(program):
        lines = explain(program, name, tries=500)
        assert not lines, "\n".join(lines)

    check()
