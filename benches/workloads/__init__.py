"""The workloads, a module a group, in the order of the report.

They look everything up in asyncio when they run: what is installed decides what they find.
"""

from benches.rows import by_key
from benches.workloads import (
    awaiting,
    bridge,
    combinators,
    context,
    creation,
    endings,
    million,
    mixed,
    network,
    start,
    steps,
    synchronisation,
)

GROUPS = (
    steps.GROUP,
    creation.GROUP,
    combinators.GROUP,
    awaiting.GROUP,
    mixed.GROUP,
    synchronisation.GROUP,
    endings.GROUP,
    million.GROUP,
    context.GROUP,
    network.GROUP,
    bridge.GROUP,
    start.GROUP,
)
ROWS = by_key(GROUPS)
