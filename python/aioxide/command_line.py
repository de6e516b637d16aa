"""The command line of `python -m aioxide`: what runs, on which loop, and what is said at exit."""

import asyncio
import atexit
import importlib
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn

from aioxide import __version__, install, launcher, stats

USAGE = """\
usage: python -m aioxide [--loop asyncio|uvloop] [--stats] PROGRAM [argument ...]
       python -m aioxide --help | --version
"""

HELP = f"""\
{USAGE}
Runs an unchanged asyncio program with tasks and futures written in Rust.

PROGRAM is what python itself takes:
  script.py   a file, or a directory or zip file with a __main__.py
  -m module   a module
  -c code     a program passed in as a string
  -           a program read from standard input

options:
  --loop asyncio|uvloop  the event loop of asyncio.run() and asyncio.new_event_loop()
                         (default: asyncio)
  --stats                say at exit, on standard error, how much ran on the Rust classes
  --version              print the version and exit
  --help, -h             print this and exit
"""

_LOOPS = ("asyncio", "uvloop")


class Options(NamedTuple):
    """A command line, read."""

    loop: str
    stats: bool
    program: Callable[[], None]


def main() -> None:
    """Does what `sys.argv` asks for; SystemExit(2) where that is no proper usage."""
    options = _parse(sys.argv[1:])
    install()
    if options.loop == "uvloop":
        _use_uvloop()
    if options.stats:
        # Registered before anything of the program's, so that it runs after all of that.
        atexit.register(_print_stats, os.getpid())
    launcher.launch(options.program)


def _parse(arguments: list[str]) -> Options:
    loop, with_stats = "asyncio", False
    while arguments:
        option = arguments.pop(0)
        name, _, value = option.partition("=")
        if option in ("--help", "-h"):
            _print_and_exit(HELP)
        elif option == "--version":
            _print_and_exit(f"aioxide {__version__}\n")
        elif option == "--stats":
            with_stats = True
        elif name == "--loop":
            loop = value or _value_of(option, arguments)
            if loop not in _LOOPS:
                _fail(f"--loop is one of {', '.join(_LOOPS)}, not {loop!r}")
        else:
            return Options(loop, with_stats, _program(option, arguments))
    _fail("no program to run")


def _program(first: str, rest: list[str]) -> Callable[[], None]:
    """Returns what runs the program that `first` begins; takes from `rest` what else names it."""
    if first == "-":
        return partial(launcher.run_stdin, rest)
    if not first.startswith("-"):
        return partial(launcher.run_script, first, rest)
    if first[:2] not in ("-m", "-c"):
        _fail(f"unknown option {first}")
    run = launcher.run_module if first[:2] == "-m" else launcher.run_code
    return partial(run, first[2:] or _value_of(first, rest), rest)


def _value_of(option: str, rest: list[str]) -> str:
    if not rest:
        _fail(f"argument expected for {option}")
    return rest.pop(0)


def _print_and_exit(text: str) -> NoReturn:
    sys.stdout.write(text)
    sys.exit()


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"aioxide: {message}\n{USAGE}")
    sys.exit(2)


def _use_uvloop() -> None:
    """Makes every loop that asyncio is asked for one of uvloop's.

    asyncio's own policy is kept but for what it makes, so that `asyncio.get_event_loop()` answers
    as it always does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 3.14 deprecates policies
        try:
            new_event_loop = importlib.import_module("uvloop").new_event_loop
        except ImportError as error:
            _fail(f"--loop uvloop: {error}; try: pip install uvloop")
        policy = type(asyncio.get_event_loop_policy())
        members = {"new_event_loop": lambda self: new_event_loop()}
        asyncio.set_event_loop_policy(type("UvloopPolicy", (policy,), members)())


def _print_stats(process: int) -> None:
    if os.getpid() == process and sys.__stderr__ is not None:  # a forked child tells nothing
        made = stats()
        line = f"aioxide: {made.tasks} tasks and {made.futures} futures ran on the Rust classes"
        print(line, file=sys.__stderr__, flush=True)
