"""Looks for memory that objects leave behind: `python run.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # where the package is, not in it
    from memory.command import main

    sys.exit(main())
