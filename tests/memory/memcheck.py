"""Runs the outcomes under valgrind's memcheck: `python memcheck.py --help`."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

_HERE = Path(__file__).parent
_VALGRIND = (
    *("valgrind", "--tool=memcheck", "--leak-check=full", "--show-leak-kinds=definite"),
    *("--num-callers=40", f"--suppressions={_HERE / 'interpreter.supp'}", "--xml=yes"),
)
# An error with a frame of this library is ours …
_LIBRARY = "_core."
# … unless it is one that PyO3 makes on purpose. The function, and why:
_FORGIVEN = {
    # An array for each class, made at import: CPython has copied it, PyO3 lets it go unfreed.
    "push_raw_vec_slot<pyo3_ffi::descrobject::PyMemberDef>",
}
# A future that is used after its last reference is gone: memcheck has to find this.
_USE_AFTER_FREE = """
import asyncio, ctypes, os, aioxide
future = aioxide.Future(loop=asyncio.new_event_loop())
ctypes.pythonapi.Py_DecRef(ctypes.py_object(future))
future.done()
os._exit(0)
"""


class Report:
    """What memcheck says of one process: errors with a frame of ours, and all others."""

    def __init__(self, text):
        root = ElementTree.fromstring(text)
        errors = [_Error(element) for element in root.iter("error")]
        self.ours = [error for error in errors if error.is_ours()]
        self.others = [error for error in errors if not error.is_ours()]
        counts = root.iterfind("suppcounts/pair/count")
        self.suppressed = sum(int(count.text) for count in counts)


class _Error:
    """One error: what it is, and in which functions of which libraries."""

    def __init__(self, element):
        self.what = element.findtext("what") or element.findtext("xwhat/text")
        # An error may have several stacks: where memory is used, freed, and made.
        self.frames = [
            (Path(frame.findtext("obj", "?")).name, frame.findtext("fn", "?"))
            for frame in element.iter("frame")
        ]

    def is_ours(self):
        functions = {function for library, function in self.frames if library.startswith(_LIBRARY)}
        return bool(functions) and not functions & _FORGIVEN

    def __str__(self):
        return "\n".join([self.what, *(f"    {library}: {name}" for library, name in self.frames)])

    def where(self):
        """The functions that the error is in, the innermost first; libraries, if they are bare."""
        named = (library if function == "?" else function for library, function in self.frames)
        return " < ".join(list(named)[1:5])


def main(arguments=None):
    """Returns 0 if memcheck finds no error of ours but the one that is made on purpose."""
    parser = argparse.ArgumentParser(
        prog="memcheck.py",
        description="Plays every outcome under valgrind's memcheck. Fails on errors with a frame"
        " of aioxide's library; others are counted.",
    )
    parser.add_argument("--things", default="110", metavar="N", help="of each (default: 110)")
    parser.add_argument("--only", default="", metavar="TEXT", help="as for run.py")
    options = parser.parse_args(arguments)
    if not shutil.which("valgrind"):
        print("valgrind is not installed")
        return 1
    _, report = _memcheck("-c", _USE_AFTER_FREE)
    if not report.ours:
        print("memcheck does not find a use after free that is made on purpose")
        return 1
    print(
        f"a use after free, made on purpose: found, {len(report.ours)} errors of ours", flush=True
    )
    # How much of the process is in memory says nothing here: valgrind frees late.
    outcomes = ("--things", options.things, "--only", options.only, "--ignore", "resident")
    status, report = _memcheck(_HERE / "run.py", *outcomes)
    for error in report.ours:
        print(error)
    for where, count in Counter(error.where() for error in report.others).most_common(10):
        print(f"not ours, {count} times: {where}")
    print(
        f"memcheck: {len(report.ours) or 'no'} errors of ours, {len(report.others)} of others,"
        f" {report.suppressed} suppressed; exit status {status}"
    )
    return 1 if report.ours or status else 0


def _memcheck(*arguments):
    """Runs this Python on `arguments` under memcheck; returns its exit status and a `Report`."""
    # Python's own allocator would hide from valgrind what is allocated and freed.
    environment = {**os.environ, "PYTHONMALLOC": "malloc"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.xml")
        command = (*_VALGRIND, f"--xml-file={path}", sys.executable, *arguments)
        status = subprocess.run(command, env=environment, check=False).returncode
        return status, Report(path.read_text())


if __name__ == "__main__":
    sys.exit(main())
