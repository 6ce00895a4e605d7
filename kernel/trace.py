"""W3C trace context: the `traceparent` by which a tracer outside puts what happens here into its own picture."""

from __future__ import annotations

import re

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
)
_NO_TRACE, _NO_PARENT, _NO_VERSION = "0" * 32, "0" * 16, "ff"


def parse_traceparent(text: str | None) -> str | None:
    """The traceparent as of version 00, None for what is none; a later version may have more at its end."""
    found = _TRACEPARENT.match(text or "")
    if found is None or found["trace"] == _NO_TRACE or found["parent"] == _NO_PARENT or found["version"] == _NO_VERSION:
        return None
    more = (text or "")[found.end() :]
    if more and (found["version"] == "00" or not more.startswith("-")):
        return None
    return f"00-{found['trace']}-{found['parent']}-{found['flags']}"


def trace_id(traceparent: str) -> str:
    """The trace that a valid traceparent belongs to."""
    return traceparent.split("-")[1]
