"""Commands over private servers: the doctor, the cache filled anew, dead letters, databases that are behind."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
import pytest

from app.devstack import RabbitMQ, Redis
from kernel.ids import new_id
from messaging.events import OrderPaid
from messaging.rabbit_topology import queue_of
from tests.journeys.processes import Settings, Start, asked
from tests.server import Server, bookstall

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]

STOPPING = re.compile(r"Stopping \.\.\.")
PING = b'{"query": "{ __typename }"}'
DOMAINS = ("orders", "inventory", "catalog", "sellers", "notifications")
LETTERS = "query { me { operating { deadLetters { nodes { id } } } } }"


async def test_the_doctor_finds_all_well_once_everything_is_there(
    servers: Settings, tmp_path: Path, rabbitmq: RabbitMQ
) -> None:
    data = tmp_path / "data"
    before = await bookstall("doctor", "--data", data, settings=servers)
    assert before.code == 1
    assert len(re.findall(r"^wrong +database .*`bookstall migrate` makes it$", before.out, re.MULTILINE)) == 5
    assert not data.exists()
    await bookstall("migrate", "--data", data, settings=servers)
    after = await bookstall("doctor", "--data", data, settings=servers)
    assert (after.code, after.err) == (0, ""), after
    assert all(line.startswith("ok ") for line in after.out.splitlines()), after.out
    assert "4 processes x 8 connections x 5 domains + 10 spare = 170, and the server has 297" in after.out


async def test_the_doctor_says_how_many_connections_are_too_many(migrated: Settings, tmp_path: Path) -> None:
    said = await bookstall("doctor", "--data", tmp_path / "data", "--processes", "20", settings=migrated)
    assert said.code == 1
    [wrong] = [line for line in said.out.splitlines() if line.startswith("wrong")]
    assert "20 processes x 8 connections x 5 domains + 10 spare = 810, and the server has 297" in wrong
    assert wrong.endswith("raise PostgreSQL's max_connections by 513 or more, or lower BOOKSTALL_POOL_SIZE to 2")


async def test_the_doctor_finds_a_queue_with_other_arguments_and_one_that_is_missing(
    start: Start, migrated: Settings, tmp_path: Path, rabbitmq: RabbitMQ
) -> None:
    await (await start("gateway")).stop()
    async with await aio_pika.connect(rabbitmq.url) as connection, connection.channel() as channel:
        await channel.queue_delete(queue_of("orders"))
        missing = await bookstall("doctor", "--data", tmp_path / "data", settings=migrated)
        await channel.declare_queue(queue_of("orders"), durable=True)
        try:
            other = await bookstall("doctor", "--data", tmp_path / "data", settings=migrated)
        finally:
            await channel.queue_delete(queue_of("orders"))
    for said, expected in (
        (missing, f"wrong +broker +{queue_of('orders')}: not there"),
        (other, f"wrong +broker +{queue_of('orders')}: there with other arguments"),
    ):
        assert (said.code, said.err) == (1, ""), said
        assert re.search(f"^{expected}", said.out, re.MULTILINE), said.out


async def test_the_doctor_names_each_server_that_is_away(migrated: Settings, tmp_path: Path) -> None:
    nobody = {
        "BOOKSTALL_DATABASE_URL": "postgresql://someone:sesame@127.0.0.1:1/{domain}",
        "BOOKSTALL_TRANSPORT_URL": "amqp://someone:sesame@127.0.0.1:1/",
        "BOOKSTALL_CACHE_URL": "redis://:sesame@127.0.0.1:1/0",
    }
    said = await bookstall("doctor", "--data", tmp_path / "data", settings=nobody)
    assert (said.code, said.err) == (1, ""), said
    wrong = [line for line in said.out.splitlines() if line.startswith("wrong")]
    assert len(wrong) == len(DOMAINS) + len(("connections", "broker", "cache"))
    for name in nobody:
        assert any(f"is {name} right, is it running?" in line for line in wrong), wrong
    assert "sesame" not in said.out


async def test_a_supervisor_starts_nothing_on_databases_that_are_behind(servers: Settings, tmp_path: Path) -> None:
    arguments = ("gateway", "--workers", "2", "--port", "0", "--data", tmp_path / "data")
    said = await bookstall(*arguments, settings=servers)
    assert "the database of orders" in said.complaint


async def test_the_cache_holds_the_same_bytes_when_it_is_filled_from_zero(
    migrated: Settings, tmp_path: Path, redis: Redis, eventually: Wait
) -> None:
    settings = {**migrated, "BOOKSTALL_SAMPLE_BOOKS": "40"}
    data = tmp_path / "data"
    everything_else = re.compile(rb"bookstall:(generation|available|incarnation|rate)")

    async def copies() -> dict[bytes, bytes]:
        async with open_redis(redis) as client:
            keys = [key async for key in client.scan_iter("bookstall:*") if not everything_else.match(key)]
            values = await client.mget(keys) if keys else []
        return dict(zip(keys, values, strict=True))

    async def empty() -> None:
        async with open_redis(redis) as client:
            await client.flushdb()

    await empty()
    process = Server(data, settings=settings)
    await process.start()
    said = await bookstall("demo", "--url", process.url, "--data", data)
    assert said.code == 0, said

    async def nothing_lags() -> bool:
        connection = await asyncpg.connect(migrated["BOOKSTALL_DATABASE_URL"].replace("{domain}", "catalog"))
        lagging = await connection.fetchval("SELECT count(*) FROM book_offers WHERE cached_version < version")
        await connection.close()
        return lagging == 0

    await eventually(nothing_lags)
    assert await process.stop() == 0
    incremental = await copies()
    assert len(incremental) >= 80
    await empty()
    rebuilt = await bookstall("catalog", "rebuild", "--data", data, settings=settings)
    assert (rebuilt.code, rebuilt.err) == (0, ""), rebuilt
    assert re.fullmatch(r"Copied the offers of \d+ books\.\n", rebuilt.out)
    assert await copies() == incremental


def open_redis(server: Redis) -> Any:
    """A client to look at what is in the cache."""
    from redis.asyncio import Redis as Client

    return Client.from_url(server.url)


async def test_dead_letters_are_dealt_with_over_postgresql_as_over_files(
    start: Start, migrated: Settings, tmp_path: Path, eventually: Wait
) -> None:
    gateway, _ = await start("gateway"), await start("worker")
    event_id = new_id()
    connection = await asyncpg.connect(migrated["BOOKSTALL_DATABASE_URL"].replace("{domain}", OrderPaid.owner))
    await connection.execute(
        "INSERT INTO outbox (id, name, body, owner, aggregate_id, aggregate_version, schema_version, correlation_id,"
        " written_at, next_at, attempts) VALUES ($1, 'OrderPaid', '{}', $2, 'x', 0, 1, 'outside', now(), now(), 0)",
        event_id,
        OrderPaid.owner,
    )
    await connection.close()
    letter = f"inventory/{event_id}"
    headers = {"Authorization": f"Bearer {gateway.token('olga', 'operator')}"}

    async def seen() -> list[str]:
        answer = await asked(f"{gateway.url}/graphql", method="POST", json={"query": LETTERS}, headers=headers)
        return [node["id"] for node in answer.json()["data"]["me"]["operating"]["deadLetters"]["nodes"]]

    async def is_seen() -> bool:
        return letter in await seen()

    async def letters(command: str, *arguments: str) -> str:
        said = await bookstall("dead-letters", command, *arguments, "--data", tmp_path / "data", settings=migrated)
        assert (said.code, said.err) == (0, ""), said
        return said.out

    await eventually(is_seen)
    assert letter in await letters("list", "--domain", "inventory")
    assert "cannot be read" in await letters("show", letter)
    assert await letters("replay", letter) == "Replayed 1.\n"
    await eventually(is_seen)
    assert await letters("discard", letter, "--note", "made up") == "Discarded 1.\n"
    assert letter not in await letters("list")
    assert letter not in await seen()
