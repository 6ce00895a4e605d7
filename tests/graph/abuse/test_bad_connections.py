"""Connections that send too much before a request begins, or too slowly, or nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.graph.abuse.conftest import CANARY, MOST_CONNECTIONS
from tests.graph.abuse.raw_connection import moment, raw_connection
from tests.server import Server

LINE = b"POST /graphql HTTP/1.1\r\n"
HEAD = LINE + b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
TOO_LARGE = (431, "HEADERS_TOO_LARGE")


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
    async def is_taken() -> bool:
        async with httpx.AsyncClient(base_url=small_server.url) as http:
            return (await http.post("/graphql", json=CANARY)).status_code == 200

    async with AsyncExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            await stack.enter_async_context(raw_connection(small_server))
        one_more = await stack.enter_async_context(raw_connection(small_server))
        assert await one_more.answer() == (503, "SERVICE_UNAVAILABLE")
    await eventually(is_taken)
