"""Websockets: who is on one and until when, what a message must look like, and one log line for each operation."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Any

from starlette.websockets import WebSocketDisconnect
from strawberry.http.async_base_view import AsyncBaseHTTPView
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, Message

from graph.auth import TokenExpired, TokenInvalid, TokenVerifier, Viewer, bearer_token
from graph.context import Context
from graph.operation import operation_label
from kernel.clock import utc_now
from kernel.logging import log

BAD_REQUEST = 4400
UNAUTHORIZED = 4401
"""The token is not valid here: the usual clients give up, as it would be refused again."""
FORBIDDEN = 4403
"""The token has expired: the usual clients ask for a new one and connect again."""

_log = log(__name__)


class AuthorizingView(AsyncBaseHTTPView[Any, Any, Any, Any, Any, Context, None]):
    """A view that can tell whose a token is."""

    verifier: TokenVerifier


class TransportWSHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """graphql-transport-ws for one socket: its viewer is whoever `connection_init` proves, until the token expires."""

    view: AuthorizingView

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expiry: asyncio.Task[None] | None = None

    async def handle_message(self, message: Message) -> None:
        if not _is_well_formed(message):
            await self.handle_invalid_message("Not a message of graphql-transport-ws")
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        if not self.connection_init_received:
            try:
                self.context.viewer = await self._viewer_of(message.get("payload"))
            except TokenExpired:
                await self.websocket.close(FORBIDDEN, "TOKEN_EXPIRED")
                return
            except TokenInvalid:
                await self.websocket.close(UNAUTHORIZED, "TOKEN_INVALID")
                return
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.context.viewer and self._expiry is None:
            self._expiry = asyncio.create_task(self._close_when_expired(self.context.viewer))

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        started = perf_counter()
        outcome = "cancelled"
        try:
            await super().run_operation(operation)
            outcome = "ended"
        finally:
            _log.info(
                "graphql_operation",
                operation=operation_label(operation.query, operation.operation_name),
                outcome=outcome,
                ms=round((perf_counter() - started) * 1000, 2),
            )

    async def shutdown(self) -> None:
        if self._expiry:
            self._expiry.cancel()
        await super().shutdown()

    async def _viewer_of(self, payload: object) -> Viewer | None:
        """The viewer that a payload proves, None where it proves none; raises TokenExpired or TokenInvalid."""
        given = payload if isinstance(payload, dict) else {}
        headers = {str(name).lower(): value for name, value in given.items()}
        if headers.get("authorization") is None:
            return None
        return await self.view.verifier.verify(bearer_token(headers["authorization"]))

    async def _close_when_expired(self, viewer: Viewer) -> None:
        await asyncio.sleep((viewer.expires_at - utc_now()).total_seconds())
        for identifier in list(self.operations):
            await self.cleanup_operation(identifier)
        with suppress(RuntimeError, WebSocketDisconnect):  # the client may have gone at this very moment
            await self.websocket.close(FORBIDDEN, "TOKEN_EXPIRED")


def _is_well_formed(message: object) -> bool:
    """Whether Strawberry can take the message: an object whose parts are of the kinds that the protocol gives them."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("subscribe", "complete"):
        return True
    if not isinstance(message.get("id"), str) or message["type"] == "complete":
        return isinstance(message.get("id"), str)
    payload = message.get("payload")
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )
