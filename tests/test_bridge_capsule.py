"""The capsule: another extension uses the classes of the installed aioxide, if it fits."""

import os
import re
import subprocess
import sys

import aioxide
import pytest
from aioxide import _core
from support.extension import ExtensionMissing, probe_path


def test_futures_of_another_extension_are_of_the_installed_class(stock_loop, probe):
    async def main():
        ready, pending = probe.answer(1), probe.answer(1, 1)
        await pending
        return type(ready), type(pending)

    assert stock_loop.run_until_complete(main()) == (aioxide.Future, aioxide.Future)


def test_another_extension_has_no_classes_of_its_own(probe):
    assert not [name for name, value in vars(probe).items() if isinstance(value, type)]
    with open(probe.__file__, "rb") as file:
        library = file.read()
    assert b"a coroutine was expected" not in library
    with open(_core.__file__, "rb") as file:
        assert b"a coroutine was expected" in file.read()


TAMPER = """
import ctypes
from aioxide import _core

pointer = ctypes.pythonapi.PyCapsule_GetPointer
pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

name = b"aioxide._core._bridge_api"
address = pointer(_core._bridge_api, name)
size = ctypes.cast(address, ctypes.POINTER(ctypes.c_uint32))[1]
copy = ctypes.create_string_buffer(ctypes.string_at(address, size), size)
fields = ctypes.cast(copy, ctypes.POINTER(ctypes.c_uint32))
"""

USE = """
import bridge_probe
try:
    bridge_probe.import_bridge()
except ImportError as error:
    print(error)
else:
    print("fits")
"""


def outcome(program):
    try:
        folder = os.path.dirname(probe_path())
    except ExtensionMissing as missing:
        pytest.skip(str(missing))
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_same_version_fits():
    assert outcome(USE) == "fits"


def test_a_copy_that_was_not_changed_fits():
    replace = "_core._bridge_api = new(ctypes.addressof(copy), name, None)\n"
    assert outcome(TAMPER + replace + USE) == "fits"


@pytest.mark.parametrize("change", ["fields[0] = 99", "fields[1] += 8"], ids=["version", "size"])
def test_another_version_is_a_clear_import_error(change):
    replace = f"{change}\n_core._bridge_api = new(ctypes.addressof(copy), name, None)\n"
    message = outcome(TAMPER + replace + USE)
    found = re.search(
        r"version (\d+) of aioxide's bridge .* installed aioxide (\S+) has version (\d+)", message
    )
    assert found and found[2] == aioxide.__version__
    assert (found[1] != found[3]) == change.startswith("fields[0]")


def test_without_a_capsule_it_is_an_import_error():
    program = "from aioxide import _core; del _core._bridge_api\n" + USE
    assert "_bridge_api" in outcome(program)
