"""The endpoint: GraphQL over HTTP for queries and mutations, websockets for subscriptions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from json import JSONDecodeError
from math import inf
from time import perf_counter
from typing import Any, Never

import orjson
from graphql import GraphQLError
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from graph.auth import IssuerAway, TokenExpired, TokenInvalid, TokenVerifier, Viewer, bearer_token
from graph.context import Context, Services
from graph.errors import TIMEOUT_MESSAGE, UNAVAILABLE_MESSAGE, Code, presentable, refusal
from graph.groups import Groups
from graph.json_input import JsonRefused, read_json
from graph.operation import operation_label
from graph.rates import address_of, patience
from graph.request import (
    GRAPHQL_JSON,
    JSON,
    Operation,
    Refused,
    accepts,
    crash,
    read_body,
    read_operation,
    require_post,
)
from graph.schema import schema
from graph.tally import Tally
from graph.websocket import AuthorizingView, TransportWSHandler
from kernel.logging import correlated, correlation_id, log
from kernel.trace import parse_traceparent

REQUEST_ID = "X-Request-Id"
TELL_COST = "X-Query-Cost"
"""A request with this header is told in `extensions` what it costs."""
RETRY_SECONDS = 1
"""What a client is told to wait while a database is away."""

_log = log(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def build_graph_app(
    services: Services, verifier: TokenVerifier, *, path: str = "/graphql", allowed_origins: Sequence[str] = ()
) -> list[BaseRoute]:
    """The routes of the endpoint; pages of `allowed_origins` may open websockets besides those of its own origin."""
    endpoint = Endpoint(services, verifier, allowed_origins=allowed_origins)
    return [Route(path, endpoint), WebSocketRoute(path, endpoint)]


class Endpoint(GraphQL[Context, None], AuthorizingView):
    """Answers HTTP by itself, as GraphQL over HTTP says, and leaves websockets to Strawberry."""

    graphql_transport_ws_handler_class = TransportWSHandler

    def __init__(self, services: Services, verifier: TokenVerifier, *, allowed_origins: Sequence[str]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=services.limits.socket_init_seconds),
            max_subscriptions_per_connection=services.limits.socket_operations,
            allowed_origins=allowed_origins,
        )
        self._services = services
        self.groups = Groups(services, schema)
        self.rates = services.rates
        self.limits = limits = services.limits
        self.viewers_sockets = Tally(limits.sockets_per_viewer)
        # Without proxies in front the server itself counts the connections of an address.
        self.addresses_sockets = Tally(limits.connections_per_address if limits.trusted_proxies else inf)
        self.operations = Tally(limits.operations_per_address)
        self.verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        given = headers.get(REQUEST_ID.lower().encode(), b"").decode("latin-1")
        with correlated(given if _REQUEST_ID.fullmatch(given) else None, _trace_of(scope)) as request_id:
            if scope["type"] == "websocket":
                await super().__call__(scope, receive, send)
                return
            response = await self._answer(Request(scope, receive))
            response.headers[REQUEST_ID] = request_id
            await response(scope, receive, send)

    async def get_context(self, request: HTTPConnection, response: object) -> Context:
        """The context of a websocket; its viewer is known once the connection is initialised."""
        return Context.of(self._services, None, self._address_of(request))

    async def reject_websocket(self, request: WebSocket) -> WebSocket:
        """Tell a page of an origin that is not named why it opens no websocket; that counts as a request."""
        await self.rates.count(self._address_of(request), None)
        refused = Refused(403, Code.FORBIDDEN, "Pages of this origin may open no websockets here.").response(JSON)
        refused.headers[REQUEST_ID] = correlation_id()
        await request.send_denial_response(refused)
        return request

    def decode_json(self, data: str | bytes) -> object:
        """A websocket's message; raises JSONDecodeError."""
        try:
            return read_json(data.encode() if isinstance(data, str) else data, self.limits)
        except JsonRefused as refused:
            raise JSONDecodeError(str(refused), "", 0) from None

    def encode_json(self, data: object) -> str:
        """A websocket's message as text."""
        return orjson.dumps(data).decode()

    async def _answer(self, request: Request) -> Response:
        started = perf_counter()
        media_type = GRAPHQL_JSON if accepts(request, GRAPHQL_JSON) else JSON
        operation = context = None
        try:
            context = Context.of(self._services, await self._admitted(request), self._address_of(request))
            require_post(request)
            operation = read_operation(await read_body(request, self.limits.body_bytes), self.limits)
            result = await self._execute(operation, context)
            response = _response(result, media_type, self._told_cost(request, context))
            outcome = "errors" if result.errors else "ok"
        except Refused as refused:
            response, outcome = refused.response(media_type), refused.code
        except Exception:
            _log.exception("graphql_request_failed")
            response, outcome = crash(media_type), Code.INTERNAL_SERVER_ERROR.value
        seconds = perf_counter() - started
        self._services.meter.request(outcome, seconds)
        _log.info(
            "graphql_request",
            operation=operation_label(operation.query, operation.name) if operation else None,
            status=response.status_code,
            outcome=outcome,
            cost=context.cost if context else None,
            ms=round(seconds * 1000, 2),
        )
        return response

    async def _admitted(self, request: Request) -> Viewer | None:
        """The viewer of a request that need not wait; raises Refused."""
        address = self._address_of(request)
        try:
            viewer = await self._viewer_of(request)
        except Refused:
            _require_patience(await self.rates.count(address, None))
            raise
        _require_patience(await self.rates.count(address, viewer.subject if viewer else None))
        return viewer

    def _address_of(self, request: HTTPConnection) -> str:
        return address_of(request.scope, self.limits.trusted_proxies)

    def _told_cost(self, request: Request, context: Context) -> dict[str, int] | None:
        """What a client is told of the cost that asks for it."""
        if context.cost is None or TELL_COST not in request.headers:
            return None
        return {"cost": context.cost, "limit": self.limits.query_cost}

    async def _viewer_of(self, request: Request) -> Viewer | None:
        """The viewer of the request's token, None without one; raises Refused for a token that does not hold."""
        headers = request.headers.getlist("authorization")
        if not headers:
            return None
        try:
            return await self.verifier.verify(bearer_token(headers[0] if len(headers) == 1 else None))
        except TokenExpired:
            _refuse_token(Code.TOKEN_EXPIRED, "The token has expired: get a new one.")
        except TokenInvalid:
            _refuse_token(Code.TOKEN_INVALID, "The token is not valid here.")
        except IssuerAway:
            raise Refused(503, Code.SERVICE_UNAVAILABLE, UNAVAILABLE_MESSAGE, Retry_After=str(RETRY_SECONDS)) from None

    async def _execute(self, operation: Operation, context: Context) -> ExecutionResult:
        try:
            async with asyncio.timeout(self.limits.query_seconds):
                return await schema.execute(
                    operation.query,
                    variable_values=operation.variables,
                    context_value=context,
                    operation_name=operation.name,
                    allowed_operation_types={OperationType.QUERY, OperationType.MUTATION},
                )
        except TimeoutError:
            raise Refused(504, Code.TIMEOUT, TIMEOUT_MESSAGE) from None
        except InvalidOperationTypeError:
            message = "Subscriptions run over a websocket that speaks graphql-transport-ws."
            return _not_executed(refusal(Code.BAD_REQUEST, message))
        except CannotGetOperationTypeError as error:
            return _not_executed(refusal(Code.BAD_REQUEST, error.as_http_error_reason()))
        except MissingQueryError:
            return _not_executed(refusal(Code.BAD_REQUEST, "The document is empty."))


