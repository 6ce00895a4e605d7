"""A bug from outside and in the log: masked everywhere, found by its correlation id, and told from what clients did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import httpx
import pytest

from tests.conftest import wait_until
from tests.graph.socket_client import connected
from tests.server import Server, running

SETTINGS = {"BOOKSTALL_SAMPLE_BOOKS": "2", "BOOKSTALL_LOG_FORMAT": "json"}
BROKEN = "{ me { preferences { kind } } }"
MASKED = "Something went wrong on our side."
SECRETS = ("sqlite", "table", "preferences_lost", "SELECT", "Traceback", "/")


@pytest.fixture(scope="module")
async def broken_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that has lost a table, which nobody expects."""
    async with running(tmp_path_factory.mktemp("bugs") / "data", settings=SETTINGS) as server:
        with closing(sqlite3.connect(server.data / "notifications.db")) as database:
            database.execute("ALTER TABLE preferences RENAME TO preferences_lost")
        yield server


async def logged(server: Server, correlation_id: str) -> dict:
    """The line in which the log tells of the bug."""

    async def found() -> dict | None:
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        bugs = [line for line in lines if line.get("correlation_id") == correlation_id and "exception" in line]
        return bugs[0] if bugs else None

    return await wait_until(found)


async def test_the_log_tells_of_a_bug_under_the_id_that_the_client_was_told(broken_server: Server) -> None:
    headers = {"Authorization": f"Bearer {broken_server.token('alice')}", "X-Request-Id": "seen-by-alice"}
    async with httpx.AsyncClient(base_url=broken_server.url, headers=headers) as http:
        response = await http.post("/graphql", json={"query": BROKEN})
    (error,) = response.json()["errors"]
    assert error["message"] == MASKED
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "correlationId": "seen-by-alice"}
    assert [secret for secret in SECRETS if secret in response.text] == []
    line = await logged(broken_server, "seen-by-alice")
    assert "no such table" in json.dumps(line["exception"])


async def test_a_bug_on_a_websocket_is_masked_and_logged_as_well(broken_server: Server) -> None:
    async with connected(broken_server.url.replace("http", "ws", 1) + "/graphql") as socket:
        await socket.initialise(broken_server.token("alice"))
        await socket.subscribe(BROKEN)
        message = await socket.receive()
    (error,) = message["payload"]["errors"]
    assert (error["message"], error["extensions"]["code"]) == (MASKED, "INTERNAL_SERVER_ERROR")
    assert [secret for secret in SECRETS if secret in json.dumps(message)] == []
    line = await logged(broken_server, error["extensions"]["correlationId"])
    assert "no such table" in json.dumps(line["exception"])


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        ("{ me {", "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        ("{ me { nothing } }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nothing' on type 'Viewer'."),
        ("{ me { orders(first: 101) { nodes { id } } } }", "BAD_USER_INPUT", "`first` must be between 1 and 100."),
        (
            'mutation { replayDeadLetters(input: {ids: ["x"]}) { __typename } }',
            "FORBIDDEN",
            "This needs a token with the role operator.",
        ),
    ],
)
async def test_what_a_client_did_is_told_as_it_is(broken_server: Server, document: str, code: str, said: str) -> None:
    headers = {"Authorization": f"Bearer {broken_server.token('alice')}"}
    async with httpx.AsyncClient(base_url=broken_server.url, headers=headers) as http:
        response = await http.post("/graphql", json={"query": document})
    (error,) = response.json()["errors"]
    assert (error["extensions"], error["message"]) == ({"code": code}, said)


async def test_who_brings_no_token_is_told_so(broken_server: Server) -> None:
    async with httpx.AsyncClient(base_url=broken_server.url) as http:
        response = await http.post("/graphql", json={"query": BROKEN})
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
