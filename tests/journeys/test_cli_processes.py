"""Processes of their own over private servers: they are watched, killed and stopped, and their servers go away."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.devstack import PostgreSQL, RabbitMQ, Redis
from kernel.ids import new_id
from messaging.events import OrderPaid
from messaging.rabbit_topology import queue_of
from tests.server import Server, bookstall

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]
Settings = dict[str, str]

IS_READY = re.compile(r"(?:ready at|Health)\s+(?P<url>http://\S+)/(?:graphql|readyz)")
STOPPING = re.compile(r"Stopping \.\.\.")
PING = b'{"query": "{ __typename }"}'
DOMAINS = ("orders", "inventory", "catalog", "sellers", "notifications")
LETTERS = "query { me { operating { deadLetters { nodes { id } } } } }"


class Process(Server):
    """`bookstall` with a command that serves."""

    def __init__(self, command: str, data: Path, *options: str, settings: Settings) -> None:
        super().__init__(data, *options, settings=settings)
        self.command = command

    @property
    def number(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """Waits for its end, which it was told of; the exit code."""
        assert self._process is not None
        return await self._process.wait()


class Start(Protocol):
    """Starts a process that is stopped at the end of the test, unless it has ended by then."""

    async def __call__(self, command: str, *options: str) -> Process: ...


@pytest.fixture
def servers(postgresql: PostgreSQL, rabbitmq: RabbitMQ, redis: Redis) -> Settings:
    """The settings with which Bookstall runs on private servers, in databases that are not there yet."""
    postgresql.start()
    return {
        "BOOKSTALL_DATABASE_URL": postgresql.url(f"{{domain}}_{secrets.token_hex(4)}"),
        "BOOKSTALL_TRANSPORT_URL": rabbitmq.url,
        "BOOKSTALL_CACHE_URL": redis.url,
    }


@pytest.fixture
async def migrated(servers: Settings, tmp_path: Path) -> Settings:
    """The same, in databases at their newest version."""
    said = await bookstall("migrate", "--data", tmp_path / "data", settings=servers)
    assert (said.code, said.out, said.err) == (0, "All databases are at their newest version.\n", "")
    return servers


@pytest.fixture
async def start(migrated: Settings, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts processes on these servers, with one data folder."""
    async with AsyncExitStack() as running:

        async def start(command: str, *options: str) -> Process:
            process = Process(command, tmp_path / "data", *options, settings=migrated)
            await process.start(until=IS_READY)
            running.push_async_callback(process.stop)
            return process

        yield start


async def asked(url: str, **request: Any) -> httpx.Response:
    """The answer to a request on a connection of its own, which any process behind the port may take."""
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.request(request.pop("method", "GET"), url, **request)


async def ping(process: Process) -> httpx.Response:
    """The answer to the smallest query."""
    headers = {"Content-Type": "application/json"}
    return await asked(f"{process.url}/graphql", method="POST", content=PING, headers=headers)


async def figure(process: Process, name: str, **labels: str) -> float | None:
    """What a scrape of a process tells of one figure; None where it does not tell of it."""
    text = (await asked(f"{process.url}/metrics")).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def children_of(number: int) -> set[int]:
    """The processes that this one has started and that live."""
    others = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    return {other for other in others if lives(other) and status_of(other)[1:] == (str(number),)}


def status_of(number: int) -> tuple[str, ...]:
    """A process' state and its parent; nothing where there is none."""
    try:
        return tuple(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[:2])
    except (FileNotFoundError, ProcessLookupError):
        return ()


def lives(number: int) -> bool:
    """Whether a process runs; one that has ended may wait for its parent to notice."""
    return status_of(number)[:1] not in ((), ("Z",), ("X",))


async def two_gateways(start: Start, eventually: Wait) -> Process:
    """A supervisor whose two processes both serve."""
    supervisor = await start("gateway", "--workers", "2")
    await eventually(lambda: has_pools(supervisor, 2))
    return supervisor


async def has_pools(supervisor: Process, processes: int) -> bool:
    return await figure(supervisor, "bookstall_database_pool_size", domain="orders") == 8 * processes


