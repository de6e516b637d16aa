"""`python -m aioxide PROGRAM` against `python PROGRAM`: the same output, errors and exit status."""

import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from typing import NamedTuple

import pytest
from support import LoopMissing, new_loop


class Outcome(NamedTuple):
    status: int  # below zero: the number of the signal that ended it
    stdout: str
    stderr: str


def run(cwd, *arguments, stdin=""):
    """Runs python with `arguments` in the folder `cwd`; returns its Outcome, to the letter."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def same(cwd, *program, flags=(), stdin=""):
    """Asserts that `program` runs under aioxide as it does under python alone; returns how."""
    expected = run(cwd, *flags, *program, stdin=stdin)
    assert run(cwd, *flags, "-m", "aioxide", *program, stdin=stdin) == expected
    return expected


def write(path, source):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source))
    return path


# The ways to name a program


def as_script(folder, source, *arguments):
    write(folder / "program.py", source)
    return same(folder, "program.py", *arguments)


def as_module(folder, source, *arguments):
    write(folder / "program.py", source)
    return same(folder, "-m", "program", *arguments)


def as_code(folder, source, *arguments):
    return same(folder, "-c", textwrap.dedent(source), *arguments)


def from_stdin(folder, source, *arguments):
    return same(folder, "-", *arguments, stdin=textwrap.dedent(source))


WAYS = pytest.mark.parametrize("way", [as_script, as_module, as_code, from_stdin])

ENDINGS = {
    "well": ("print('done')", 0),
    "error in a function": (
        """
        def inner(x):
            raise ValueError(x)

        def outer():
            inner(
                1,
            )

        outer()
        """,
        1,
    ),
    "error in a task": (
        """
        import asyncio

        async def inner():
            await asyncio.sleep(0)
            raise ValueError("in a task")

        async def main():
            await asyncio.create_task(inner())

        asyncio.run(main())
        """,
        1,
    ),
    "chained errors": (
        """
        def fail():
            try:
                1 / 0
            except ZeroDivisionError as error:
                try:
                    raise KeyError("a")
                except KeyError:
                    raise ValueError("b") from error

        try:
            fail()
        except ValueError as error:
            error.add_note("a note")
            raise ExceptionGroup("some", [error, TypeError("c")])
        """,
        1,
    ),
    "syntax error": ("x = 1\ny = (2\n", 1),
    "error without a line": ("import sys\nsys.stdout.write(1)\n", 1),
    "exit": ("import sys; sys.exit()", 0),
    "exit with a status": ("import sys; sys.exit(3)", 3),
    "exit with a message": ("import sys; sys.exit('that is all')", 1),
    "exit with an object": ("raise SystemExit((1, 'two'))", 1),
    "exit in a task": (
        """
        import asyncio, sys

        async def main():
            sys.exit(4)

        asyncio.run(main())
        """,
        4,
    ),
    "exit at once": ("import os; os._exit(5)", 5),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "Ctrl-C in a task": (
        """
        import asyncio, signal

        async def main():
            try:
                signal.raise_signal(signal.SIGINT)
                await asyncio.Event().wait()
            finally:
                print("cleaned up")

        asyncio.run(main())
        """,
        -signal.SIGINT,
    ),
    "excepthook": (
        """
        import sys, traceback

        def hook(kind, value, tb):
            print("hook:", kind, value, sys.excepthook is hook)
            traceback.print_tb(tb)
            print(value.__traceback__ is tb, sys.last_traceback is tb)
            print(getattr(sys, "last_exc", value) is value, sys.last_type, sys.last_value is value)

        sys.excepthook = hook
        raise ValueError("for the hook")
        """,
        1,
    ),
    "excepthook that fails": (
        """
        import sys

        def hook(kind, value, tb):
            raise TypeError("the hook")

        sys.excepthook = hook
        raise ValueError("for the hook")
        """,
        1,
    ),
    "excepthook that exits": (
        "import sys\nsys.excepthook = lambda *_: sys.exit(6)\nraise ValueError",
        6,
    ),
}


@WAYS
@pytest.mark.parametrize("ending", ENDINGS)
def test_ends_as_python_does(tmp_path, way, ending):
    source, status = ENDINGS[ending]
    assert way(tmp_path, source).status == status


# What a program finds


@WAYS
def test_program_finds_itself_as_main(tmp_path, way):
    outcome = way(
        tmp_path,
        """
        import sys
        main = sys.modules["__main__"]
        print(vars(main) is globals(), list(globals()))
        print(__name__, __doc__, __package__, __spec__ and __spec__.name, __builtins__)
        print(getattr(main, "__file__", None), getattr(main, "__cached__", None))
        print(getattr(main, "__annotations__", None), str(__loader__).partition(" at ")[0])
        print(sys.argv, sys.path)
        """,
        *("--stats", "-m", "x", "--", "-"),
    )
    assert outcome.stdout.startswith("True ")


@WAYS
def test_order_at_exit(tmp_path, way):
    outcome = way(
        tmp_path,
        """
        import atexit, threading

        def wait_for_the_end():
            threading.main_thread().join()
            print("thread")

        class Last:
            def __del__(self, print=print):
                print("finalized")

        last = Last()
        atexit.register(print, "first registered")
        atexit.register(lambda: print(sorted(name for name in globals() if name[:2] == "__")))
        threading.Thread(target=wait_for_the_end).start()
        print("end")
        """,
    )
    assert [line[:4] for line in outcome.stdout.split("\n")][:2] == ["end", "thre"]
    assert outcome.stdout.endswith("first registered\nfinalized\n")


def test_docstring_and_future_imports_are_the_programs_own(tmp_path):
    as_script(tmp_path, '"""Says."""\nprint(__doc__)\ndef f(x: int): ...\nprint(f.__annotations__)')


def test_warnings_are_shown_as_python_shows_them(tmp_path):
    outcome = as_script(
        tmp_path,
        r"""
        import warnings
        text = "\d"
        print(1 is 1)
        warnings.warn("old", DeprecationWarning)
        """,
    )
    assert "old" in outcome.stderr


def test_coding_of_the_source(tmp_path):
    source = "# coding: latin-1\nprint(ascii('é'))\n1/0 # é"
    (tmp_path / "program.py").write_bytes(source.encode("latin-1"))
    assert same(tmp_path, "program.py").stdout == "'\\xe9'\n"


def test_child_process_of_multiprocessing_finds_the_program(tmp_path):
    outcome = as_script(
        tmp_path,
        """
        import multiprocessing

        def work(queue):
            queue.put(__name__)

        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            queue = context.SimpleQueue()
            process = context.Process(target=work, args=(queue,))
            process.start()
            print(queue.get())
            process.join()
        """,
    )
    assert outcome == (0, "__mp_main__\n", "")


def test_code_may_be_indented_where_python_takes_that(tmp_path):
    same(tmp_path, "-c", "\n    import sys\n    print(sys.argv)\n    1 / 0\n", "a")


# Where a program is

SHOW = """\
import sys
print(__file__, sys.argv, sys.path, __package__, __spec__ and __spec__.name)
import beside
def f():
    1 / 0
