"""What is beside GraphQL: whatever is refused there is JSON with a code too, and says nothing of hosts and schemes."""

from __future__ import annotations

import httpx
import pytest

from tests.graph.abuse.conftest import require_refused
from tests.graph.abuse.raw_connection import raw_connection
from tests.server import Server

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOWHERE = (
    "/nowhere",
    "/graphql/",
    "/graphql/x",
    "/readyz/",
    "/%ff%00",
    "/" + "%2e%2e%2f" * 9,
    "/" + "a" * 9999,
)
READ_ALONE = ("/livez", "/readyz", "/metrics", "/", "/graphiql", "/graphiql/session", "/graphiql/assets/none.js")


@pytest.mark.parametrize("method", METHODS)
async def test_there_is_nothing_under_any_other_path(server: Server, method: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        for path in NOWHERE:
            await require_refused(http, method, path, 404, "NOT_FOUND")
        if method in ("GET", "HEAD"):
            await require_refused(http, method, "/graphiql/assets/none.js", 404, "NOT_FOUND")


@pytest.mark.parametrize("method", sorted({*METHODS} - {"GET", "HEAD"}))
async def test_what_can_be_read_alone_takes_nothing_else(server: Server, method: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        for path in READ_ALONE:
            answer = await require_refused(http, method, path, 405, "METHOD_NOT_ALLOWED")
            assert answer.headers["allow"] == "GET, HEAD"


async def test_a_page_that_takes_an_answer_is_sent_to(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        answer = await require_refused(http, "GET", "/mock-payments/mock-1/approve", 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


async def test_nobody_is_sent_to_a_host_that_a_request_names(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers={"Host": "elsewhere.example"}) as http:
        answers = [await http.get(path) for path in ("/", "/graphql/", "/readyz/", "/graphiql/")]
    assert [answer.headers.get("location") for answer in answers] == ["/graphiql", None, None, "/graphiql"]


@pytest.mark.parametrize("target", [b"*", b"http://elsewhere.example/nowhere", b"/\x7f" * 99])
@pytest.mark.parametrize("host", [b"", b"Host: [\r\n", b"Host: a@b:c\r\n", b"Host: a\r\nHost: b\r\n"])
async def test_a_request_for_no_path_of_no_host_is_refused(server: Server, target: bytes, host: bytes) -> None:
    async with raw_connection(server) as connection:
        await connection.send(b"OPTIONS " + target + b" HTTP/1.1\r\n" + host + b"\r\n")
        assert await connection.answer() in ((404, "NOT_FOUND"), (400, "BAD_REQUEST"))


async def test_a_path_that_is_far_too_long_is_refused(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await connection.answer() == (431, "HEADERS_TOO_LARGE")
