"""An application of this process on a real socket, for tests that look at what is behind it too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from app.protocols import BoundedConfig
from graph.limits import Limits


@asynccontextmanager
async def serving(
    application: ASGIApp, limits: Limits | None = None, at: socket.socket | None = None
) -> AsyncIterator[int]:
    """The port at which the application listens for the block: one of its own, or that of this socket."""
    with at or socket.create_server(("127.0.0.1", 0)) as listening:
        listening.listen()
        config = BoundedConfig(
            application, limits=limits or Limits(), lifespan="off", log_config=None, access_log=False,
            server_header=False,
        )  # fmt: skip
        server = uvicorn.Server(config)
        running = asyncio.create_task(server._serve([listening]))  # `serve` would take the test runner's signals
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def served(application: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which listens on a port of its own for the block."""
    async with (
        serving(application) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        yield http
