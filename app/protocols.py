"""What uvicorn lacks: bounds for a request's headers and for the time it takes, and for websockets that do not read."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from graph.errors import Code, refusal
from graph.limits import Limits
from graph.shared_socket import WRITE_TEXT

MINUTE_SECONDS = 60.0
LINGER_SECONDS = 1.0
"""How long a refused client may go on sending before it is cut off; cut off at once it might not see the answer."""
MOST_FRAMES = 1000
"""The frames of one message."""
TOO_MANY_MESSAGES = 4429
GOING_AWAY = 1001


class BoundedConfig(uvicorn.Config):
    """A configuration of uvicorn whose connections keep these limits."""

    def __init__(self, *arguments: Any, limits: Limits, **options: Any) -> None:
        super().__init__(
            *arguments,
            http=_within(limits, BoundedHttp),
            ws=_within(limits, BoundedWebSocket),
            ws_max_size=limits.socket_message_bytes,
            ws_ping_interval=limits.socket_ping_seconds,
            ws_ping_timeout=limits.socket_ping_seconds,
            ws_per_message_deflate=False,  # its buffers would be most of what a silent connection takes
            proxy_headers=False,  # `trusted_proxies` says whom to believe
            **options,
        )


def _within(limits: Limits, protocol: type[asyncio.Protocol]) -> Any:
    """This kind of connection with these limits; uvicorn makes one without arguments of ours."""
    return type(protocol.__name__, (protocol,), {"limits": limits})


class BoundedHttp(HttpToolsProtocol):
    """A connection that is closed when headers are too large, or a request takes too long to arrive."""

    limits: Limits

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = True
        self._head_bytes = 0
        self._fields = 0
        self._field_bytes = 0
        self._parting = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, Code.SERVICE_UNAVAILABLE, "Too many are here at the moment: come back in a minute.")
        else:
            self._expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._parting:
            return
        if self._deadline is None:
            self._expect_more()
        if self._in_head:
            # A line without an end would be kept by the parser, however long it gets.
            room = self.limits.header_bytes - self._head_bytes
            self._head_bytes += len(data)
            super().data_received(data[:room])
            if len(data) <= room or self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._in_head:
                self._refuse_head()
                return
            data = data[room:]
        if not self._parting:
            super().data_received(data)

    def handle_websocket_upgrade(self) -> None:
        self._expect_nothing()
        if not self._parting:
            super().handle_websocket_upgrade()

    def on_url(self, url: bytes) -> None:
        self._field_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._field_bytes += len(name) + len(value) + len(b": \r\n")
        if self._fields > self.limits.header_count or self._field_bytes > self.limits.header_bytes:
            self._refuse_head()
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if not self._parting:
            self._expect_nothing()
            self._expect_more()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._parting:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._head_bytes = self._fields = self._field_bytes = 0
        if not self._parting:
            self._expect_nothing()
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._expect_nothing()
        self._refuse(400, Code.BAD_REQUEST, "This is no HTTP request.")

    def _expect_more(self) -> None:
        self._deadline = self.loop.call_later(self.limits.request_seconds, self._give_up)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """The rest of the request did not come in time."""
        self._deadline = None
        if self._in_head and not self._head_bytes:
            self.transport.close()
        else:
            self._refuse(408, Code.REQUEST_TIMEOUT, "The request took too long to arrive.")

    def _refuse_head(self) -> None:
        self._expect_nothing()
        most = f"{self.limits.header_bytes} bytes and {self.limits.header_count} headers"
        self._refuse(431, Code.HEADERS_TOO_LARGE, f"A request has at most {most} before its body.")

    def _refuse(self, status: int, code: Code, message: str) -> None:
        """Say why, where nothing else is being said, and end the connection."""
        if self._parting or self.transport.is_closing():
            return
        self._parting = True
        if (cycle := self.cycle) is not None:
            answering = not cycle.response_complete and (cycle.response_started or self._in_head)
            answered = cycle.response_complete and not self._in_head
            cycle.disconnected = True
            cycle.message_event.set()
            if answering or answered:
                self.transport.close()
                return
        body = orjson.dumps({"errors": [refusal(code, message).formatted]})
        head = (
            b"content-type: application/json\r\nconnection: close\r\n"
            b"x-content-type-options: nosniff\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A websocket that is cut off when it does not read what it is sent."""

    limits: Limits

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stalled: asyncio.TimerHandle | None = None
        self._minute = 0.0
        self._pings = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self._resumed()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_off_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._resumed()

    def keepalive_timeout(self) -> None:
        # uvicorn says 1011, an error of ours, after which graphql-ws does not come back: a laptop that slept is none.
        if not self.close_sent:
            self.conn.fail(GOING_AWAY, "keepalive ping timeout")
        super().keepalive_timeout()
        self._cut_off_later()

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
        now = self.loop.time()
        if now - self._minute > MINUTE_SECONDS:
            self._minute, self._pings = now, 0
        self._pings += 1
        if self._pings > self.limits.socket_messages:
            self.conn.fail(TOO_MANY_MESSAGES, "Too many messages")
            self.handle_parser_exception()
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    async def receive(self) -> Any:
        """The next message, once what was said before has been read: a client that does not read starts nothing."""
        await self.writable.wait()
        return await super().receive()

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

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self._cut_off_later(self.close_timeout)

    def _cut_off_later(self, further_seconds: float = 0.0) -> None:
        """A closed transport waits for its client to read what was written before, however long that takes."""
        if self._stalled is None:
            self._stalled = self.loop.call_later(
                self.limits.socket_stall_seconds + further_seconds, self.transport.abort
            )

    def _resumed(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


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
