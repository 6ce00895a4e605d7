"""A client of graphql-transport-ws that hides nothing: it sends what a test gives it and shows what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Message = dict[str, Any]
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
}
"""The headers by which a websocket is asked for."""


class SocketClient:
    """One websocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: object) -> None:
        """A message as JSON."""
        await self._socket.send(json.dumps(message))

    async def send_text(self, text: str | bytes) -> None:
        """Whatever it is, as it is."""
        await self._socket.send(text)

    async def ping(self) -> None:
        """A ping of the websocket itself."""
        await self._socket.ping()

    async def receive(self) -> Message:
        """The next message."""
        async with asyncio.timeout(10):
            return json.loads(await self._socket.recv())

    async def initialise(self, token: str | None = None) -> Message:
        """What the server says to `connection_init`."""
        payload = {"Authorization": f"Bearer {token}"} if token else {}
        await self.send({"type": "connection_init", "payload": payload})
        return await self.receive()

    async def subscribe(self, document: str, identifier: str = "1", **variables: object) -> None:
        """Start an operation."""
        payload = {"query": document, "variables": variables}
        await self.send({"id": identifier, "type": "subscribe", "payload": payload})

    async def close(self) -> None:
        """Go as one does."""
        await self._socket.close()

    def break_off(self) -> None:
        """Go without a word."""
        self._socket.transport.abort()

    async def closed(self) -> tuple[int | None, str | None]:
        """The code and reason with which the server closes, whatever it says before."""
        async with asyncio.timeout(10):
            try:
                while True:
                    await self._socket.recv()
            except ConnectionClosed:
                return self._socket.close_code, self._socket.close_reason


@asynccontextmanager
async def connected(url: str, protocol: str = "graphql-transport-ws", **options: Any) -> AsyncIterator[SocketClient]:
    """A websocket for the time of the block."""
    async with connect(url, subprotocols=[Subprotocol(protocol)], **options) as socket:
        yield SocketClient(socket)
