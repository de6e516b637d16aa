"""`python -m benches`."""

import sys

from benches.command import main

if __name__ == "__main__":
    sys.exit(main())
