"""A connection over which a test sends bytes as they are, slowly or never, and reads what comes back or does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.graph.abuse.conftest import require_discreet
from tests.server import Server

PATIENCE_SECONDS = 30.0


class RawConnection:
    """One TCP connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """These bytes, unless the server has hung up."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def has_answer(self) -> bool:
        """Whether the server has said something, or hung up."""
        return bool(self._reader._buffer) or self._reader.at_eof()  # type: ignore[attr-defined]

    async def answer(self) -> tuple[int, str]:
        """The status and the code of the error that the server answers."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = (await self._reader.readexactly(length)).decode()
        require_discreet(body)
        (error,) = json.loads(body)["errors"]
        return int(head.split()[1]), error["extensions"]["code"]

    async def is_upgraded(self) -> bool:
        """Whether the server takes a handshake."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self._reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")

    async def hung_up(self) -> bytes:
        """What the server says before it ends the connection."""
        said = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionError):
                while part := await self._reader.read(65536):
                    said += part
        return said

    async def floods(self, data: bytes, *, until: Callable[[], bool]) -> None:
        """Send these bytes again and again, not waiting for room, until something is so."""
        transport = self._writer.transport
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not until():
                if transport.get_write_buffer_size() < len(data):
                    transport.write(data)
                await moment()

    def is_cut_off(self) -> bool:
        """Whether the server has ended the connection without a farewell."""
        return self._writer.transport.is_closing()

    def stop_reading(self) -> None:
        """Let everything that comes wait."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]


@asynccontextmanager
async def raw_connection(server: Server) -> AsyncIterator[RawConnection]:
    """A connection for the time of the block."""
    place = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def moment() -> None:
    """A tick of the loop's clock."""
    tick = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, tick.set)
    await tick.wait()