f()
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a program in every kind of place."""
    write(tmp_path / "sub" / "beside.py", "print('beside')")
    write(tmp_path / "sub" / "script.py", SHOW)
    write(tmp_path / "app" / "beside.py", "print('beside in app')")
    write(tmp_path / "app" / "__main__.py", SHOW)
    write(tmp_path / "pkg" / "__init__.py", "print('pkg')")
    write(tmp_path / "pkg" / "__main__.py", SHOW)
    write(tmp_path / "pkg" / "mod.py", SHOW)
    write(tmp_path / "beside.py", "print('beside at the top')")
    write(tmp_path / "plain" / "__init__.py", "")
    write(tmp_path / "broken" / "__init__.py", "import nowhere")
    (tmp_path / "link.py").symlink_to(tmp_path / "sub" / "script.py")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.write(tmp_path / "app" / "__main__.py", "__main__.py")
        archive.write(tmp_path / "app" / "beside.py", "beside.py")
    return tmp_path


@pytest.mark.parametrize("flags", [(), ("-P",)], ids=["", "safe path"])
@pytest.mark.parametrize(
    "place",
    ["sub/script.py", "./sub/script.py", "sub/../sub//script.py", "link.py", "app", "./app.zip"],
)
def test_place_of_a_script(folder, place, flags):
    outcome = same(folder, place, "--version", flags=flags)
    assert "--version" in outcome.stdout


def test_place_of_a_script_given_in_full(folder):
    assert "ZeroDivisionError" in same(folder / "pkg", folder / "sub" / "script.py").stderr


@pytest.mark.parametrize("module", ["pkg", "pkg.mod", "pkg.__main__"])
def test_place_of_a_module(folder, module):
    outcome = same(folder, "-m", module, "--stats")
    assert outcome.stdout.startswith("pkg\n")
    assert "ZeroDivisionError" in outcome.stderr


def test_place_of_a_module_under_safe_path(folder):
    assert same(folder, "-m", "pkg", flags=("-P",)).status == 1
    assert "'nowhere'" in same(folder, "-m", "broken").stderr


def test_compiled_script(folder):
    compiled = "import py_compile; py_compile.compile('sub/script.py', 'sub/compiled.pyc')"
    assert run(folder, "-c", compiled).status == 0
    assert "beside" in same(folder, "sub/compiled.pyc").stdout


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="needs a device for standard input")
def test_script_that_cannot_be_read_twice(folder):
    assert same(folder, "/dev/stdin", stdin="print(__file__)").stdout == "/dev/stdin\n"


NOT_THERE = {
    "missing.py": 2,
    "sub/missing.py": 2,
    "-m missing": 1,
    "-m plain": 1,
    "-m plain.missing": 1,
    "-m app.missing.deeper": 1,
    "plain": 1,
}


@pytest.mark.parametrize("program", NOT_THERE)
def test_program_that_is_not_there(folder, program):
    outcome = same(folder, *program.split())
    assert outcome.status == NOT_THERE[program]
    assert outcome.stderr


def test_options_may_be_joined_to_their_value(folder):
    assert same(folder, "-mpkg.mod").status == 1
    assert same(folder, "-cimport sys; print(sys.argv)", "-c").stdout == "['-c', '-c']\n"


# What is aioxide's own

CLASSES = """\
import asyncio
async def main():
    future = asyncio.get_running_loop().create_future()
    print(type(asyncio.current_task()).__module__, type(future).__module__)
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [["script.py"], ["-m", "script"], ["-c", CLASSES], ["-"]])
def test_program_runs_on_the_rust_classes(tmp_path, program):
    write(tmp_path / "script.py", CLASSES)
    expected = (0, "aioxide aioxide\n", "")
    assert run(tmp_path, "-m", "aioxide", *program, stdin=CLASSES) == expected


