"""Which modules of tests the interpreter has, and which of them take long."""

import importlib.util
from pathlib import Path

PACKAGE = "test.test_asyncio"

# Their time goes into what is not made of tasks: `--fast` and the test command leave them out.
SLOW = {"test_sendfile", "test_ssl", "test_sslproto", "test_subprocess"}


def present(fast: bool = False) -> list[str]:
    """Returns the modules that there are, none if the interpreter has come without its tests."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:  # not even `test`
        return []
    folders = spec.submodule_search_locations if spec else []
    names = {file.stem for folder in folders for file in Path(folder).glob("test_*.py")}
    return sorted(names - SLOW if fast else names)


def full_name(module: str) -> str:
    """Returns the name to import; a name with a dot in it is one, of another of its tests."""
    return module if "." in module else f"{PACKAGE}.{module}"
