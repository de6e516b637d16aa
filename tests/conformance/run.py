"""Runs the interpreter's own asyncio tests on the Rust classes: `python run.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # where the package is, not in it
    from conformance.command import main

    sys.exit(main())
