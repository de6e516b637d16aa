"""What it costs to have aioxide at all."""

import subprocess
import sys
from dataclasses import replace

from benches.rows import Group, Row
from benches.sides import BUILTIN, RUST

# In an interpreter that has nothing of the benchmark's, which may have imported more.
PROGRAM = """
import asyncio, time
begin = time.perf_counter()
import aioxide
print((time.perf_counter() - begin) * 1e3)
"""


def import_aioxide(size: int) -> float:
    """Returns the milliseconds that the import takes where asyncio is there already."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    return float(done.stdout)


# Ours by name only: this process has nothing to bring into force.
_NOT_YET = replace(BUILTIN, key=RUST.key, title=RUST.title)

GROUP = Group(
    "Start",
    (
        Row(
            "import",
            "`import aioxide` after `import asyncio`",
            import_aioxide,
            size=1,
            tiny=1,
            unit="ms",
            compared=False,
            loops=("stock",),
        ),
    ),
    (_NOT_YET,),
)
