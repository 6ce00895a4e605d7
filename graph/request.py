"""Reads a request: what is asked, or why it is not taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graph.errors import Code, masked, refusal
from graph.json_input import JsonRefused, read_json
from graph.limits import Limits
from graph.operation import is_operation_name

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


class Refused(Exception):
    """A request that is not executed: an HTTP status, an error and what goes into the answer's headers."""

    def __init__(self, status: int, code: Code, message: str, **headers: str) -> None:
        super().__init__(message)
        self.code = code.value
        self._status = status
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self, media_type: str) -> Response:
        """The answer that says why."""
        return _telling(refusal(Code(self.code), str(self)), self._status, media_type, self._headers)


def crash(media_type: str) -> Response:
    """The answer to a request that met a bug of ours, about which the log tells more."""
    return _telling(masked(), 500, media_type)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks to be executed."""

    query: str
    variables: dict[str, Any] | None
    name: str | None


def accepts(request: Request, media_type: str) -> bool:
    """Whether the client asks for this media type by its name."""
    ranges = (part.split(";") for header in request.headers.getlist("accept") for part in header.split(","))
    return any(
        name.strip().lower() == media_type and not any(_is_zero(parameter) for parameter in parameters)
        for name, *parameters in ranges
    )


def require_post(request: Request) -> None:
    if request.method != "POST":
        raise Refused(405, Code.METHOD_NOT_ALLOWED, "Send queries and mutations by POST.", Allow="POST")
    media_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    charsets = {parameter.strip().strip('"') for parameter in parameters} - {""}
    if media_type.strip() != JSON or not charsets <= {"charset=utf-8", 'charset="utf-8'}:
        raise Refused(415, Code.UNSUPPORTED_MEDIA_TYPE, f"Send the request as {JSON} in UTF-8.", Accept_Post=JSON)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, Code.UNSUPPORTED_MEDIA_TYPE, "Send the request without a content encoding.")


async def read_body(request: Request, most: int) -> bytes:
    """The whole body, read no further than the limit; raises Refused beyond it."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                # The connection stays open: a client that sends on, and then reads, would not see why it was closed.
                raise Refused(413, Code.PAYLOAD_TOO_LARGE, f"A request has at most {most} bytes.")
    except ClientDisconnect:
        raise Refused(400, Code.BAD_REQUEST, "The request broke off.") from None
    return bytes(body)


def read_operation(body: bytes, limits: Limits) -> Operation:
    """What the body asks for; raises Refused unless it is well formed."""
    try:
        request = read_json(body, limits)
    except JsonRefused as refused:
        raise Refused(400, Code.BAD_REQUEST, str(refused)) from None
    if isinstance(request, list):
        raise Refused(400, Code.BAD_REQUEST, "Send one operation at a time: batches are not supported.")
    if not isinstance(request, dict):
        raise Refused(400, Code.BAD_REQUEST, "The body must be a JSON object.")
    query, variables, name = request.get("query"), request.get("variables"), request.get("operationName")
    if wrong := what_is_wrong(query, name):
        raise Refused(400, Code.BAD_REQUEST, wrong)
    if not isinstance(variables, dict | None):
        raise Refused(400, Code.BAD_REQUEST, "`variables` must be an object.")
    if not isinstance(request.get("extensions"), dict | None):
        raise Refused(400, Code.BAD_REQUEST, "`extensions` must be an object.")
    assert isinstance(query, str)
    return Operation(query, variables, name)


def what_is_wrong(query: object, name: object) -> str | None:
    """Why this is neither a document nor the name of an operation; None where it can be."""
    if not isinstance(query, str) or not query.strip():
        return "`query` must be a document."
    if name is not None and not (isinstance(name, str) and is_operation_name(name)):
        return "`operationName` must be a name: up to 64 letters, digits, underscores."
    return None


def _telling(error: GraphQLError, status: int, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"errors": [error.formatted]}), status, headers, media_type)


def _is_zero(parameter: str) -> bool:
    return re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameter, re.IGNORECASE) is not None