def _trace_of(scope: Scope) -> str | None:
    """The trace that the client says the request belongs to."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
    return parse_traceparent(given[0]) if len(given) == 1 else None


def _not_executed(error: GraphQLError) -> ExecutionResult:
    return PreExecutionError(data=None, errors=[error])


def _require_patience(seconds: float) -> None:
    if seconds > 0:
        message = "You ask too often: wait a moment."
        raise Refused(429, Code.RATE_LIMITED, message, Retry_After=patience(seconds))


def _response(result: ExecutionResult, media_type: str, cost: dict[str, int] | None) -> Response:
    """The answer to a request that was well formed; one that could not be executed has no data."""
    errors = [presentable(error, executing=True) for error in result.errors or ()]
    if result.data is None and errors and all(error.path is None for error in errors):
        status = 400 if media_type == GRAPHQL_JSON else 200
        return Response(orjson.dumps({"errors": [error.formatted for error in errors]}), status, media_type=media_type)
    body: dict[str, Any] = {"data": result.data}
    if errors:
        body = {"errors": [error.formatted for error in errors], **body}
    if cost:
        body["extensions"] = {"cost": cost}
    response = Response(orjson.dumps(body), media_type=media_type)
    if any((error.extensions or {}).get("code") == Code.SERVICE_UNAVAILABLE for error in errors):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _refuse_token(code: Code, message: str) -> Never:
    challenge = f'Bearer realm="bookstall", error="invalid_token", error_description="{message}"'
    raise Refused(401, code, message, WWW_Authenticate=challenge)
