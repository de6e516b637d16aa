"""Streams on the loopback device: tasks are only a part of what this costs."""

import asyncio

from benches.rows import Group, Row
from benches.sides import BOTH

CLIENTS = 64
MESSAGE = b"x" * 100


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while message := await reader.read(4096):
        writer.write(message)
        await writer.drain()
    writer.close()


async def _client(port: int, messages: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = 0
    for _ in range(messages):
        writer.write(MESSAGE)
        received += (await reader.readexactly(len(MESSAGE))) == MESSAGE
    writer.close()
    await writer.wait_closed()
    return received


async def echo(size: int) -> int:
    """Each client sends and receives `size` messages, one after the other."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0, backlog=CLIENTS)
    port = server.sockets[0].getsockname()[1]
    received = await asyncio.gather(*[_client(port, size) for _ in range(CLIENTS)])
    server.close()
    return sum(received)


def _messages(size: int) -> int:
    return CLIENTS * size


GROUP = Group(
    "Network",
    (
        Row(
            "echo",
            f"a message to a TCP echo and back, {CLIENTS} clients",
            echo,
            size=50,
            tiny=2,
            result=_messages,
            operations=_messages,
            tasks=lambda size: 2 * CLIENTS,
            compared=False,
        ),
    ),
    BOTH,
)
