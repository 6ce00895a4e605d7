"""The ASGI application: GraphQL, GraphiQL and what a supervisor asks."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.wiring import Shop
from graph.auth import Role
from graph.http import build_graph_app
from graph.pages import graphiql_routes
from kernel.database import DatabaseError
from messaging import outbox

PAGE_ROLE = Role.SELLER
"""What GraphiQL's session may do beside buying: its last example tab sells a book."""


def gateway(shop: Shop) -> Starlette:
    """The application of one gateway process."""
    buyer = shop.settings.sample_buyer

    async def livez(_request: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_request: Request) -> Response:
        away = await _away(shop)
        return JSONResponse({"ready": not away, "away": away}, status_code=503 if away else 200)

    return Starlette(
        routes=[
            *build_graph_app(shop.services, shop.issuer),
            *graphiql_routes(lambda: shop.issuer.issue(buyer, PAGE_ROLE)),
            Route("/livez", livez),
            Route("/readyz", readyz),
        ]
    )


async def _away(shop: Shop) -> list[str]:
    """The domains whose database does not answer."""
    away = []
    for name, database in shop.databases.items():
        try:
            await outbox.lag(database.read())
        except DatabaseError:
            away.append(name)
    return away
