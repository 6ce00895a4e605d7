"""The endpoint: GraphQL over HTTP for queries and mutations, websockets for subscriptions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any, Never

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from graph.auth import TokenExpired, TokenInvalid, TokenVerifier, Viewer, bearer_token
from graph.context import Context, Services
from graph.errors import MASKED_MESSAGE, Code, presentable, refusal
from graph.limits import BODY_LIMIT_BYTES, CONNECTION_INIT_SECONDS, OPERATIONS_PER_SOCKET
from graph.operation import is_operation_name, operation_label
from graph.schema import schema
from graph.websocket import AuthorizingView, TransportWSHandler
from kernel.logging import correlated, log

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
REQUEST_ID = "X-Request-Id"
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


class Refused(Exception):
    """A request that is not executed: an HTTP status, an error and what goes into the answer's headers."""

    def __init__(self, status: int, code: Code, message: str, **headers: str) -> None:
        super().__init__(message)
        self.code = code.value
        self._status = status
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self, media_type: str) -> Response:
        """The answer that says why."""
        body = {"errors": [refusal(Code(self.code), str(self)).formatted]}
        return Response(orjson.dumps(body), self._status, self._headers, media_type)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks to be executed."""

    query: str
    variables: dict[str, Any] | None
    name: str | None


class Endpoint(GraphQL[Context, None], AuthorizingView):
    """Answers HTTP by itself, as GraphQL over HTTP says, and leaves websockets to Strawberry."""

    graphql_transport_ws_handler_class = TransportWSHandler

    def __init__(self, services: Services, verifier: TokenVerifier, *, allowed_origins: Sequence[str]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=CONNECTION_INIT_SECONDS),
            max_subscriptions_per_connection=OPERATIONS_PER_SOCKET,
            allowed_origins=allowed_origins,
        )
        self._services = services
        self.verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        given = headers.get(REQUEST_ID.lower().encode(), b"").decode("latin-1")
        with correlated(given if _REQUEST_ID.fullmatch(given) else None) as request_id:
            if scope["type"] == "websocket":
                await super().__call__(scope, receive, send)
                return
            response = await self._answer(Request(scope, receive))
            response.headers[REQUEST_ID] = request_id
            await response(scope, receive, send)

    async def get_context(self, request: object, response: object) -> Context:
        """The context of a websocket; its viewer is known once the connection is initialised."""
        return Context.of(self._services, None)

    def decode_json(self, data: str | bytes) -> object:
        """A websocket's message; unlike the standard library's, this parser refuses NaN and bounds the nesting."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """A websocket's message as text."""
        return orjson.dumps(data).decode()

    async def _answer(self, request: Request) -> Response:
        started = perf_counter()
        media_type = GRAPHQL_JSON if _accepts(request, GRAPHQL_JSON) else JSON
        operation = None
        try:
            _require_post(request)
            viewer = await self._viewer_of(request)
            operation = _operation(await _read_body(request))
            result = await self._execute(operation, Context.of(self._services, viewer))
            response = _response(result, media_type)
            outcome = "errors" if result.errors else "ok"
        except Refused as refused:
            response, outcome = refused.response(media_type), refused.code
        except Exception:
            _log.exception("graphql_request_failed")
            crash = Refused(500, Code.INTERNAL_SERVER_ERROR, MASKED_MESSAGE)
            response, outcome = crash.response(media_type), crash.code
        seconds = perf_counter() - started
        self._services.meter.request(outcome, seconds)
        _log.info(
            "graphql_request",
            operation=operation_label(operation.query, operation.name) if operation else None,
            status=response.status_code,
            outcome=outcome,
            ms=round(seconds * 1000, 2),
        )
        return response

    async def _viewer_of(self, request: Request) -> Viewer | None:
        """The viewer of the request's token, None without one; raises Refused for a token that does not hold."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        try:
            return await self.verifier.verify(bearer_token(header))
        except TokenExpired:
            _refuse_token(Code.TOKEN_EXPIRED, "The token has expired: get a new one.")
        except TokenInvalid:
            _refuse_token(Code.TOKEN_INVALID, "The token is not valid here.")

    async def _execute(self, operation: Operation, context: Context) -> ExecutionResult:
        try:
            return await schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types={OperationType.QUERY, OperationType.MUTATION},
            )
        except InvalidOperationTypeError:
            message = "Subscriptions run over a websocket that speaks graphql-transport-ws."
            return _not_executed(refusal(Code.BAD_REQUEST, message))
        except CannotGetOperationTypeError as error:
            return _not_executed(refusal(Code.BAD_REQUEST, error.as_http_error_reason()))
        except MissingQueryError:
            return _not_executed(refusal(Code.BAD_REQUEST, "The document is empty."))


def _not_executed(error: GraphQLError) -> ExecutionResult:
    return PreExecutionError(data=None, errors=[error])


def _response(result: ExecutionResult, media_type: str) -> Response:
    """The answer to a request that was well formed; one that could not be executed has no data."""
    errors = [presentable(error, executing=True) for error in result.errors or ()]
    if result.data is None and errors and all(error.path is None for error in errors):
        status = 400 if media_type == GRAPHQL_JSON else 200
        return Response(orjson.dumps({"errors": [error.formatted for error in errors]}), status, media_type=media_type)
    body: dict[str, Any] = {"data": result.data}
    if errors:
        body = {"errors": [error.formatted for error in errors], **body}
    response = Response(orjson.dumps(body), media_type=media_type)
    if any((error.extensions or {}).get("code") == Code.SERVICE_UNAVAILABLE for error in errors):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _refuse_token(code: Code, message: str) -> Never:
    challenge = f'Bearer realm="bookstall", error="invalid_token", error_description="{message}"'
    raise Refused(401, code, message, WWW_Authenticate=challenge)


# --- reading a request ------------------------------------------------------------------------------------------


def _accepts(request: Request, media_type: str) -> bool:
    """Whether the client asks for this media type by its name."""
    ranges = (part.split(";") for header in request.headers.getlist("accept") for part in header.split(","))
    return any(
        name.strip().lower() == media_type and not any(_is_zero(parameter) for parameter in parameters)
        for name, *parameters in ranges
    )


def _is_zero(parameter: str) -> bool:
    return re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameter, re.IGNORECASE) is not None


def _require_post(request: Request) -> None:
    if request.method != "POST":
        raise Refused(405, Code.METHOD_NOT_ALLOWED, "Send queries and mutations by POST.", Allow="POST")
    media_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    charsets = {parameter.strip().strip('"') for parameter in parameters} - {""}
    if media_type.strip() != JSON or not charsets <= {"charset=utf-8", 'charset="utf-8'}:
        raise Refused(415, Code.UNSUPPORTED_MEDIA_TYPE, f"Send the request as {JSON} in UTF-8.", Accept_Post=JSON)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, Code.UNSUPPORTED_MEDIA_TYPE, "Send the request without a content encoding.")


async def _read_body(request: Request) -> bytes:
    """The whole body, read no further than the limit; raises Refused beyond it."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_LIMIT_BYTES:
                message = f"A request has at most {BODY_LIMIT_BYTES} bytes."
                raise Refused(413, Code.PAYLOAD_TOO_LARGE, message, Connection="close")
    except ClientDisconnect:
        raise Refused(400, Code.BAD_REQUEST, "The request broke off.") from None
    return bytes(body)


def _operation(body: bytes) -> Operation:
    """What the body asks for; raises Refused unless it is well formed."""
    try:
        request = orjson.loads(body)
    except ValueError:
        raise Refused(400, Code.BAD_REQUEST, "The body is not JSON.") from None
    if isinstance(request, list):
        raise Refused(400, Code.BAD_REQUEST, "Send one operation at a time: batches are not supported.")
    if not isinstance(request, dict):
        raise Refused(400, Code.BAD_REQUEST, "The body must be a JSON object.")
    query, variables, name = request.get("query"), request.get("variables"), request.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise Refused(400, Code.BAD_REQUEST, "`query` must be a document.")
    if not isinstance(variables, dict | None):
        raise Refused(400, Code.BAD_REQUEST, "`variables` must be an object.")
    if not isinstance(request.get("extensions"), dict | None):
        raise Refused(400, Code.BAD_REQUEST, "`extensions` must be an object.")
    if name is not None and not (isinstance(name, str) and is_operation_name(name)):
        raise Refused(400, Code.BAD_REQUEST, "`operationName` must be a name: up to 64 letters, digits, underscores.")
    return Operation(query, variables, name)
