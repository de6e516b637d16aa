"""Running a program as `python` does: same `__main__`, `sys.argv`, `sys.path`, status, tracebacks.

What ends the program (`SystemExit`, Ctrl-C or an error) is left to the interpreter, which deals
with it after this module as it does after the program alone. This module only takes its own frames
out of the traceback before it is printed.
"""

import io
import linecache
import os
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from pkgutil import get_importer, read_code
from types import CodeType
from typing import Any

# What the interpreter itself calls for `-m`, for a directory and for a zip file.
_run_module_as_main: Callable[..., None] = runpy._run_module_as_main  # type: ignore[attr-defined]


def launch(program: Callable[[], None]) -> None:
    """Calls `program`, one of the functions below; what it raises goes on to the interpreter."""
    try:
        program()
    except SystemExit:
        raise  # no traceback is printed
    except BaseException as error:
        _hide_our_frames(error)
        raise


def run_script(script: str, arguments: list[str]) -> None:
    """Runs a file, or the `__main__.py` in a directory or zip file; SystemExit if there is none."""
    main = _begin([script, *arguments])
    path = os.path.join(os.getcwd(), script)
    if get_importer(path) is not None:
        _search_first(path, always=True)
        _run_module_as_main("__main__", alter_argv=False)
        return
    _search_first(os.path.dirname(os.path.realpath(path)))
    code, loader = _read(path)
    main["__loader__"] = loader("__main__", path)
    _run_file(code, path, main)


def run_module(module: str, arguments: list[str]) -> None:
    """Runs a module, or the `__main__` of a package; SystemExit(1) where there is none."""
    _begin(["-m", *arguments])
    # sys.path begins with the current directory already: `-m aioxide` has the same rule.
    _run_module_as_main(module)


def run_code(source: str, arguments: list[str]) -> None:
    """Runs a program that was an argument."""
    main = _begin(["-c", *arguments])
    _search_first("")
    if sys.version_info >= (3, 14):
        import textwrap

        source = textwrap.dedent(source)
    source += "\n"
    code = compile(source, "<string>", "exec", dont_inherit=True)
    _let_tracebacks_show(source, code)
    exec(code, main)


def run_stdin(arguments: list[str]) -> None:
    """Runs what standard input holds, to its end."""
    main = _begin(["-", *arguments])
    _search_first("")
    code = compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True)
    _run_file(code, "<stdin>", main)


def _begin(argv: list[str]) -> dict[str, Any]:
    """Sets `sys.argv`, makes `__main__` what it is before a program, returns its namespace."""
    sys.argv = argv
    main = vars(sys.modules["__main__"])
    for name in [name for name in main if not name.startswith("__")] + ["__file__", "__cached__"]:
        main.pop(name, None)
    main.update(__doc__=None, __package__=None, __loader__=BuiltinImporter, __spec__=None)
    return main


def _search_first(path: str, *, always: bool = False) -> None:
    """Puts `path` first in `sys.path`; under `python -P` only if `always`."""
    if not sys.flags.safe_path:
        sys.path[0] = path
    elif always:
        sys.path.insert(0, path)


def _read(path: str) -> tuple[CodeType, type[SourceFileLoader | SourcelessFileLoader]]:
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        sys.stderr.write(f"{sys.orig_argv[0]}: can't open file {path!r}: {reason}\n")
        sys.exit(2)
    if code := read_code(io.BytesIO(source)):  # a .pyc file
        return code, SourcelessFileLoader
    return compile(source, path, "exec", dont_inherit=True), SourceFileLoader


def _run_file(code: CodeType, path: str, main: dict[str, Any]) -> None:
    main.update(__file__=path, __cached__=None)
    exec(code, main)
    # The interpreter does this as well: functions called at exit find what they find there.
    main.pop("__file__", None)
    main.pop("__cached__", None)


def _let_tracebacks_show(source: str, code: CodeType) -> None:
    """Gives `linecache` the lines of code that is in no file, as the interpreter does from 3.13."""
    if register := getattr(linecache, "_register_code", None):
        by_code = hasattr(linecache, "_interactive_cache")  # 3.13.0 has it by file name
        register(code if by_code else code.co_filename, source, code.co_filename)


def _hide_our_frames(error: BaseException) -> None:
    """Sees to it that `sys.excepthook`, whatever it is, gets the program's own traceback."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    hook = sys.excepthook

    def excepthook(kind: type[BaseException], value: BaseException, _: object) -> None:
        sys.excepthook = hook
        value.__traceback__ = sys.last_traceback = traceback
        try:
            hook(kind, value, traceback)
        except Exception as failure:
            # As the interpreter reports it, but without the line above in the traceback.
            failure.__traceback__ = failure.__traceback__ and failure.__traceback__.tb_next
            _print("Error in sys.excepthook:", failure)
            _print("\nOriginal exception was:", value)

    sys.excepthook = excepthook


def _print(heading: str, error: BaseException) -> None:
    print(heading, file=sys.stderr)
    sys.__excepthook__(type(error), error, error.__traceback__)
