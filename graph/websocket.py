"""Websockets: who is on one and until when, what a message must look like, and one log line for each operation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, aclosing, suppress
from time import perf_counter
from typing import Any

from graphql import GraphQLError, GraphQLSchema, GraphQLSyntaxError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
    SubscribeMessagePayload,
)

from graph.auth import IssuerAway, TokenExpired, TokenInvalid, TokenVerifier, Viewer, bearer_token
from graph.context import Context
from graph.deadline import at_work_for, resting
from graph.documents import Bounds, Examined
from graph.errors import TIMEOUT_MESSAGE, Code, masked, presentable, refusal
from graph.operation import LASTS, operation_label
from graph.ports import Rates
from graph.rates import address_of, patience
from graph.request import what_is_wrong
from graph.shared_socket import SharingHandler, SharingView
from graph.tally import Minute, Tallied, Tally
from kernel.clock import utc_now
from kernel.logging import log

BAD_REQUEST = 4400
UNAUTHORIZED = 4401
"""The token is not valid here: the usual clients give up, as it would be refused again."""
FORBIDDEN = 4403
"""The token has expired, or there are too many sockets, as the reason says: the usual clients connect again."""
TRY_AGAIN_LATER = 1013
"""The token's issuer is away, or an address asks too often: the usual clients connect again after a while."""
TOO_MANY = 4429
"""One socket says too much: the usual clients give up."""
TOO_MANY_SOCKETS = (FORBIDDEN, "TOO_MANY_SOCKETS")
ID_LENGTH = 64
"""The characters of an operation's id, which is in every message that belongs to it, and in reasons of closing."""
EXECUTED_AT_A_TIME = 4
"""How many queries and mutations of a socket are executed, or wait for it to read their results."""

_log = log(__name__)


class AuthorizingView(SharingView):
    """A view that can tell whose a token is, and what its clients may ask for."""

    verifier: TokenVerifier
    rates: Rates
    viewers_sockets: Tally
    """The websockets that each viewer has open."""
    addresses_sockets: Tally
    """The websockets that are open from each address."""
    operations: Tally
    """The operations that run on the websockets of each address."""


class TransportWSHandler(SharingHandler):
    """graphql-transport-ws for one socket: its viewer is whoever `connection_init` proves, until the token expires."""

    view: AuthorizingView

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expiry: asyncio.Task[None] | None = None
        self._token: str | None = None
        self._counted: str | None = None
        """The viewer for whom this socket is counted."""
        self._messages = Minute(self.view.limits.socket_messages)
        self._places = asyncio.Semaphore(EXECUTED_AT_A_TIME)
        assert isinstance(self.websocket, ASGIWebSocketAdapter)
        self._address = address_of(self.websocket.ws.scope, self.view.limits.trusted_proxies)
        self.operations = Tallied(self.view.operations, self._address)

    async def handle(self) -> None:
        """Take messages until the end, unless the address has asked too often or has too many sockets."""
        if await self.view.rates.count(self._address, None):
            await self.websocket.close(TRY_AGAIN_LATER, Code.RATE_LIMITED.value)
            return
        sockets = self.view.addresses_sockets
        if not sockets.has_room(self._address):
            await self.websocket.close(*TOO_MANY_SOCKETS)
            return
        sockets.add(self._address)
        try:
            await super().handle()
        finally:
            sockets.remove(self._address)

    async def handle_message(self, message: Message) -> None:
        if self._messages.is_over():
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
                await self.websocket.close(*TOO_MANY_SOCKETS)
                return
            self.context.viewer = viewer
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.context.viewer and self._token and self._expiry is None:
            self._expiry = asyncio.create_task(self._close_when_over(self._token, self.context.viewer))

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Start an operation, unless there are too many of this socket, its viewer or its address."""
        if not self.connection_acknowledged or message["id"] in self.operations:
            await super().handle_subscribe(message)  # which closes the socket
            return
        admitted = await self._admit(message["payload"])
        if isinstance(admitted, Examined):
            await self.start(message, admitted)
        else:
            await self.refuse(message, admitted)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        started = perf_counter()
        outcome = "cancelled"
        try:
            with ExitStack() as turn:
                await self._places.acquire()
                turn.callback(self._places.release)
                LASTS.set(turn.close)
                async with at_work_for(self.view.limits.query_seconds):
                    await self._execute(operation)
            outcome = "ended"
        except TimeoutError:
            outcome = Code.TIMEOUT.value
            await operation.send_initial_errors([refusal(Code.TIMEOUT, TIMEOUT_MESSAGE)])
        except Exception:
            if self._is_open():
                outcome = Code.INTERNAL_SERVER_ERROR.value
                _log.exception("operation_failed")
                await operation.send_initial_errors([masked()])
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
        self.view.viewers_sockets.remove(self._counted)
        await super().shutdown()

    async def send_message(self, message: Message) -> None:
        """Send it, however long its client takes to read what came before."""
        with resting():
            await super().send_message(message)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """None: a document that cannot be executed is the error of its operation, and the socket stays open."""
        return None

    def _has_room_for(self, viewer: Viewer) -> bool:
        """Whether the viewer may open one more websocket, which is counted then."""
        if not self.view.viewers_sockets.has_room(viewer.subject):
            return False
        self.view.viewers_sockets.add(viewer.subject)
        self._counted = viewer.subject
        return True

    async def _admit(self, payload: SubscribeMessagePayload) -> Examined | Sequence[GraphQLError]:
        """Count an operation and examine its document: the document where it can be started, or why it cannot."""
        viewer, limits = self.context.viewer, self.view.limits
        if seconds := await self.view.rates.count(self._address, viewer.subject if viewer else None):
            return [refusal(Code.RATE_LIMITED, f"You ask too often: wait {patience(seconds)} s.")]
        if wrong := what_is_wrong(payload["query"], payload.get("operationName")):
            return [refusal(Code.BAD_REQUEST, wrong)]
        core: GraphQLSchema = self.schema._schema  # type: ignore[attr-defined]
        try:
            async with asyncio.timeout(limits.query_seconds):
                examined = await self.context.documents.examined_in_turn(
                    core, payload["query"], Bounds.of(limits), self.context.asker
                )
        except TimeoutError:
            return [refusal(Code.TIMEOUT, TIMEOUT_MESSAGE)]
        except GraphQLSyntaxError as error:
            return [presentable(error, executing=False)]
        errors = examined.errors if examined.operations else ()  # of one without any its execution tells
        if errors:
            return [presentable(error, executing=False, suggesting=limits.explorable) for error in errors]
        if len(self.operations) >= limits.socket_operations:
            most = f"A websocket runs {limits.socket_operations} operations at a time."
            return [refusal(Code.RATE_LIMITED, most)]
        if not self.view.operations.has_room(self._address):
            most = f"The websockets of an address run {limits.operations_per_address} operations at a time."
            return [refusal(Code.RATE_LIMITED, most)]
        return examined

    async def _execute(self, operation: Operation[Context, None]) -> None:
        """Send each result, and that there are no more."""
        stream: Any = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=self.context,
            operation_name=operation.operation_name,
        )
        async with aclosing(stream):
            await self._send_result_stream(operation, stream)
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    def _is_open(self) -> bool:
        return WebSocketState.DISCONNECTED not in (self.socket.application_state, self.socket.client_state)

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
    identifier = message.get("id")
    if not isinstance(identifier, str) or len(identifier) > ID_LENGTH:
        return False
    if message["type"] == "complete":
        return True
    payload = message.get("payload")
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )
