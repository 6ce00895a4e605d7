"""What uvicorn's HTTP lacks: bounds for headers, for the time that a request takes, and for requests that wait."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.protocols.connections import Connections
from graph.errors import Code, refusal
from graph.headers import STRICT
from graph.limits import Limits
from kernel.logging import log

LINGER_SECONDS = 1.0
"""How long a refused client may go on sending before it is cut off; cut off at once it might not see the answer."""
MOST_WAITING = 20
"""The requests that wait on a connection while another is answered."""
MOST_CHUNKS = 1000
"""The chunks of a body: each takes its time, however small it is."""
RETRY_SECONDS = 60
"""When to come back to a server that is full."""

_log = log(__name__)


class BoundedHttp(HttpToolsProtocol):
    """A connection that is closed when headers are too large, or a request takes too long to arrive."""

    limits: Limits
    opened: Connections
    parser: httptools.HttpRequestParser

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._kept_bytes = 0
        self._fields = 0
        self._field_bytes = 0
        self._chunks = 0
        self._parting = False
        self._deadline: asyncio.TimerHandle | None = None
        self._answered: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _InTurn(transport, self.pipeline)
        if no_room := self.opened.take(self):
            self._refuse(*no_room, retry_after=RETRY_SECONDS)
        else:
            self._expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self.opened.give_back(self)
        self._expect_nothing()
        self.pipeline.clear()
        self.cycle = self._answered  # uvicorn tells the last one alone, which may not have begun
        super().connection_lost(exc)

    @property
    def is_paused(self) -> bool:
        """Whether nothing more is written until the client has read."""
        return self.flow.write_paused

    def data_received(self, data: bytes) -> None:
        if self._parting:
            return
        if self._deadline is None:
            self._expect_more()
        while data and not self._is_over():
            # What has no end would be kept by the parser, however long it gets: a line, or what follows a body.
            room = self.limits.header_bytes - self._kept_bytes
            if room <= 0:
                self._refuse_head()
                return
            self._kept_bytes += len(data[:room])
            self._feed(data[:room])
            data = data[room:]

    def handle_websocket_upgrade(self) -> None:
        self._expect_nothing()
        if self._parting:
            return
        if self.flow.write_paused or (self.cycle is not None and not self.cycle.response_complete):
            # The websocket would neither know what waits to be read, nor wait until it is.
            self._refuse(400, Code.BAD_REQUEST, "A websocket begins when what was asked before is answered and read.")
        else:
            super().handle_websocket_upgrade()

    def on_url(self, url: bytes) -> None:
        self._field_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._field_bytes += len(name) + len(value) + len(b": \r\n")
        if self._fields > self.limits.header_count or self._field_bytes > self.limits.header_bytes:
            self._refuse_head()
        elif self._in_head:  # what follows a body might say who asks
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._offers_another_protocol():
            return
        self._in_head = False
        if self._parting:
            return
        self._expect_nothing()
        if len(self.pipeline) < MOST_WAITING:
            self._expect_more()
            super().on_headers_complete()
        else:
            # Those that wait are answered, the last with `Connection: close`: the client sends the others again.
            self._parting = True
            self.cycle.keep_alive = False

    def on_chunk_header(self) -> None:
        """The size of a chunk has come."""
        self._kept_bytes = 0
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            self._refuse(400, Code.BAD_REQUEST, f"A body comes in {MOST_CHUNKS} chunks at most.")

    def on_body(self, body: bytes) -> None:
        self._kept_bytes = 0
        if not self._parting:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._kept_bytes = self._fields = self._field_bytes = self._chunks = 0
        if not self._parting and not self._offers_another_protocol():
            self._expect_nothing()
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._expect_nothing()
        self._refuse(400, Code.BAD_REQUEST, "This is no HTTP request.")

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self.parser.get_method() == b"CONNECT":
                self.send_400_response("")
            elif not self._parting:
                # The parser has skipped the body, and would take it for the next request.
                self._feed(self._head_without_upgrade() + data[upgrade.args[0] :])

    def _offers_another_protocol(self) -> bool:
        """Whether the parser is to stop after this head, though no websocket begins."""
        return self.parser.should_upgrade() and not self._should_upgrade()

    def _should_upgrade(self) -> bool:
        """Whether a websocket begins: whatever else a request offers is not taken up."""
        has_body = any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        )
        return self.parser.get_method() == b"GET" and not has_body and super()._should_upgrade()

    def _head_without_upgrade(self) -> bytes:
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return line + b"".join(fields) + b"\r\n"

    def _is_over(self) -> bool:
        """Whether nothing that comes is for this protocol any more."""
        return self._parting or self.transport.is_closing() or self.transport.get_protocol() is not self

    def _expect_more(self) -> None:
        self._deadline = self.loop.call_later(self.limits.request_seconds, self._give_up)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """The rest of the request did not come in time."""
        self._deadline = None
        if self.flow.read_paused:  # it waits for its turn here
            self._expect_more()
        elif self._in_head and not self._kept_bytes:
            self.transport.close()
        else:
            self._refuse(408, Code.REQUEST_TIMEOUT, "The request took too long to arrive.")

    def _refuse_head(self) -> None:
        self._expect_nothing()
        most = f"{self.limits.header_bytes} bytes and {self.limits.header_count} headers"
        self._refuse(431, Code.HEADERS_TOO_LARGE, f"A request has at most {most} before its body.")

    def _refuse(self, status: int, code: Code, message: str, *, retry_after: int | None = None) -> None:
        """Say why, where nothing else is being said, and end the connection."""
        if self._parting or self.transport.is_closing():
            return
        self._parting = True
        _log.debug("a connection was refused", code=code, status=status)
        if (cycle := self.cycle) is not None:
            answering = not cycle.response_complete and (cycle.response_started or self._in_head)
            answered = cycle.response_complete and not self._in_head
            cycle.disconnected = True
            cycle.message_event.set()
            if answering or self.pipeline:
                self.transport.close()
                return
            if answered:
                self._linger()
                return
        body = orjson.dumps({"errors": [refusal(code, message).formatted]})
        headers = {"Content-Type": "application/json", "Connection": "close", "Content-Length": len(body), **STRICT}
        if retry_after is not None:
            headers["Retry-After"] = retry_after
        head = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + head.encode() + b"\r\n" + body)
        self._linger()

    def _linger(self) -> None:
        """End the connection, and meanwhile drop what comes."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


class _InTurn(FlowControl):
    """Reads on only when no request waits for its turn; uvicorn reads on for the one that is being answered."""

    def __init__(self, transport: asyncio.Transport, waiting: deque[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()
