"""Processes of their own over private servers, as the journeys start them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

import httpx

from tests.server import Server

Settings = dict[str, str]

IS_READY = re.compile(r"(?:ready at|Health)\s+(?P<url>http://\S+)/(?:graphql|readyz)")


class Process(Server):
    """`bookstall` with a command that serves."""

    def __init__(self, command: str, data: Path, *options: str, settings: Settings) -> None:
        super().__init__(data, *options, settings=settings)
        self.command = command

    @property
    def number(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """Waits for its end, which it was told of; the exit code."""
        assert self._process is not None
        return await self._process.wait()


class Start(Protocol):
    """Starts a process that is stopped at the end of the test, unless it has ended by then."""

    async def __call__(self, command: str, *options: str) -> Process: ...


async def asked(url: str, **request: Any) -> httpx.Response:
    """The answer to a request on a connection of its own, which any process behind the port may take."""
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.request(request.pop("method", "GET"), url, **request)