STATS = "aioxide: 3 tasks and 2 futures ran on the Rust classes\n"
MAKE = """\
import asyncio, atexit, os, sys
async def nothing(): pass
async def gathering():
    asyncio.get_running_loop().create_future()
    await asyncio.gather(nothing(), nothing())
def main():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(gathering())
    loop.close()
main()
"""


@pytest.mark.parametrize(
    ("rest", "status", "output"),
    [
        ("", 0, STATS),
        ("sys.exit()", 0, STATS),
        ("sys.exit('said')", 1, "said\n" + STATS),
        ("raise KeyboardInterrupt", -signal.SIGINT, None),
        ("1 / 0", 1, None),
        ("sys.stderr = None", 0, STATS),
        ("atexit.register(main)", 0, STATS.replace("3", "6").replace("2", "4")),
        ("atexit.register(print, 'last', file=sys.stderr)", 0, "last\n" + STATS),
        ("if os.fork(): os.wait()", 0, STATS),
        ("os._exit(0)", 0, ""),
    ],
)
def test_stats_are_the_last_line(tmp_path, rest, status, output):
    if "fork" in rest and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    outcome = run(tmp_path, "-m", "aioxide", "--stats", "-c", MAKE + rest)
    assert outcome.status == status
    if output is None:  # there is a traceback above it
        assert outcome.stderr.endswith("\n" + STATS)
    else:
        assert outcome.stderr == output


