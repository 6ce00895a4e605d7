"""What goes wrong inside stays inside: who asked is told an id, under which it is in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from graph.application import application
from graph.pages import graphiql_routes
from tests.graph.socket_client import HANDSHAKE
from tests.serving import served


def broken() -> str:
    raise RuntimeError("hunter2 at /var/lib/secret")


def require_told(answer: httpx.Response, logged: str) -> None:
    """Fails unless the client is told an id alone, under which the log tells what went wrong."""
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/json")
    (error,) = answer.json()["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": answer.headers["x-request-id"],
    }
    assert "hunter2" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "hunter2" in logged
    assert answer.headers["x-request-id"] in logged


async def test_a_bug_is_told_as_an_id_that_the_log_has(capfd: pytest.CaptureFixture[str]) -> None:
    async with served(application(graphiql_routes(broken))) as http:
        answer = await http.get("/graphiql/session")
    require_told(answer, "".join(capfd.readouterr()))


async def test_a_bug_before_a_websocket_is_open_is_told_so_too(capfd: pytest.CaptureFixture[str]) -> None:
    async def breaking(_websocket: WebSocket) -> None:
        broken()

    async with served(application([WebSocketRoute("/", breaking)])) as http:
        answer = await http.get("/", headers=HANDSHAKE)
    require_told(answer, "".join(capfd.readouterr()))


async def test_an_answer_that_breaks_in_the_middle_ends_with_its_connection() -> None:
    async def breaking() -> AsyncIterator[str]:
        yield "so far"
        broken()

    async def answer(_request: Request) -> Response:
        return StreamingResponse(breaking())

    async with served(application([Route("/", answer)])) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/")