async def test_a_scrape_sees_every_process_behind_the_port(start: Start, eventually: Wait) -> None:
    supervisor = await two_gateways(start, eventually)
    answers = await asyncio.gather(*(ping(supervisor) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    scrapes = [await figure(supervisor, "bookstall_request_seconds_count", outcome="ok") for _ in range(8)]
    assert scrapes == [40] * 8
    assert await figure(supervisor, "bookstall_up", part="broker") == 1


async def test_a_killed_gateway_is_started_anew_and_what_it_counted_stays(start: Start, eventually: Wait) -> None:
    supervisor = await two_gateways(start, eventually)
    await asyncio.gather(*(ping(supervisor) for _ in range(10)))
    before = children_of(supervisor.number)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)

    async def is_replaced() -> bool:
        return len(children_of(supervisor.number) - {victim}) == 2

    await eventually(is_replaced)
    await eventually(lambda: has_pools(supervisor, 2))
    assert await figure(supervisor, "bookstall_request_seconds_count", outcome="ok") == 10
    assert "a gateway process died and is started anew" in supervisor.log()


async def test_a_killed_supervisor_takes_its_processes_with_it(start: Start, eventually: Wait) -> None:
    supervisor = await two_gateways(start, eventually)
    children = children_of(supervisor.number)
    assert len(children) == 2
    await supervisor.kill()

    async def all_are_gone() -> bool:
        return not any(lives(child) for child in children)

    await eventually(all_are_gone)
    with pytest.raises(httpx.ConnectError):
        await ping(supervisor)


async def test_a_supervisor_that_is_told_to_stop_lets_its_processes_answer_first(
    start: Start, eventually: Wait
) -> None:
    supervisor = await two_gateways(start, eventually)
    children = children_of(supervisor.number)
    address = urlsplit(supervisor.url)
    connections = [await asyncio.open_connection(address.hostname, address.port) for _ in range(8)]
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(PING)}\r\n\r\n"
    for _, writer in connections:
        writer.write(head.encode() + PING[:5])
        await writer.drain()
    # What was accepted before is answered; a later request on the same process says that these were read.
    await asyncio.gather(*(ping(supervisor) for _ in range(20)))
    supervisor.signal(signal.SIGTERM)
    await supervisor.says(STOPPING)
    for _, writer in connections:
        writer.write(PING[5:])
        await writer.drain()
    answers = [await reader.read() for reader, _ in connections]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers), answers
    for _, writer in connections:
        writer.close()
    assert await supervisor.ended() == 0
    assert not any(lives(child) for child in children)


async def readiness(process: Process) -> tuple[int, dict[str, str]]:
    answer = await asked(f"{process.url}/readyz")
    assert answer.json()["ready"] is (answer.status_code == 200)
    return answer.status_code, answer.json()["away"]


@pytest.mark.parametrize(
    ("name", "status", "parts"),
    [
        ("redis", 200, {"cache"}),
        ("rabbitmq", 200, {"broker"}),
        ("postgresql", 503, {f"database {domain}" for domain in DOMAINS}),
    ],
)
async def test_gateways_and_workers_say_what_is_away_and_since_when(
    start: Start,
    eventually: Wait,
    request: pytest.FixtureRequest,
    name: str,
    status: int,
    parts: Collection[str],
) -> None:
    processes = await asyncio.gather(start("gateway"), start("worker"))
    server = request.getfixturevalue(name)

    async def nothing_is_away() -> bool:
        return [await readiness(process) for process in processes] == [(200, {})] * 2

    async def is_noticed() -> list[dict[str, str]] | None:
        found = [await readiness(process) for process in processes]
        noticed = all(answer == status and away.keys() == parts for answer, away in found)
        return [away for _, away in found] if noticed else None

    await eventually(nothing_is_away)
    server.stop()
    since = await eventually(is_noticed)
    assert await is_noticed() == since
    for process in processes:
        assert [await figure(process, "bookstall_up", part=part) for part in parts] == [0] * len(parts)
        assert (await asked(f"{process.url}/livez")).status_code == 200
    server.start()
    await eventually(nothing_is_away, seconds=40)


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
    assert "2 processes x 8 connections x 5 domains + 10 spare = 90, and the server has 297" in after.out


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
    everything_else = re.compile(rb"bookstall:(generation|available|incarnation)")

    async def copies() -> dict[bytes, bytes]:
        async with open_redis(redis) as client:
            keys = [key async for key in client.scan_iter("bookstall:*") if not everything_else.match(key)]
            values = await client.mget(keys) if keys else []
        return dict(zip(keys, values, strict=True))

    async def empty() -> None:
        async with open_redis(redis) as client:
            await client.flushdb()

    await empty()
    process = Process("run", data, settings=settings)
    await process.start(until=re.compile(r"GraphQL\s+(?P<url>http://\S+)/graphql"))
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
    assert len(incremental) > 80
    await empty()
    rebuilt = await bookstall("catalog", "rebuild", "--data", data, settings=settings)
    assert (rebuilt.code, rebuilt.err) == (0, ""), rebuilt
    assert re.fullmatch(r"Copied \d+ books and sellers\.\n", rebuilt.out)
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
