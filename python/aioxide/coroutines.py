"""The coroutines that the bridge runs in tasks on behalf of Rust."""

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


async def drive(awaitable: Awaitable[_T]) -> _T:
    """Awaits what is neither a coroutine nor a future."""
    return await awaitable


async def pump(iterable: AsyncIterable[Any], send: Callable[[Any], Awaitable[bool]]) -> None:
    """Hands each item of `iterable` to `send`, which waits for room and says whether to go on.

    A generator is closed at the end, however it comes.
    """
    iterator = aiter(iterable)
    try:
        async for item in iterator:
            if not await send(item):
                break
    finally:
        if (aclose := getattr(iterator, "aclose", None)) is not None:
            await aclose()
