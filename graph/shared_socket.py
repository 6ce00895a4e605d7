"""Websockets whose subscriptions share executions: what is common is written in the same bytes to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from time import perf_counter
from typing import Any, cast

import orjson
from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.async_base_view import AsyncBaseHTTPView
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, SubscribeMessage

from graph.context import Context
from graph.documents import Examined
from graph.errors import Code, refusal
from graph.groups import Frame, Group, Groups
from graph.limits import Limits
from graph.operation import operation_label
from graph.sharing import Request, shareable
from kernel.logging import correlated, correlation_id, log

WRITE_TEXT = "bookstall.write_text"
"""The extension of ASGI's scope by which a server lets a websocket be written to at once."""
WriteText = Callable[[bytes, bytes], bool]
"""Writes a text message, given in two parts; False, and nothing is written, while the client has too much to read."""

_log = log(__name__)


class SharingView(AsyncBaseHTTPView[Any, Any, Any, Any, Any, Context, None]):
    """A view whose subscriptions share executions."""

    limits: Limits
    groups: Groups


class Subscription(Operation[Context, None]):
    """One subscription of a group, on one socket; it has a task only while its client reads too slowly."""

    __slots__ = ("_correlation", "_group", "_head", "_sending", "_socket", "_started", "_unsent", "_write")

    def __init__(self, handler: SharingHandler, identifier: str, request: Request) -> None:
        super().__init__(handler, identifier, request.query, request.variables, request.name)
        self._socket = handler.socket
        self._write = handler.write_text
        self._head = b'{"id":' + orjson.dumps(identifier) + b',"type":"next","payload":'
        self._unsent: dict[Hashable, Frame] = {}
        self._sending: asyncio.Task[None] | None = None
        self._group: Group | None = None
        self._started = perf_counter()
        self._correlation = correlation_id()

    def join(self, groups: Groups, request: Request) -> None:
        """Watch with the others who ask for the same."""
        context = self.handler.context
        self._group = groups.join(request, context.viewer, self, context.asker)
        # Thousands ask in the same words, of which one copy is enough.
        self.query, self.variables = self._group.request.query, self._group.request.variables

    def offer(self, frame: Frame) -> None:
        """Send it, or keep it until it can be sent: of two updates of a thing the newer one."""
        if self.completed:
            return
        if frame.kind != "next":
            self._end(frame.kind if frame.kind == "error" else "ended")
        if self._sending is None and self._write(self._head_of(frame), frame.tail):
            return
        self._unsent[frame.key] = frame
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    def leave(self) -> None:
        """The client has had enough, or is gone."""
        if not self.completed:
            self._end("cancelled")
        if self._sending is not None:
            self._sending.cancel()

    def _end(self, outcome: str) -> None:
        self.completed = True
        self.handler.operations.pop(self.id, None)
        if self._group is not None:
            self._group.leave(self)
        with correlated(self._correlation):  # the group may end it, in whose name nothing was asked
            _log.info(
                "graphql_operation",
                operation=operation_label(self.query, self.operation_name),
                outcome=outcome,
                ms=round((perf_counter() - self._started) * 1000, 2),
            )

    async def _send(self) -> None:
        try:
            while self._unsent:
                frame = self._unsent.pop(next(iter(self._unsent)))
                await self._socket.send_text((self._head_of(frame) + frame.tail).decode())
        except (WebSocketDisconnect, RuntimeError):
            self._unsent.clear()  # the socket is gone, which ends its operations elsewhere
        finally:
            self._sending = None

    def _head_of(self, frame: Frame) -> bytes:
        if frame.kind == "next":
            return self._head
        return b'{"id":' + orjson.dumps(self.id) + b',"type":"' + frame.kind.encode() + b'"'


class SharingHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """graphql-transport-ws for one socket, whose subscriptions are members of groups wherever that is possible."""

    socket: WebSocket
    write_text: WriteText

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert isinstance(self.websocket, ASGIWebSocketAdapter)
        self.socket = self.websocket.ws
        extensions = self.socket.scope.get("extensions") or {}
        self.write_text = cast(WriteText, extensions.get(WRITE_TEXT, _not_at_once))

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        await super().handle_connection_init(message)
        if self.connection_acknowledged:
            self.connection_init_timeout_task = None  # it is over, and thousands of them are worth forgetting

    async def start(self, message: SubscribeMessage, examined: Examined) -> None:
        """Begin an operation, whose document was examined, with the others who ask for the same or alone."""
        payload, most = message["payload"], self.context.limits.query_cost
        request = shareable(
            self.schema, examined, most, payload["query"], payload.get("variables"), payload.get("operationName")
        )
        if request is None:
            await super().handle_subscribe(message)
            return
        view = cast(SharingView, self.view)
        if not view.groups.has_room(request, self.context.viewer, self.context.asker):
            most = view.limits.groups_per_asker
            why = f"A viewer, or all strangers of an address, watch {most} different things at a time."
            await self.refuse(message, [refusal(Code.RATE_LIMITED, why)])
            return
        subscription = Subscription(self, message["id"], request)
        self.operations[message["id"]] = subscription
        subscription.join(view.groups, request)

    async def refuse(self, message: SubscribeMessage, errors: Sequence[GraphQLError]) -> None:
        """Tell why an operation is not started."""
        payload = message["payload"]
        _log.info(
            "graphql_operation",
            operation=operation_label(payload["query"], payload.get("operationName")),
            outcome=(errors[0].extensions or {}).get("code"),
        )
        told = [error.formatted for error in errors]
        await self.send_message({"id": message["id"], "type": "error", "payload": told})

    async def cleanup_operation(self, operation_id: str) -> None:
        operation = self.operations.get(operation_id)
        if isinstance(operation, Subscription):
            operation.leave()
        else:
            await super().cleanup_operation(operation_id)


def _not_at_once(head: bytes, body: bytes) -> bool:
    """Where the server has no way for it."""
    return False
