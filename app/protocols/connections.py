"""The open connections of a server: whether there is room for one more, and which of them do not read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple, Protocol

from graph.errors import Code
from graph.limits import KIB, Limits
from graph.rates import address_of
from graph.tally import Tally

UNSENT_BYTES = 16 * KIB
"""What the kernel takes of an answer before it is sent: with its usual megabytes nobody saw that a client reads."""

SLOWEST_BYTES = 4 * KIB
"""What a client reads in a second at least while something waits for it: the worst of mobile networks carry more."""


class Connection(Protocol):
    """What speaks on a connection."""

    transport: asyncio.Transport
    client: tuple[str, int] | None

    @property
    def is_paused(self) -> bool:
        """Whether nothing more is written until the client has read."""
        ...


class NoRoom(NamedTuple):
    """Why a connection is refused."""

    status: int
    code: Code
    message: str


@dataclass(slots=True)
class _Opened:
    connection: Connection
    address: str | None
    unread: int = 0
    late_seconds: float = 0.0


class Connections:
    """Those that are open; a refused one is none, so that whoever is refused takes no room from others."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._looked = clock()
        self._opened: dict[asyncio.Transport, _Opened] = {}
        self._of_address = Tally(limits.connections_per_address)

    def take(self, connection: Connection) -> NoRoom | None:
        """Count a connection until it is given back, unless there are too many."""
        # Behind proxies all come from them; their clients are known by the headers of each request.
        address = None if self._limits.trusted_proxies else address_of({"client": connection.client}, 0)
        if len(self._opened) >= self._limits.connections:
            return NoRoom(503, Code.SERVICE_UNAVAILABLE, "Too many are here at the moment: come back in a minute.")
        if not self._of_address.has_room(address):
            most = self._limits.connections_per_address
            message = f"Your address has {most} connections open, and may have no more: close some of them."
            return NoRoom(429, Code.RATE_LIMITED, message)
        self._of_address.add(address)
        self._opened[connection.transport] = _Opened(connection, address)
        connection.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES
        )
        return None

    def hand_over(self, connection: Connection) -> None:
        """From now on this one speaks on a transport that is counted already."""
        self._opened[connection.transport].connection = connection

    def give_back(self, connection: Connection) -> None:
        """Forget a connection that is lost; one that was refused has taken nothing."""
        opened = self._opened.pop(connection.transport, None)
        if opened:
            self._of_address.remove(opened.address)

    async def cut_off_silent_readers(self) -> None:
        """End the connections whose clients read nothing for too long, or too little, of what waits for them.

        A closed transport waits too for its client to read what was written before, however long that takes.
        """
        now = self._clock()
        passed, self._looked = now - self._looked, now
        for transport, opened in tuple(self._opened.items()):
            waiting = opened.connection.is_paused or transport.is_closing()
            unread = transport.get_write_buffer_size() if waiting else 0
            if unread and opened.unread:
                in_time = max(0, opened.unread - unread) / SLOWEST_BYTES
                opened.late_seconds = max(0.0, opened.late_seconds + passed - in_time)
            else:
                opened.late_seconds = 0.0
            opened.unread = unread
            if opened.late_seconds >= self._limits.stall_seconds:
                transport.abort()
