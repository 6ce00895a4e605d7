"""Requests that are none: each gets the answer that the table of limits lists, as JSON with a code."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.graph.abuse.conftest import require_discreet
from tests.graph.abuse.raw_connection import moment, raw_connection
from tests.server import Server

JSON = "application/json"
QUERY = "{ books(first: 1) { nodes { isbn } } }"
BODY = json.dumps({"query": QUERY}).encode()


async def sent(server: Server, content: Any, method: str = "POST", **headers: str) -> tuple[int, str]:
    """The status and the code of the one error that answers a request."""
    given = {"Content-Type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        response = await http.request(method, "/graphql", content=content, headers=given)
    require_discreet(response.text)
    (error,) = response.json()["errors"]
    assert response.headers["content-type"] == JSON
    return response.status_code, error["extensions"]["code"]


def variables(value: str, encoding: str = "utf-8") -> bytes:
    """A body with a variable that is written so."""
    return b'{"query": %s, "variables": {"n": %s}}' % (json.dumps(QUERY).encode(), value.encode(encoding))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        gzip.compress(BODY),
        b'{"query": "\xff\xfe"}',
        b"\xef\xbb\xbf\x00",
        variables("1" * 5000),
        variables("-" + "9" * 40),
        variables("1." + "3" * 60),
        variables("[" * 33 + "]" * 33),
        variables('{"a":' * 2000 + "1" + "}" * 2000),
        variables("[" * 20_000 + "]" * 20_000),
        variables("[" + "1," * 30_000 + "1]"),
        variables('"\\ud800"'),
        variables('"\\u0000"'),
        variables("NaN"),
        variables("Infinity"),
        variables("1e400"),
        b"[" + b",".join([BODY] * 10) + b"]",
        b"[" * 60_000,
        b'{"query": "{ me { id } }\\u0000"}',
        b'"' + b"\\" * 60_000,
        variables('{"\\u0000": 1}'),
        variables('{"\\udc00": 1}'),
        variables('"\xff"', "latin-1"),
        BODY.decode().encode("utf-16"),
    ],
    ids=range(25),
)
async def test_a_body_that_is_no_request_is_a_bad_request(server: Server, body: bytes) -> None:
    assert await sent(server, body) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "body",
    [BODY.ljust(10_000_000), variables("[" + "1," * 100_000 + "1]"), b"[" + b",".join([BODY] * 2000) + b"]"],
    ids=["ten megabytes", "a hundred thousand items", "two thousand operations"],
)
async def test_a_body_that_is_too_large_is_refused(server: Server, body: bytes) -> None:
    assert await sent(server, body) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_in_endless_chunks_is_refused_while_it_is_sent(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        await connection.send(b"Transfer-Encoding: chunked\r\n\r\n")
        while not connection.has_answer():
            await connection.send((b"1000\r\n" + b" " * 4096 + b"\r\n") * 100)
            await moment()
        assert await connection.answer() == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "identity, gzip"])
async def test_an_encoded_body_is_refused(server: Server, encoding: str) -> None:
    assert await sent(server, gzip.compress(BODY), Content_Encoding=encoding) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql",
     "application/json; charset=utf-16", "application/jsonp", "x" * 5000],
)  # fmt: skip
async def test_what_a_form_could_send_is_refused(server: Server, media_type: str) -> None:
    assert await sent(server, BODY, Content_Type=media_type) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_but_post_is_taken(server: Server, method: str) -> None:
    assert await sent(server, BODY, method) == (405, "METHOD_NOT_ALLOWED")


async def test_a_mutation_in_a_link_is_not_executed(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        response = await http.get("/graphql", params={"query": "mutation { clearCart { __typename } }"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_a_viewer_who_asks_too_often_waits_and_others_do_not(strict_server: Server) -> None:
    async with httpx.AsyncClient(base_url=strict_server.url) as http:
        mary = {"Authorization": f"Bearer {strict_server.token('mary')}"}
        answers = [await http.post("/graphql", json={"query": "{ me { id } }"}, headers=mary) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        (error,) = answers[-1].json()["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 120
        other = {"Authorization": f"Bearer {strict_server.token('nora')}"}
        assert (await http.post("/graphql", json={"query": "{ me { id } }"}, headers=other)).status_code == 200


async def test_a_server_that_is_not_explorable_hides_its_schema(strict_server: Server) -> None:
    async with httpx.AsyncClient(base_url=strict_server.url) as http:
        answers = [
            (await http.post("/graphql", json={"query": query})).json()["errors"][0]
            for query in ("{ __schema { types { name } } }", '{ __type(name: "Book") { name } }', "{ boks { isbn } }")
        ]
        assert {answer["extensions"]["code"] for answer in answers} == {"GRAPHQL_VALIDATION_FAILED"}
        assert answers[2]["message"] == "Cannot query field 'boks' on type 'Query'."
        for path in ("/", "/graphiql", "/graphiql/session"):
            assert (await http.get(path)).status_code == 404


async def test_pages_of_other_origins_are_not_told_that_they_may_ask(server: Server) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(base_url=server.url) as http:
        answers = [
            await http.options("/graphql", headers=headers),
            await http.post("/graphql", json={"query": QUERY}, headers=headers),
        ]
    for answer in answers:
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "no-store"


async def test_pages_of_an_origin_that_is_named_may_ask(strict_server: Server) -> None:
    origin = {"Origin": "https://shop.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    async with httpx.AsyncClient(base_url=strict_server.url) as http:
        preflight = await http.options("/graphql", headers=origin | asked)
        answer = await http.post("/graphql", json={"query": QUERY}, headers=origin)
        other = await http.options("/graphql", headers=asked | {"Origin": "https://elsewhere.example"})
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (200, "POST")
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    for allowed in (preflight, answer):
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-expose-headers"] == "Retry-After, X-Request-Id"
    assert "access-control-allow-origin" not in other.headers
