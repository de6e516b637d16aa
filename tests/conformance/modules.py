"""Which of the interpreter's test modules there are, and which of them are about what."""

import importlib.util
from pathlib import Path

PACKAGE = "test.test_asyncio"

# Those that spend their time on what is not made of tasks: `--fast` leaves them out.
SLOW = {
    "test_sendfile",
    "test_ssl",
    "test_sslproto",
    "test_subprocess",
}

# Those that stand or fall with `Task` and `Future`: the test command runs them.
ABOUT_TASKS = {
    "test_base_events",
    "test_context",
    "test_eager_task_factory",
    "test_free_threading",
    "test_futures",
    "test_futures2",
    "test_graph",
    "test_locks",
    "test_pep492",
    "test_queues",
    "test_runners",
    "test_staggered",
    "test_streams",
    "test_taskgroups",
    "test_tasks",
    "test_threads",
    "test_timeouts",
    "test_unix_events",
    "test_waitfor",
}


def present() -> list[str]:
    """Returns the names of this interpreter's modules; none where it has no tests with it."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:  # not even `test`
        return []
    folders = spec.submodule_search_locations if spec else []
    return sorted(file.stem for folder in folders for file in Path(folder).glob("test_*.py"))
