"""The fuzzer bites: it finds each of a list of deliberate faults, and none where there is none."""

import pytest

from fuzz.compare import agree
from fuzz.faults import FAULTS, RIGHT
from fuzz.programs import random_program
from fuzz.settings import setting

SEED = 1
# Within so many programs a fault has to be found; as many find nothing in the right classes.
ENOUGH = 400


def programs():
    return (random_program(SEED, number) for number in range(ENOUGH))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault):
    assert any(not agree(program, setting(fault)) for program in programs())


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_found_without_a_fault(name):
    assert all(agree(program, setting(name)) for program in programs())
