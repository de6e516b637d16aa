"""The built-in classes and the Rust ones. Only the latter import aioxide, in their own process."""

import _asyncio

from benches.rows import Made, Side


def _enter_builtin() -> None:
    """They are in force already."""


def _builtin_classes() -> tuple[type, type]:
    return _asyncio.Task, _asyncio.Future


def _enter_rust() -> None:
    import aioxide

    aioxide.install()


def _rust_classes() -> tuple[type, type]:
    import aioxide

    return aioxide.Task, aioxide.Future


def _made_in_rust() -> Made:
    import aioxide

    return aioxide.stats()


BUILTIN = Side("builtin", "built-in", _enter_builtin, _builtin_classes)
RUST = Side("rust", "aioxide", _enter_rust, _rust_classes, _made_in_rust)
BOTH = (BUILTIN, RUST)
