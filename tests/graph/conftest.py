"""A marketplace that the tests of the GraphQL floor share; each brings its own people and books."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette

from app.settings import Settings
from app.wiring import migrate_all
from app.worker import sender, worker
from graph.auth import TokenVerifier
from graph.context import Services
from graph.http import build_graph_app
from tests.conftest import FORMS
from tests.graph.market import Market, open_market
from tests.server import Server
from tests.serving import serving


@pytest.fixture(scope="session")
async def embedded_market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    """The marketplace in one process."""
    settings = Settings.load(data=tmp_path_factory.mktemp("market"))
    await migrate_all(settings)
    async with open_market(settings, worker) as opened:
        yield opened


@pytest.fixture(scope="session")
async def stack_market(stack_server: Server) -> AsyncIterator[Market]:
    """The marketplace as one more gateway of the full stack."""
    async with open_market(stack_server.settings, sender) as opened:
        yield opened


@pytest.fixture(scope="session", params=FORMS)
def market(request: pytest.FixtureRequest) -> Market:
    """The marketplace in each form: a test that asks for this is run on both."""
    return request.getfixturevalue(f"{request.param}_market")


@asynccontextmanager
async def listening(
    market: Market, services: Services, verifier: TokenVerifier | None = None, at: socket.socket | None = None
) -> AsyncIterator[str]:
    """Where these services listen for websockets: a real server on a port of its own, or at this socket."""
    app = Starlette(routes=build_graph_app(services, verifier or market.shop.issuer))
    async with serving(app, services.limits, at) as port:
        yield f"ws://127.0.0.1:{port}/graphql"


@pytest.fixture(scope="session")
async def socket_url(market: Market) -> AsyncIterator[str]:
    """Where the marketplace listens for websockets."""
    async with listening(market, market.shop.services) as url:
        yield url
