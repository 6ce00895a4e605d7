"""Handshakes of websockets: one that is none is refused with JSON and a code, as every request is."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from websockets.http11 import MAX_LINE_LENGTH, Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from graph.errors import UNAVAILABLE_MESSAGE, Code, refusal
from graph.headers import STRICT

Why = tuple[int, Code, str]

NO_HANDSHAKE: Why = (400, Code.BAD_REQUEST, "This is no handshake of a websocket.")
LONG_LINE: Why = (431, Code.HEADERS_TOO_LARGE, f"A line of a handshake has at most {MAX_LINE_LENGTH} bytes.")
REFUSALS: Mapping[int, Why] = {
    414: LONG_LINE,
    431: LONG_LINE,
    500: (503, Code.SERVICE_UNAVAILABLE, UNAVAILABLE_MESSAGE),  # the server stops
}
"""What is said instead of the library's own texts, by its status."""


class Handshake(ServerProtocol):
    """A websocket whose refusals a client can read."""

    def reject(self, status: StatusLike, text: str) -> Response:
        """The answer to a handshake that is refused; it ends the connection."""
        told, code, message = REFUSALS.get(int(status), NO_HANDSHAKE)
        response = super().reject(told, orjson.dumps({"errors": [refusal(code, message).formatted]}).decode())
        del response.headers["Content-Type"]
        response.headers.update({"Content-Type": "application/json", **STRICT})
        return response
