"""The interpreter's own asyncio tests on the Rust classes, but for those that take long.

All of them, and a table: `python tests/conformance/run.py`.
"""

import asyncio

import pytest

from conformance import modules
from conformance.command import MISSING
from conformance.comparison import compare
from conformance.report import complaints

PRESENT = modules.present(fast=True)


@pytest.mark.skipif(not PRESENT, reason=MISSING)
@pytest.mark.parametrize("module", PRESENT or ["missing"])
def test_no_test_goes_better_on_the_builtin_classes(module):
    comparison = asyncio.run(compare(module, timeout=100))
    assert "\n".join(complaints(comparison)) == ""
