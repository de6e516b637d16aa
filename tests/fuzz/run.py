"""Runs random programs on the built-in and the Rust classes: `python run.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # where the package is, not in it
    import stopped_clock

    stopped_clock.replace()  # before aioxide is imported
    from fuzz.command import main

    sys.exit(main())
