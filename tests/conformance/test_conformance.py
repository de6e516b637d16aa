"""The interpreter's tests of tasks and futures, and of what is made of them, on the Rust classes.

The whole of its asyncio tests is for `run.py`.
"""

import asyncio

import pytest

from conformance import modules
from conformance.command import MISSING
from conformance.comparison import compare
from conformance.report import complaints

PRESENT = [module for module in modules.present() if module in modules.ABOUT_TASKS]


@pytest.mark.skipif(not PRESENT, reason=MISSING)
@pytest.mark.parametrize("module", PRESENT or ["none"])
def test_no_test_goes_better_on_the_builtin_classes(module):
    comparison = asyncio.run(compare(module, timeout=100))
    assert "\n".join(complaints(comparison)) == ""
    assert comparison.rust.total("rust_tasks") > 0
