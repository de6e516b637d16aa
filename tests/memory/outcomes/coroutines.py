"""Coroutines that the outcomes share, and a stranger among the loops."""

import asyncio
from collections.abc import Coroutine

from memory.scene import Trouble, Witness


async def returning(value):
    return value


async def raising(error):
    raise error


async def awaiting(awaitable, held=None):
    return await awaitable


async def sleeping(held):
    await asyncio.sleep(0)
    return held


async def failing_deep(held):
    """Fails with a chain of exceptions, whose frames hold the object."""
    try:
        await raising(Trouble(Witness()))
    except Trouble as error:
        raise Trouble(held) from error


class ForeignCoroutine(Coroutine):
    """A coroutine that the interpreter did not make: its methods are called in Python."""

    def __init__(self, coroutine):
        self.coroutine = coroutine

    def send(self, value):
        return self.coroutine.send(value)

    def throw(self, *arguments):
        return self.coroutine.throw(*arguments)

    def close(self):
        self.coroutine.close()

    def __await__(self):
        return self


class OtherLoop:
    """As much of a loop as a future needs that nobody waits for."""

    def get_debug(self):
        return False
