"""Who reads too slowly is cut off, and who reads slowly but steadily is not, however much waits for them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.protocols.connections import SLOWEST_BYTES, Connections
from graph.limits import KIB, Limits

NARROW_BYTES = 8192
ANSWER_BYTES = 1024 * KIB
LIMITS = Limits()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Speaker(asyncio.Protocol):
    """Says one long thing to whoever comes."""

    client: tuple[str, int] | None = ("127.0.0.1", 1)
    is_paused = False
    transport: asyncio.Transport

    def __init__(self, opened: Connections, made: asyncio.Future[Speaker]) -> None:
        self._opened = opened
        self._made = made

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        assert self._opened.take(self) is None
        transport.write(b"x" * ANSWER_BYTES)
        self._made.set_result(self)

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False


@asynccontextmanager
async def said_to(opened: Connections) -> AsyncIterator[tuple[asyncio.Transport, asyncio.StreamReader]]:
    """What a speaker writes to, and a client that takes in little."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Speaker] = loop.create_future()
    async with await loop.create_server(lambda: Speaker(opened, made), "127.0.0.1", 0) as server:
        with socket.socket() as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
            end.setblocking(False)
            await loop.sock_connect(end, server.sockets[0].getsockname())
            reader, writer = await asyncio.open_connection(sock=end, limit=NARROW_BYTES)
            speaker = await made
            yield speaker.transport, reader
            speaker.transport.abort()
            writer.transport.abort()


async def reads(bytes_a_second: float) -> bool:
    """Whether a client that reads so fast hears everything."""
    clock = Clock()
    opened = Connections(LIMITS, clock)
    async with said_to(opened) as (transport, reader):
        await opened.cut_off_silent_readers()
        while not transport.is_closing() and (waiting := transport.get_write_buffer_size()) > NARROW_BYTES:
            while transport.get_write_buffer_size() == waiting:
                await reader.read(NARROW_BYTES)
            clock.now += (waiting - transport.get_write_buffer_size()) / bytes_a_second
            await opened.cut_off_silent_readers()
        return not transport.is_closing()


@pytest.mark.parametrize("times", [1.5, 10])
async def test_whoever_reads_slowly_but_steadily_hears_everything(times: float) -> None:
    assert await reads(times * SLOWEST_BYTES)


async def test_whoever_takes_a_little_now_and_then_is_cut_off() -> None:
    assert not await reads(SLOWEST_BYTES / 2)


async def test_whoever_reads_nothing_is_cut_off_in_time() -> None:
    clock = Clock()
    opened = Connections(LIMITS, clock)
    async with said_to(opened) as (transport, _):
        await opened.cut_off_silent_readers()
        clock.now += LIMITS.stall_seconds - 1
        await opened.cut_off_silent_readers()
        assert not transport.is_closing()
        clock.now += 1
        await opened.cut_off_silent_readers()
        assert transport.is_closing()
