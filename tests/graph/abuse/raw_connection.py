"""A connection over which a test sends bytes as they are, slowly or never, and reads what comes back or does not."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.graph.abuse.conftest import require_discreet
from tests.server import Server

PATIENCE_SECONDS = 30.0
NARROW_BYTES = 8192
SIP_BYTES = 2048
TCP_CLOSE = b"\x07"
"""How Linux names the state of a connection whose other end is gone."""


class RawConnection:
    """One TCP connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """These bytes, unless the server has hung up."""
        with suppress(ConnectionError):
            self._writer.write(data)
            async with asyncio.timeout(PATIENCE_SECONDS):
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

    async def sips(self, least: int) -> bytes:
        """At least so many bytes, at 100 kB in a second."""
        said = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(said) < least and (part := await self._reader.read(SIP_BYTES)):
                said += part
                await moment()
        return said

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
        if self._writer.transport.is_closing():
            return True
        state = self._writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return state == TCP_CLOSE

    def stop_reading(self) -> None:
        """Let everything that comes wait."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]


@asynccontextmanager
async def raw_connection(
    server: Server, *, address: str = "127.0.0.1", narrow: bool = False
) -> AsyncIterator[RawConnection]:
    """A connection from one of this machine's addresses for the time of the block; a narrow one takes in little."""
    place, loop = urlsplit(server.url), asyncio.get_running_loop()
    with socket.socket() as end:
        if narrow:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        end.bind((address, 0))
        end.setblocking(False)
        await loop.sock_connect(end, (place.hostname, place.port))
        reader, writer = await asyncio.open_connection(sock=end, limit=NARROW_BYTES if narrow else 65536)
        try:
            yield RawConnection(reader, writer)
        finally:
            writer.transport.abort()  # whatever is still to be sent
            with suppress(ConnectionError):
                await writer.wait_closed()


async def moment() -> None:
    """A tick of the loop's clock."""
    tick = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, tick.set)
    await tick.wait()
