"""Websockets: who is on one and until when, what a message must look like, and one log line for each operation."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack, suppress
from time import monotonic, perf_counter
from typing import Any

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from graph.auth import IssuerAway, TokenExpired, TokenInvalid, TokenVerifier, Viewer, bearer_token
from graph.context import Context
from graph.errors import TIMEOUT_MESSAGE, Code, refusal
from graph.operation import LASTS, operation_label
from graph.ports import Rates
from graph.rates import address_of, patience
from graph.shared_socket import SharingHandler, SharingView
from kernel.clock import utc_now
from kernel.logging import log

BAD_REQUEST = 4400
UNAUTHORIZED = 4401
"""The token is not valid here: the usual clients give up, as it would be refused again."""
FORBIDDEN = 4403
"""The token has expired: the usual clients ask for a new one and connect again."""

TRY_AGAIN_LATER = 1013
"""The token's issuer is away: the usual clients connect again after a while."""
TOO_MANY = 4429
MINUTE_SECONDS = 60.0
EXECUTED_AT_A_TIME = 4
"""How many queries and mutations of a socket are executed, or wait for it to read their results."""

_log = log(__name__)


class AuthorizingView(SharingView):
    """A view that can tell whose a token is, and what its clients may ask for."""

    verifier: TokenVerifier
    rates: Rates
    sockets: Counter[str]
    """How many websockets each viewer has open."""


class TransportWSHandler(SharingHandler):
    """graphql-transport-ws for one socket: its viewer is whoever `connection_init` proves, until the token expires."""

    view: AuthorizingView

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expiry: asyncio.Task[None] | None = None
        self._token: str | None = None
        self._counted: str | None = None
        self._minute = 0.0
        self._messages = 0
        self._turns = asyncio.Semaphore(EXECUTED_AT_A_TIME)
        assert isinstance(self.websocket, ASGIWebSocketAdapter)
        self._address = address_of(self.websocket.ws.scope, self.view.limits.trusted_proxies)

    async def handle_message(self, message: Message) -> None:
        if self._is_beyond_a_minutes_messages():
            await self.websocket.close(TOO_MANY, "Too many messages")
            return
        if not _is_well_formed(message):
            await self.handle_invalid_message("Not a message of graphql-transport-ws")
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        if not self.connection_init_received:
            try:
                self._token = _token_in(message.get("payload"))
                viewer = await self.view.verifier.verify(self._token) if self._token else None
            except (TokenInvalid, IssuerAway) as error:
                await self.websocket.close(*_why_closed(error))
                return
            if viewer and not self._has_room_for(viewer):
                await self.websocket.close(FORBIDDEN, "TOO_MANY_SOCKETS")
                return
            self.context.viewer = viewer
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.context.viewer and self._token and self._expiry is None:
            self._expiry = asyncio.create_task(self._close_when_over(self._token, self.context.viewer))

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Start an operation, unless there are too many of this socket, its viewer or its address."""
        if self.connection_acknowledged and message["id"] not in self.operations:
            if len(self.operations) < self.view.limits.socket_operations:
                viewer = self.context.viewer
                seconds = await self.view.rates.wait(self._address, viewer.subject if viewer else None)
                refused = seconds > 0 and f"You ask too often: wait {patience(seconds)} s."
            else:
                refused = f"A websocket runs {self.view.limits.socket_operations} operations at a time."
            if refused:
                error = refusal(Code.RATE_LIMITED, refused)
                await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})
                return
        await super().handle_subscribe(message)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        started = perf_counter()
        outcome = "cancelled"
        try:
            with ExitStack() as turn:
                await self._turns.acquire()
                turn.callback(self._turns.release)
                async with asyncio.timeout(self.view.limits.query_seconds) as deadline:
                    LASTS.set(lambda: (deadline.reschedule(None), turn.close()))
                    await super().run_operation(operation)
            outcome = "ended"
        except TimeoutError:
            outcome = Code.TIMEOUT.value
            await operation.send_initial_errors([refusal(Code.TIMEOUT, TIMEOUT_MESSAGE)])
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
        if self._counted is not None:
            self.view.sockets[self._counted] -= 1
            if not self.view.sockets[self._counted]:
                del self.view.sockets[self._counted]
        await super().shutdown()

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """None: a document that cannot be executed is the error of its operation, and the socket stays open."""
        return None

    def _is_beyond_a_minutes_messages(self) -> bool:
        """Count a message."""
        now = monotonic()
        if now - self._minute > MINUTE_SECONDS:
            self._minute, self._messages = now, 0
        self._messages += 1
        return self._messages > self.view.limits.socket_messages

    def _has_room_for(self, viewer: Viewer) -> bool:
        """Whether the viewer may open one more websocket, which is counted then."""
        if self.view.sockets[viewer.subject] >= self.view.limits.sockets_per_viewer:
            return False
        self.view.sockets[viewer.subject] += 1
        self._counted = viewer.subject
        return True

    async def _close_when_over(self, token: str, viewer: Viewer) -> None:
        """Close when the token has expired, or when its issuer does not stand by it any more."""
        over = await self._over(token, viewer)
        for identifier in list(self.operations):
            await self.cleanup_operation(identifier)
        with suppress(RuntimeError, WebSocketDisconnect):  # the client may have gone at this very moment
            await self.websocket.close(*_why_closed(over))

    async def _over(self, token: str, viewer: Viewer) -> TokenInvalid:
        while (left := (viewer.expires_at - utc_now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, self.view.verifier.believed_seconds))
            try:
                await self.view.verifier.verify(token)
            except TokenInvalid as error:
                return error
            except IssuerAway:
                continue
        return TokenExpired("the token has expired")


def _token_in(payload: object) -> str | None:
    """The token in the payload of `connection_init`, None where it has none; raises TokenInvalid."""
    given = payload if isinstance(payload, dict) else {}
    written = [value for name, value in given.items() if str(name).lower() == "authorization" and value is not None]
    if not written:
        return None
    return bearer_token(written[0] if len(written) == 1 else None)


def _why_closed(error: TokenInvalid | IssuerAway) -> tuple[int, str]:
    """The code and reason of a socket whose token does not hold."""
    if isinstance(error, IssuerAway):
        return TRY_AGAIN_LATER, "ISSUER_AWAY"
    return (FORBIDDEN, "TOKEN_EXPIRED") if isinstance(error, TokenExpired) else (UNAUTHORIZED, "TOKEN_INVALID")


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
