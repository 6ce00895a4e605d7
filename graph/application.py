"""An application over HTTP: every answer has strict headers, and what is refused is JSON with a code."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from graph.errors import Code
from graph.headers import header_middleware
from graph.http import REQUEST_ID
from graph.request import JSON, Refused, crash
from kernel.logging import correlated, log

NOTHING_HERE = Refused(404, Code.NOT_FOUND, "There is nothing under this path.")

_log = log(__name__)


def application(
    routes: Sequence[BaseRoute], *, allowed_origins: Sequence[str] = (), production: bool = False
) -> Starlette:
    """An application of these routes, which pages of these origins may ask; in production over HTTPS alone."""
    built = Starlette(
        routes=[*routes, WebSocketRoute("/{path:path}", _no_websocket_here)],
        middleware=[*header_middleware(allowed_origins, https_only=production), Middleware(Masking)],
        exception_handlers={404: _nothing_here, 405: _another_method},
    )
    # A redirect would name scheme and host as the request has them: behind a proxy, plain HTTP; else whatever is sent.
    built.router.redirect_slashes = False
    return built


class Masking:
    """Answers a bug of ours without what went wrong, which is in the log under the id that the answer has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            if started or scope["type"] == "lifespan":
                raise  # the server logs it, and cuts off what was begun
            with correlated(None) as identifier:
                _log.exception("request_failed", method=scope.get("method", "GET"))
                answer = crash(JSON)
            answer.headers[REQUEST_ID] = identifier
            await answer(scope, receive, send)


async def _nothing_here(_request: Request, _error: Exception) -> Response:
    return NOTHING_HERE.response(JSON)


async def _no_websocket_here(websocket: WebSocket) -> None:
    await websocket.send_denial_response(NOTHING_HERE.response(JSON))


async def _another_method(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
    return Refused(405, Code.METHOD_NOT_ALLOWED, f"This path takes {allowed} alone.", Allow=allowed).response(JSON)
