"""A configuration of uvicorn whose connections keep the limits."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn

from app.protocols.connections import Connections
from app.protocols.http import BoundedHttp
from app.protocols.websocket import BoundedWebSocket
from graph.limits import Limits


class BoundedConfig(uvicorn.Config):
    """A configuration of uvicorn whose connections keep these limits."""

    def __init__(self, *arguments: Any, limits: Limits, **options: Any) -> None:
        opened = Connections(limits)
        super().__init__(
            *arguments,
            http=_within(limits, opened, BoundedHttp),
            ws=_within(limits, opened, BoundedWebSocket),
            ws_max_size=limits.socket_message_bytes,
            ws_ping_interval=limits.socket_ping_seconds,
            ws_ping_timeout=limits.socket_ping_seconds,
            ws_per_message_deflate=False,  # its buffers would be most of what a silent connection takes
            proxy_headers=False,  # `trusted_proxies` says whom to believe
            callback_notify=opened.cut_off_silent_readers,
            timeout_notify=0,  # each second
            **options,
        )


def _within(limits: Limits, opened: Connections, protocol: type[asyncio.Protocol]) -> Any:
    """This kind of connection with these limits; uvicorn makes one without arguments of ours."""
    return type(protocol.__name__, (protocol,), {"limits": limits, "opened": opened})
