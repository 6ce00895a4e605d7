"""The gateway: the ASGI application with GraphQL, GraphiQL, health and metrics, and the process around it."""

from __future__ import annotations

import contextlib
import socket

from starlette.applications import Starlette

from app.exposition import watching_routes
from app.process import console, listen, serve_until, start, stop_on_signals, url_of
from app.settings import Settings
from app.supervisor import inherited, supervise
from app.webhooks import payment_routes
from app.wiring import Shop, open_shop, require_migrated
from app.worker import sender
from graph.application import application
from graph.auth import Role
from graph.http import build_graph_app
from graph.pages import IssueToken, graphiql_routes

PAGE_ROLE = Role.SELLER
"""What GraphiQL's session may do beside buying: its last example tab sells a book."""


def gateway(shop: Shop) -> Starlette:
    """The application of one gateway process."""
    origins, explorable = shop.settings.origins, shop.services.limits.explorable
    return application(
        [
            *build_graph_app(shop.services, shop.verifier, allowed_origins=origins),
            *(graphiql_routes(_session_of(shop), shop.settings.hosts_of_sessions) if explorable else ()),
            *payment_routes(shop),
            *watching_routes(shop),
        ],
        allowed_origins=origins,
        production=shop.settings.production,
    )


def _session_of(shop: Shop) -> IssueToken | None:
    """How GraphiQL gets its token: not at all where a provider issues them."""
    if not shop.settings.issues_its_tokens:
        return None
    return lambda: shop.issuer.issue(shop.settings.sample_buyer, PAGE_ROLE)


def run_gateway(settings: Settings, *, workers: int, inherits: str | None) -> None:
    """Serves the API alone until SIGINT or SIGTERM: workers elsewhere do what follows. Raises Complaint."""
    settings.require_full_stack()
    if inherits is not None:
        listening, lifeline = inherited(inherits)
        start(_serve(settings, listening, lifeline))
        return
    with contextlib.closing(listen(settings.host, settings.port)) as listening:
        if workers == 1:
            start(_serve(settings, listening))
        else:
            start(require_migrated(settings))
            supervise(["gateway", "--data", str(settings.data)], listening, workers)


async def _serve(settings: Settings, listening: socket.socket, lifeline: int | None = None) -> None:
    stop = stop_on_signals(lifeline)
    await require_migrated(settings)
    async with open_shop(settings) as shop:
        sending = sender(shop)
        await sending.start()
        try:
            console.print(f"A gateway is ready at {url_of(listening)}/graphql.", soft_wrap=True)
            await serve_until(stop, gateway(shop), listening, settings.stop_seconds, settings.limits())
        finally:
            await sending.stop()
