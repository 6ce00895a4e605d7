"""Websockets that send too much, too soon, too often or not what is expected, and those that never read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.graph.abuse.conftest import require_refused
from tests.graph.abuse.raw_connection import raw_connection
from tests.graph.socket_client import HANDSHAKE, connected
from tests.server import Server

BOOKS = "{ books(first: 1) { nodes { isbn } } }"
MESSAGES = "subscription { notifications { version } }"
WAKE = "{ me { id } }"


def url_of(server: Server) -> str:
    return f"ws{server.url.removeprefix('http')}/graphql"


async def test_a_message_that_is_too_long_closes_the_socket(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        await client.subscribe(BOOKS + " " * 64 * 1024)
        assert (await client.closed())[0] == 1009


async def test_a_socket_that_does_not_say_who_it_is_is_closed(strict_server: Server) -> None:
    async with connected(url_of(strict_server)) as client:
        assert (await client.closed())[0] == 4408


async def test_an_operation_before_the_handshake_closes_the_socket(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.subscribe(BOOKS)
        assert (await client.closed())[0] == 4401


async def test_a_second_handshake_closes_the_socket(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        await client.send({"type": "connection_init"})
        assert (await client.closed())[0] == 4429


async def test_an_id_that_is_in_use_closes_the_socket(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise(server.token("olga"))
        for _ in range(2):
            await client.subscribe(MESSAGES, "same")
        assert (await client.closed())[0] == 4409


async def test_a_socket_that_sends_too_many_messages_is_closed(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        for _ in range(100):
            await client.send({"type": "ping"})
        assert (await client.closed())[0] == 4429


async def test_a_socket_that_sends_too_many_pings_of_the_wire_is_closed(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        for _ in range(101):
            await client.ping()
        assert (await client.closed())[0] == 4429


@pytest.mark.parametrize(
    "text",
    ["[" * 10_000, '{"type": "ping", "payload": NaN}', '{"type": "ping", "payload": ' + "[" * 33 + "]" * 33 + "}",
     '{"type": "ping", "payload": %s}' % ("1" * 5000), '{"type": "ping", "payload": "\\u0000"}', "\x00", "{}"],
)  # fmt: skip
async def test_json_beyond_the_limits_closes_the_socket(server: Server, text: str) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        await client.send_text(text)
        assert (await client.closed())[0] == 4400


async def test_text_that_is_none_closes_the_socket(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(upgrade(strict_server))
        assert await connection.is_upgraded()
        await connection.send(Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True))
        assert b"\x03\xefnot UTF-8" in await connection.hung_up()


async def test_what_was_asked_before_the_socket_was_closed_is_answered_to_nobody(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(upgrade(strict_server))
        assert await connection.is_upgraded()
        bad = Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True)
        await connection.send(text_frame('{"type": "connection_init"}') + bad)
        said = await connection.hung_up()
    assert b"\x03\xefnot UTF-8" in said
    assert b"connection_ack" not in said


async def test_a_message_in_endless_pieces_closes_the_socket(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(upgrade(strict_server))
        assert await connection.is_upgraded()
        await connection.send(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
        await connection.send(Frame(Opcode.CONT, b"", fin=False).serialize(mask=True) * 1500)
        assert b"\x03\xf1too many frames" in await connection.hung_up()


CLOSED_FOR_FRAMES = Frame(Opcode.CLOSE, (4429).to_bytes(2, "big") + b"Too many frames").serialize(mask=False)
FRAMES = {
    "pongs": Frame(Opcode.PONG, b"").serialize(mask=True) * 50_000,
    "a text in empty pieces, again and again": (
        Frame(Opcode.TEXT, b"{}", fin=False).serialize(mask=True)
        + Frame(Opcode.CONT, b"", fin=False).serialize(mask=True) * 900
        + Frame(Opcode.CONT, b"").serialize(mask=True)
    )
    * 50,
    "messages": Frame(Opcode.TEXT, b'{"type": "pong"}').serialize(mask=True) * 20_000,
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("is_initialised", [True, False])
async def test_a_flood_of_frames_closes_the_socket(strict_server: Server, kind: str, is_initialised: bool) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(upgrade(strict_server))
        assert await connection.is_upgraded()
        begun = text_frame('{"type": "connection_init"}') if is_initialised else b""
        await connection.floods(begun + FRAMES[kind], until=connection.is_cut_off)


async def test_a_socket_says_so_many_frames_in_a_minute(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(upgrade(server))
        assert await connection.is_upgraded()
        await connection.send(Frame(Opcode.PONG, b"").serialize(mask=True) * 2001)
        assert await connection.hung_up() == CLOSED_FOR_FRAMES


async def test_a_flood_before_the_answer_to_the_handshake_cuts_the_connection_off(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.floods(upgrade(server) + FRAMES["pongs"], until=connection.is_cut_off)


async def test_a_reason_of_a_client_s_own_words_is_cut(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        await client.send({"type": "\u00e9" * 200})
        assert (await client.closed())[0] == 4400
    async with connected(url_of(server)) as client:
        await client.initialise(server.token("olga"))
        for _ in range(2):
            await client.subscribe(MESSAGES, "\U0001f600" * 64)
        assert (await client.closed())[0] == 4409


async def test_names_that_are_none_are_refused_as_over_http(server: Server) -> None:
    async with connected(url_of(server)) as client:
        await client.initialise()
        for query, name in (
            ("{ __typename }", ""),
            ("{ __typename }", "A\r\nB"),
            ("{ __typename }", "x" * 65),
            (" ", None),
        ):
            payload = {"query": query, "operationName": name}
            await client.send({"id": "1", "type": "subscribe", "payload": payload})
            message = await client.receive()
            assert message["payload"][0]["extensions"] == {"code": "BAD_REQUEST"}
            assert message["payload"][0]["message"].startswith("`")


async def test_a_document_that_is_refused_is_the_error_of_its_operation(server: Server) -> None:
    documents = {
        "{": "GRAPHQL_PARSE_FAILED",
        f'{{ {"x" * 1000} "': "GRAPHQL_PARSE_FAILED",
        "{ " + "a { " * 20 + "b" + " }" * 21: "GRAPHQL_VALIDATION_FAILED",
        "{ books(first: 100) { nodes { offers(first: 100) { nodes { id } } } } }": "GRAPHQL_VALIDATION_FAILED",
        "subscription { ...A } fragment A on Subscription { ...A }": "GRAPHQL_VALIDATION_FAILED",
        f"subscription {{ {'x' * 65}: myOrders {{ version }} }}": "GRAPHQL_VALIDATION_FAILED",
        "fragment F on Query { me { id } }": "BAD_REQUEST",
        "query A { me { id } } query B { me { id } }": "BAD_REQUEST",
    }
    async with connected(url_of(server)) as client:
        await client.initialise()
        for identifier, (document, code) in enumerate(documents.items()):
            await client.subscribe(document, str(identifier))
            message = await client.receive()
            assert (message["type"], message["id"]) == ("error", str(identifier))
            assert {error["extensions"]["code"] for error in message["payload"]} == {code}, document


async def test_a_viewer_has_a_bounded_number_of_sockets(
    strict_server: Server, eventually: Callable[..., Awaitable[Any]]
) -> None:
    token = strict_server.token("pia")
    async with AsyncExitStack() as stack:
        for _ in range(3):
            client = await stack.enter_async_context(connected(url_of(strict_server)))
            assert (await client.initialise(token))["type"] == "connection_ack"
        async with connected(url_of(strict_server)) as fourth:
            await fourth.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
            assert await fourth.closed() == (4403, "TOO_MANY_SOCKETS")
        async with connected(url_of(strict_server)) as stranger:
            assert (await stranger.initialise())["type"] == "connection_ack"

    async def has_room() -> bool:
        async with connected(url_of(strict_server)) as client:
            try:
                return (await client.initialise(token))["type"] == "connection_ack"
            except ConnectionClosed:
                return False

    await eventually(has_room)


async def test_operations_count_as_requests_do(strict_server: Server) -> None:
    async with connected(url_of(strict_server)) as client:
        await client.initialise(strict_server.token("quinn"))
        seen: list[str] = []
        for number in range(11):
            await client.subscribe(WAKE, str(number))
            seen.append((await client.receive())["type"])
            if seen[-1] == "next":
                assert (await client.receive())["type"] == "complete"
        assert seen == ["next"] * 10 + ["error"]


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "https://shop.example.elsewhere.example"])
async def test_pages_of_other_origins_open_no_socket(strict_server: Server, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with connected(url_of(strict_server), origin=origin):
            """The server refuses the handshake."""


async def test_pages_of_an_origin_that_is_named_open_sockets(strict_server: Server) -> None:
    async with connected(url_of(strict_server), origin="https://shop.example") as client:
        assert (await client.initialise())["type"] == "connection_ack"


async def test_a_socket_that_answers_no_ping_is_closed(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(upgrade(strict_server))
        assert await connection.is_upgraded()
        await connection.send(text_frame('{"type": "connection_init"}'))
        said = await connection.hung_up()
    assert b"connection_ack" in said
    assert b"keepalive ping timeout" in said


async def test_a_socket_that_never_reads_is_cut_off(strict_server: Server) -> None:
    async with raw_connection(strict_server) as connection:
        await connection.send(upgrade(strict_server))
        assert await connection.is_upgraded()
        await connection.send(text_frame('{"type": "connection_init"}'))
        connection.stop_reading()
        ping = Frame(Opcode.PING, b"x" * 120).serialize(mask=True)
        await connection.floods(ping * 500, until=connection.is_cut_off)


async def test_sockets_are_told_when_the_server_stops(strict_server_of_its_own: Server) -> None:
    async with connected(url_of(strict_server_of_its_own)) as client:
        await client.initialise()
        stopping = asyncio.create_task(strict_server_of_its_own.stop())
        assert (await client.closed())[0] == 1012
        assert await stopping == 0


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Sec-WebSocket-Key": ""}, 400, "BAD_REQUEST"),
        ({"Sec-WebSocket-Key": "too short"}, 400, "BAD_REQUEST"),
        ({"Sec-WebSocket-Version": "12"}, 400, "BAD_REQUEST"),
        ({"Connection": 'Upgrade, "'}, 400, "BAD_REQUEST"),
        ({"Cookie": "x" * 9000}, 431, "HEADERS_TOO_LARGE"),
        ({"Origin": "https://elsewhere.example"}, 403, "FORBIDDEN"),
        ({"Origin": "null"}, 403, "FORBIDDEN"),
    ],
    ids=["no key", "a short key", "an old version", "a broken header", "a long header", "a page of another origin",
         "a page of no origin"],
)  # fmt: skip
async def test_a_handshake_that_is_none_is_refused(
    server: Server, headers: dict[str, str], status: int, code: str
) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        answer = await require_refused(http, "GET", "/graphql", status, code, HANDSHAKE | headers)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/nowhere", "/", "/graphql/", "/readyz", "/%ff%00"])
async def test_there_is_no_websocket_under_any_other_path(server: Server, path: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        await require_refused(http, "GET", path, 404, "NOT_FOUND", HANDSHAKE)


async def test_a_handshake_whose_path_is_far_too_long_is_refused(server: Server) -> None:
    async with raw_connection(server) as connection:
        await connection.send(upgrade(server).replace(b"/graphql", b"/" + b"x" * 9000))
        assert await connection.answer() == (431, "HEADERS_TOO_LARGE")
        assert await connection.hung_up() == b""


def upgrade(server: Server) -> bytes:
    """A handshake whose key is always the same."""
    return (
        f"GET /graphql HTTP/1.1\r\nHost: {server.url.removeprefix('http://')}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    ).encode()


def text_frame(text: str) -> bytes:
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=True)
