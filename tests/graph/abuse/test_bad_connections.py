"""Connections that send too much before a request begins, or too slowly, or nothing at all."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.graph.abuse.conftest import CANARY, MOST_CONNECTIONS, NewServer
from tests.graph.abuse.raw_connection import moment, raw_connection
from tests.graph.socket_client import connected
from tests.server import Server

LINE = b"POST /graphql HTTP/1.1\r\n"
HEAD = LINE + b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
TOO_LARGE = (431, "HEADERS_TOO_LARGE")
OK = b"HTTP/1.1 200 OK"
WRONG = " ".join(f'$v{number}: Int = "{"a" * 500}"' for number in range(20))
LARGE = {"query": f"query Q({WRONG}) {{ __typename }}"}
LARGE_BYTES = 3_000
"""Its answer is longer: each variable is told to be wrong."""
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MOST_OF_AN_ADDRESS = 10
CHUNKED = LINE + b"Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
ALL = b'{"query":"{__typename}"}'
NEXT = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""What must not be taken for a request where it is the body of one."""
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
WEBSOCKET = tuple(UPGRADE.split(b"\r\n")[2:6])


def request(question: object, *headers: bytes) -> bytes:
    """A request as it is sent."""
    return request_of(json.dumps(question).encode(), *headers)


def request_of(body: bytes, *headers: bytes, line: bytes = LINE) -> bytes:
    """A request with any body."""
    lines = [b"Host: x", b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    return line + b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 1000, *, trailers: bytes = b"") -> bytes:
    """A request whose body comes in chunks."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return CHUNKED + b"Connection: close\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize(
    "head",
    [
        LINE + b"X-Long: " + b"x" * 17_000 + b"\r\n\r\n",
        LINE + b"".join(b"X-%d: y\r\n" % number for number in range(61)) + b"\r\n",
        LINE + b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(20)) + b"\r\n",
        b"POST /graphql?" + b"x" * 17_000 + b" HTTP/1.1\r\n\r\n",
        LINE + b"X-Endless: " + b"x" * 200_000,
        LINE + b"Upgrade: websocket\r\nConnection: Upgrade\r\nX-Long: " + b"x" * 17_000 + b"\r\n\r\n",
    ],
    ids=["long", "many", "together", "address", "endless", "upgrade"],
)
async def test_headers_that_are_too_large_are_refused(server: Server, head: bytes) -> None:
    async with raw_connection(server) as connection:
        await connection.send(head)
        assert await connection.answer() == TOO_LARGE
        assert await connection.hung_up() == b""


@pytest.mark.parametrize(
    "end",
    [
        b"0\r\nx-a: " + b"a" * 40_000,
        b"0\r\n" + b"a" * 40_000,
        b"0\r\n" + b"x: y\r\n" * 61,
        b"5;a=" + b"a" * 40_000,
        b"0" * 40_000,
    ],
    ids=["value", "name", "many", "extension", "size"],
)
async def test_what_stands_beside_the_chunks_of_a_body_is_bounded_as_headers_are(server: Server, end: bytes) -> None:
    async with raw_connection(server) as connection:
        await connection.send(CHUNKED + b"\r\n%x\r\n%s\r\n" % (len(ALL), ALL) + end)
        assert await connection.answer() == TOO_LARGE
        assert await connection.hung_up() == b""


async def test_a_body_comes_in_so_many_chunks(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(chunked(ALL.ljust(999), 1))
        assert (await connection.hung_up()).endswith(b'{"data":{"__typename":"Query"}}')
    async with raw_connection(server) as connection:
        await connection.send(chunked(ALL.ljust(1000), 1))
        assert await connection.answer() == (400, "BAD_REQUEST")


async def test_a_body_of_endless_chunks_cuts_the_connection_off(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(CHUNKED + b"\r\n")
        await connection.floods(b"1\r\n \r\n" * 10_000, until=connection.is_cut_off)


async def test_what_follows_a_body_is_no_header(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(chunked(ALL, trailers=b"Authorization: Bearer nonsense\r\n"))
        assert (await connection.hung_up()).endswith(b'{"data":{"__typename":"Query"}}')


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("late", [0, 10], ids=["at once", "later"])
async def test_another_protocol_that_a_request_offers_is_not_taken_up(
    server: Server, offer: tuple[bytes, ...], late: int
) -> None:
    asked = request(CANARY, *offer) + request({"query": "{ last: __typename }"}, b"Connection: close")
    head = asked.index(b"\r\n\r\n") + 4
    async with raw_connection(server) as connection:
        await connection.send(asked[: head + late])
        await moment()
        await connection.send(asked[head + late :])
        said = await connection.hung_up()
    assert said.count(b"HTTP/1.1 ") == said.count(OK) == 2
    assert said.endswith(b'{"data":{"last":"Query"}}')


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("line", [LINE, LINE.replace(b"POST", b"GET")], ids=["post", "get"])
@pytest.mark.parametrize("body", [NEXT, b"%x\r\n%s\r\n0\r\n\r\n" % (len(NEXT), NEXT)], ids=["length", "chunks"])
async def test_a_body_is_never_the_next_request(
    server: Server, offer: tuple[bytes, ...], line: bytes, body: bytes
) -> None:
    asked = request_of(body, *offer, line=line)
    if body != NEXT:
        asked = asked.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    head = asked.index(b"\r\n\r\n") + 4
    async with raw_connection(server) as connection:
        await connection.send(asked[:head])
        await moment()
        await connection.send(asked[head:] + request({"query": "{ last: __typename }"}, b"Connection: close"))
        said = await connection.hung_up()
    assert said.count(b"HTTP/1.1 ") == 2
    assert said.endswith(b'{"data":{"last":"Query"}}')


async def test_a_request_for_a_tunnel_is_refused(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(b"CONNECT shop.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await connection.answer() == (400, "BAD_REQUEST")
        await connection.send(NEXT)
        assert await connection.hung_up() == b""


async def test_the_most_headers_are_taken(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        request = http.build_request("POST", "/graphql", json=CANARY)
        more = {f"X-{number}": "y" * 150 for number in range(60 - len(request.headers))}
        assert (await http.post("/graphql", json=CANARY, headers=more)).status_code == 200
        assert (await http.post("/graphql", json=CANARY, headers=more)).status_code == 200


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\x00" * 100, b"POST / HTTP/9.9\r\n\r\n"]
)
async def test_what_is_no_http_is_a_bad_request(server: Server, data: bytes) -> None:
    async with raw_connection(server) as connection:
        await connection.send(data)
        assert await connection.answer() == (400, "BAD_REQUEST")
        assert await connection.hung_up() == b""


@pytest.mark.parametrize("data", [LINE, LINE + b"Host: x\r\nX-Slow:", HEAD, HEAD + b'{"query":'])
async def test_a_request_that_does_not_arrive_is_given_up(strict_server: Server, data: bytes) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(data)
        assert await connection.answer() == (408, "REQUEST_TIMEOUT")
        assert await connection.hung_up() == b""


async def test_a_connection_that_sends_nothing_is_closed(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        assert await connection.hung_up() == b""


async def test_headers_that_trickle_have_no_more_time_than_others(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(LINE)
        while not connection.has_answer():
            await connection.send(b"X: y\r\n")
            await moment()
        assert (await connection.answer())[0] in (408, 431)


async def test_two_hundred_idle_connections_keep_nobody_out(strict_server: Server) -> None:
    async with AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(raw_connection(strict_server)) for _ in range(200)]
        async with httpx.AsyncClient(base_url=strict_server.url) as http:
            assert (await http.post("/graphql", json=CANARY)).status_code == 200
        assert await asyncio.gather(*(connection.hung_up() for connection in idle)) == [b""] * 200


async def test_connections_beyond_the_limit_are_told_to_come_back(
    small_server: Server, eventually: Callable[..., Awaitable[Any]]
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            await stack.enter_async_context(raw_connection(small_server))
        one_more = await stack.enter_async_context(raw_connection(small_server))
        assert await one_more.answer() == (503, "SERVICE_UNAVAILABLE")
    await eventually(lambda: is_taken(small_server))


@pytest.mark.parametrize("kind", ["silent", "websocket"])
async def test_connections_of_an_address_beyond_its_limit_take_no_room_of_others(
    new_server: NewServer, tmp_path: Path, eventually: Callable[..., Awaitable[Any]], kind: str
) -> None:
    settings = {
        "BOOKSTALL_CONNECTIONS_PER_ADDRESS": str(MOST_OF_AN_ADDRESS),
        "BOOKSTALL_CONNECTIONS": str(MOST_OF_AN_ADDRESS + 2),
        "BOOKSTALL_SOCKET_INIT_SECONDS": "60",
    }
    async with new_server(tmp_path / "data", settings) as server:
        async with AsyncExitStack() as stack:
            for _ in range(MOST_OF_AN_ADDRESS):
                await stack.enter_async_context(
                    raw_connection(server) if kind == "silent" else connected(f"ws{server.url[4:]}/graphql")
                )
            for _ in range(3):
                one_more = await stack.enter_async_context(raw_connection(server))
                assert await one_more.answer() == (429, "RATE_LIMITED")
            assert await is_taken(server, address="127.0.0.2")
        await eventually(lambda: is_taken(server))


@pytest.mark.parametrize("first", [request(LARGE), request(LARGE, b"Connection: close")], ids=["open", "closing"])
async def test_answers_that_nobody_reads_are_given_up(
    strict_server: Server, first: bytes, eventually: Callable[..., Awaitable[Any]]
) -> None:
    async with raw_connection(strict_server, narrow=True) as connection:
        connection.stop_reading()
        await connection.send(first + request(LARGE) * 79)

        async def is_cut_off() -> bool:
            return connection.is_cut_off()

        await eventually(is_cut_off)


async def test_whoever_reads_slowly_but_steadily_gets_everything(server: Server) -> None:
    async with raw_connection(server, narrow=True) as connection:
        last = request(LARGE, b"Connection: close")
        half = len(last) // 2
        sending = asyncio.create_task(connection.send(request(LARGE) * 19 + last[:half]))
        said = await connection.sips(LARGE_BYTES)
        await sending
        await connection.send(last[half:])
        said += await connection.sips(100 * LARGE_BYTES)
    assert said.count(OK) == 20
    assert len(said) > 20 * LARGE_BYTES
    assert said.endswith(b"}]}")


async def test_requests_that_are_sent_together_are_answered_in_turn(server: Server) -> None:
    long = b"X-Long: " + b"x" * 1500
    asked = [request({"query": f"{{ a{number}: __typename }}"}, long) for number in range(10, 29)]
    last = request({"query": "{ a29: __typename }"}, b"Connection: close")
    async with raw_connection(server) as connection:
        await connection.send(b"".join(asked) + last)
        said = await connection.hung_up()
    assert re.findall(rb'{"(\w+)":"Query"}', said) == [b"a%d" % number for number in range(10, 30)]


async def test_no_more_than_some_requests_wait_for_their_turn(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(request(CANARY) * 80)
        *_, last = answers = (await connection.hung_up()).split(OK)[1:]
    assert len(answers) == 21
    assert b"connection: close" in last


async def test_no_websocket_begins_before_what_was_asked_is_answered(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(request(CANARY) + UPGRADE)
        assert b"HTTP/1.1 101" not in await connection.hung_up()


async def is_taken(server: Server, address: str = "127.0.0.1") -> bool:
    """Whether there is room for a connection from this address."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=server.url, transport=transport) as http:
        return (await http.post("/graphql", json=CANARY)).status_code == 200
