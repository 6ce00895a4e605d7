"""Top-level errors: each has a stable code in its extensions, and what went wrong inside never leaves the server."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError

from graph.nodes import NotAnId
from kernel.database import Conflict, Unavailable
from kernel.logging import correlation_id
from kernel.pages import InvalidCursor


class Code(StrEnum):
    """What `errors[].extensions.code` can be."""

    BAD_REQUEST = "BAD_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    TIMEOUT = "TIMEOUT"
    """The operation ran longer than operations may; a mutation may have done its work."""
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    """A database is away or overrun: the same request may succeed in a moment."""
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


MASKED_MESSAGE = "Something went wrong on our side."
TIMEOUT_MESSAGE = (
    "This took too long and was broken off; what a mutation did until then may stand: ask before you repeat."
)
UNAVAILABLE_MESSAGE = "This cannot be answered right now: send the same request again in a moment."

MESSAGE_LENGTH = 500
"""What is told of an error at most: GraphQL's own messages repeat what was sent, however long that is."""


def refusal(code: Code, message: str) -> GraphQLError:
    """An error that a client is told about as it is."""
    return GraphQLError(message, extensions={"code": code.value})


def masked() -> GraphQLError:
    """What a client is told of a bug that no field is to blame for: under this id the log tells more."""
    return GraphQLError(MASKED_MESSAGE, extensions=_traceable(Code.INTERNAL_SERVER_ERROR))


def is_expected(error: GraphQLError) -> bool:
    """Whether the error is an answer to the client rather than a bug of ours."""
    if error.extensions and "code" in error.extensions:
        return True
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        # Without a path it is about the request: its syntax, its validity or its variables.
        return error.path is None
    return isinstance(cause, InvalidCursor | NotAnId | CannotGetOperationTypeError)


def is_passing(error: GraphQLError) -> bool:
    """Whether the same request may succeed in a moment, because a database is away or overrun."""
    return isinstance(error.original_error, Conflict | Unavailable)


def presentable(error: GraphQLError, *, executing: bool, suggesting: bool = True) -> GraphQLError:
    """The error as a client may see it; `executing` tells a bad variable from a document that is not valid.

    Only a server that tells its schema suggests names of it.
    """
    if is_passing(error):
        return _with_code(error, UNAVAILABLE_MESSAGE, _traceable(Code.SERVICE_UNAVAILABLE))
    if not is_expected(error):
        return _with_code(error, MASKED_MESSAGE, _traceable(Code.INTERNAL_SERVER_ERROR))
    if error.extensions and "code" in error.extensions:
        return _with_code(error, error.message, error.extensions)
    if isinstance(error.original_error, CannotGetOperationTypeError):
        return _with_code(error, error.message, {"code": Code.BAD_REQUEST.value})
    if isinstance(error, GraphQLSyntaxError):
        return _with_code(error, error.message, {"code": Code.GRAPHQL_PARSE_FAILED.value})
    message = error.message if suggesting else _without_suggestion(error.message)
    code = Code.BAD_USER_INPUT if executing else Code.GRAPHQL_VALIDATION_FAILED
    return _with_code(error, message, {"code": code.value})


def _traceable(code: Code) -> dict[str, str]:
    """The extensions of an error about which the log tells more."""
    return {"code": code.value, "correlationId": correlation_id()}


def _without_suggestion(message: str) -> str:
    return message.partition(" Did you mean ")[0] if message.endswith("?") else message


def _with_code(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message if len(message) <= MESSAGE_LENGTH else message[: MESSAGE_LENGTH - 1] + "…",
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


class PresentErrors(MaskErrors):
    """Makes every error of a result presentable, over HTTP and in a subscription alike."""

    def __init__(self) -> None:
        super().__init__()
        self._executing = False

    def on_execute(self) -> Iterator[None]:
        self._executing = True
        yield

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        suggesting = self.execution_context.context.limits.explorable
        return presentable(error, executing=self._executing, suggesting=suggesting)
