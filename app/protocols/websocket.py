"""What uvicorn's websockets lack: bounds for frames and pings, and patience for machines that slept."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.protocols.connections import Connections
from app.protocols.wire import Wire
from graph.limits import Limits
from graph.shared_socket import WRITE_TEXT
from graph.tally import Minute
from graph.websocket import TOO_MANY

MOST_FRAMES = 1000
"""The frames of one message."""
FRAMES_IN_A_MINUTE = 2000
"""All of them, also those that say nothing: to read one takes 6 us, and many come at once."""
REASON_BYTES = 123
"""What the protocol has room for in a close."""
GOING_AWAY = 1001


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A websocket that starts nothing new while it does not read what it is sent."""

    limits: Limits
    opened: Connections

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = Wire(FRAMES_IN_A_MINUTE, max_size=self.config.ws_max_size, logger=self.logger)
        self._pings = Minute(self.limits.socket_messages)

    @property
    def is_paused(self) -> bool:
        """Whether nothing more is written until the client has read."""
        return not self.writable.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.opened.hand_over(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.opened.give_back(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:
            # The head of the request comes as a whole: it could not be read, which uvicorn tells nobody.
            refusal = b"".join(self.conn.data_to_send()) or self.conn.reject(400, "").serialize()
            self.transport.write(refusal)
            self.transport.close()

    def keepalive_timeout(self) -> None:
        # uvicorn says 1011, an error of ours, after which graphql-ws does not come back: a laptop that slept is none.
        if not self.close_sent:
            self.conn.fail(GOING_AWAY, "keepalive ping timeout")
        super().keepalive_timeout()
        self.disconnected = True

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:  # it spoke before it was let in, so there is nothing to be closed
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
            self.transport.abort()
        else:
            super().handle_parser_exception()
        # uvicorn takes what is still said after a close for an error of the application, and logs where that was.
        self.disconnected = True

    def handle_cont(self, event: Any) -> None:
        if len(self.frames) >= MOST_FRAMES:
            self.conn.fail(1009, "too many frames")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self.conn.fail(1007, "not UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer it, unless what was answered before is still unread."""
        if self._pings.is_over():
            self.conn.fail(TOO_MANY, "Too many messages")
            self.handle_parser_exception()
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    async def receive(self) -> Any:
        """The next message, once what was said before has been read: a client that does not read starts nothing."""
        await self.writable.wait()
        return await super().receive()

    async def send(self, message: Any) -> None:
        """Send it; a reason that is too long, of a client's own words, is cut."""
        if message["type"] == "websocket.close":
            reason = (message.get("reason") or "").encode()[:REASON_BYTES].decode(errors="ignore")
            message = {**message, "reason": reason}
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # it was refused as it should be, which uvicorn takes for an error

    async def run_asgi(self) -> None:
        if not self.conn.extensions:  # which would have a say in what is written
            cast(Any, self.scope)["extensions"][WRITE_TEXT] = self.write_text
        await super().run_asgi()

    def write_text(self, head: bytes, body: bytes) -> bool:
        """Write a text message of two parts at once; False while the client has too much to read already."""
        if not self.writable.is_set():
            return False
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(b"".join((_frame_head(len(head) + len(body)), head, body)))
        return True


def _frame_head(length: int) -> bytes:
    """What comes before a text of so many bytes in a frame of its own."""
    if length < 126:
        return bytes((0x81, length))
    return struct.pack("!BBH", 0x81, 126, length) if length < 1 << 16 else struct.pack("!BBQ", 0x81, 127, length)


def _is_text(parts: list[bytes]) -> bool:
    try:
        b"".join(parts).decode()
    except UnicodeDecodeError:
        return False
    return True
