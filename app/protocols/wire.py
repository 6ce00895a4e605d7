"""Websockets on the wire: what is no handshake is refused with JSON and a code, and frames are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from websockets.exceptions import ProtocolError
from websockets.frames import Frame
from websockets.http11 import MAX_LINE_LENGTH, Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from graph.errors import UNAVAILABLE_MESSAGE, Code, refusal
from graph.headers import STRICT
from graph.tally import Minute
from graph.websocket import TOO_MANY

Why = tuple[int, Code, str]

NO_HANDSHAKE: Why = (400, Code.BAD_REQUEST, "This is no handshake of a websocket.")
LONG_LINE: Why = (431, Code.HEADERS_TOO_LARGE, f"A line of a handshake has at most {MAX_LINE_LENGTH} bytes.")
REFUSALS: Mapping[int, Why] = {
    414: LONG_LINE,
    431: LONG_LINE,
    500: (503, Code.SERVICE_UNAVAILABLE, UNAVAILABLE_MESSAGE),  # the server stops
}
"""What is said instead of the library's own texts, by its status."""


class Wire(ServerProtocol):
    """A websocket whose refusals a client can read, and which takes so many frames in a minute."""

    def __init__(self, frames_in_a_minute: int, **options: Any) -> None:
        super().__init__(**options)
        self._frames = Minute(frames_in_a_minute)

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame; raises ProtocolError, after which nothing more is read, where it is one too many."""
        if self._frames.is_over():
            self.fail(TOO_MANY, "Too many frames")
            raise ProtocolError("too many frames")
        super().recv_frame(frame)

    def reject(self, status: StatusLike, text: str) -> Response:
        """The answer to a handshake that is refused; it ends the connection."""
        told, code, message = REFUSALS.get(int(status), NO_HANDSHAKE)
        response = super().reject(told, orjson.dumps({"errors": [refusal(code, message).formatted]}).decode())
        del response.headers["Content-Type"]
        response.headers.update({"Content-Type": "application/json", **STRICT})
        return response
