"""Processes of their own over private servers, as the journeys start them."""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from tests.server import Server

Settings = dict[str, str]


class Start(Protocol):
    """Starts a process that is stopped at the end of the test, unless it has ended by then."""

    async def __call__(self, command: str, *options: str) -> Server: ...


async def asked(url: str, **request: Any) -> httpx.Response:
    """The answer to a request on a connection of its own, which any process behind the port may take."""
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.request(request.pop("method", "GET"), url, **request)
