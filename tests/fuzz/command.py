"""The command: how many programs of which seed, or one of them again; the exit status."""

import argparse
import ast
import random

from fuzz.compare import explain
from fuzz.faults import FAULTS
from fuzz.fleet import Fleet
from fuzz.programs import random_program
from fuzz.settings import ROTATION, SETTINGS


def main(arguments=None):
    """Runs programs; returns 0 if both sides agree on all of them, 1 otherwise."""
    options = _parser().parse_args(arguments)
    if options.program is not None:
        return _run_one(ast.literal_eval(options.program), options.setting or ["installed"])
    if options.only is not None:
        program = random_program(options.seed, options.only)
        here = ROTATION[options.only % len(ROTATION)]
        return _run_one(program, options.setting or [here])
    fleet = Fleet(options.seed, options.programs, options.setting or ROTATION, options.jobs)
    return 1 if fleet.run() else 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Runs random programs on the built-in classes and on the Rust ones, and"
        " compares what they do.",
        epilog=f"Settings: {', '.join(name for name in SETTINGS if name not in FAULTS)}. Settings"
        f" with a deliberate fault: {', '.join(FAULTS)}.",
    )
    add = parser.add_argument
    add("--programs", type=int, default=1000, metavar="N", help="how many (default: 1000)")
    add("--seed", type=_seed, default="", metavar="S", help="which ones (default: any)")
    add("--jobs", type=int, default=2, metavar="J", help="processes at a time (default: 2)")
    add("--only", type=int, metavar="NUMBER", help="run only this program of the seed")
    add("--program", metavar="TEXT", help="run this program")
    add("--setting", action="append", type=_setting, metavar="NAME", help="where; repeatable")
    return parser


def _seed(text):
    """Nothing, as it comes from `make fuzz` without SEED=, stands for any seed."""
    return int(text) if text else random.SystemRandom().randrange(10**9)


def _setting(name):
    if name not in SETTINGS:
        raise argparse.ArgumentTypeError(f"no setting {name!r}")
    return name


def _run_one(program, names):
    status = 0
    for name in names:
        lines = explain(program, name)
        print(f"{name}: {'differs, ' if lines else 'no difference'}", end="" if lines else "\n")
        if lines:
            print(*lines, sep="\n")
            status = 1
    return status
