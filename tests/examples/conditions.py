"""The circumstances that the tests of the examples are parametrised over."""

import importlib

import pytest

from . import launch
from .facts import FACTS


def importable(module):
    """Tells whether `module` is there and works in this interpreter."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _each(paths):
    return pytest.mark.parametrize("example", [pytest.param(path, id=path.stem) for path in paths])


needs_uvloop = pytest.mark.skipif(
    not importable("uvloop"), reason="uvloop cannot be imported in this interpreter"
)

each_implementation = pytest.mark.parametrize("implementation", launch.IMPLEMENTATIONS)
each_loop = pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=needs_uvloop)])
each_example = _each(launch.EXAMPLES)
each_example_that_ends_well = _each(
    path for path in launch.EXAMPLES if path.stem in FACTS and not FACTS[path.stem].ends_with
)