def test_stats_with_standard_error_closed(tmp_path):
    command = [sys.executable, "-m", "aioxide", "--stats", "-c", MAKE]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout == b""


def test_no_stats_unless_asked_for(tmp_path):
    assert run(tmp_path, "-m", "aioxide", "-c", MAKE) == (0, "", "")


# The loop

LOOP = """\
import asyncio, sys
async def main():
    return type(asyncio.get_running_loop()).__module__
print(asyncio.run(main()))
with asyncio.Runner() as runner:
    print(runner.run(main()))
loop = asyncio.new_event_loop()
print(loop.run_until_complete(main()))
loop.close()
"""


@pytest.fixture
def _uvloop():
    try:
        new_loop("uvloop").close()
    except LoopMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("_uvloop")
@pytest.mark.parametrize("option", [["--loop", "uvloop"], ["--loop=uvloop"]], ids=" ".join)
def test_uvloop_is_the_loop_and_no_warning_tells(tmp_path, option):
    outcome = run(tmp_path, "-W", "error", "-m", "aioxide", *option, "-c", LOOP)
    assert outcome == (0, "uvloop\n" * 3, "")


@pytest.mark.usefixtures("_uvloop")
def test_classes_on_uvloop(tmp_path):
    outcome = run(tmp_path, "-m", "aioxide", "--loop", "uvloop", "-c", CLASSES)
    assert outcome == (0, "aioxide aioxide\n", "")


@pytest.mark.usefixtures("_uvloop")
def test_uvloop_leaves_the_current_loop_to_asyncio(tmp_path):
    # With no current loop asyncio makes one, warns or raises, depending on its version.
    program = "import asyncio; loop = asyncio.get_event_loop(); loop.close()"
    expected = run(tmp_path, "-c", program)
    assert run(tmp_path, "-m", "aioxide", "--loop", "uvloop", "-c", program) == expected


@pytest.mark.parametrize("option", [[], ["--loop", "asyncio"]], ids=["none", "asyncio"])
def test_asyncio_is_the_loop_otherwise(tmp_path, option):
    outcome = run(tmp_path, "-m", "aioxide", *option, "-c", LOOP)
    assert outcome == (0, "asyncio.unix_events\n" * 3, "")


def test_uvloop_is_not_imported_unless_asked_for(tmp_path):
    program = "import sys; print(sorted({'uvloop', 'rloop'} & set(sys.modules)))"
    assert run(tmp_path, "-m", "aioxide", "-c", program) == (0, "[]\n", "")


def test_missing_uvloop_is_a_usage_error(tmp_path):
    write(tmp_path / "uvloop.py", "raise ModuleNotFoundError('No module named uvloop')")
    outcome = run(tmp_path, "-m", "aioxide", "--loop", "uvloop", "-c", "print('ran')")
    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("aioxide: --loop uvloop: No module named uvloop")


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stats"],
        ["--nonsense", "script.py"],
        ["--stats=yes", "script.py"],
        ["-x"],
        ["--loop"],
        ["--loop="],
        ["--loop", "trio", "script.py"],
        ["-m"],
        ["-c"],
    ],
    ids=" ".join,
)
def test_usage_error(tmp_path, arguments):
    write(tmp_path / "script.py", "print('ran')")
    outcome = run(tmp_path, "-m", "aioxide", *arguments)
    assert (outcome.status, outcome.stdout) == (2, "")
    message, usage = outcome.stderr.split("\n", 1)
    assert message.startswith("aioxide: ")
    assert usage.startswith("usage: python -m aioxide ")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(tmp_path, option):
    outcome = run(tmp_path, "-m", "aioxide", "--stats", option, "--nonsense")
    assert (outcome.status, outcome.stderr) == (0, "")
    for word in ("usage:", "--loop", "--stats", "--version", "--help", "-m module", "-c code"):
        assert word in outcome.stdout


def test_version(tmp_path):
    import aioxide

    expected = (0, f"aioxide {aioxide.__version__}\n", "")
    assert run(tmp_path, "-m", "aioxide", "--version") == expected
