"""The line between a client and a server, which can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Line:
    """Carries connections to a server; `url` is where clients find it."""

    def __init__(self, server_url: str) -> None:
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()
        self._end: tuple[str, int] | None = None
        self.leads_to(server_url)

    def leads_to(self, server_url: str) -> None:
        """From now on it ends at this server."""
        address = urlsplit(server_url)
        self._end = (address.hostname or "", address.port or 0)

    def cut(self) -> None:
        """Every connection breaks, and each new one at once."""
        self._end = None
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as both ends keep it."""
        if self._end is None:
            writer.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection(*self._end)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, to_server}
        self._writers |= ends
        ways = [asyncio.create_task(_pump(reader, to_server)), asyncio.create_task(_pump(from_server, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._writers -= ends
        for end in ends:
            end.close()
        await asyncio.gather(*ways)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while read := await reader.read(65536):
            writer.write(read)


@asynccontextmanager
async def line_to(server_url: str) -> AsyncIterator[Line]:
    """A line for the time of the block."""
    line = Line(server_url)
    async with await asyncio.start_server(line.carry, "127.0.0.1", 0) as listening:
        line.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield line
        line.cut()
