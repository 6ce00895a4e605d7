"""Private servers: they come back on their port with what they had, and end when whoever started them does."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aio_pika
import asyncpg
import pytest
from redis.asyncio import Redis as RedisClient
from redis.exceptions import TimeoutError as NoAnswer

from app.devstack import PostgreSQL, RabbitMQ, Redis, Server, ServerFailed, find_postgresql, find_rabbitmq, find_redis
from app.devstack.server import FIRST_PORT, LAST_PORT, free_ports
from tests.stack import installed

ROOT = Path(__file__).parents[3]
KINDS = [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in ("postgresql", "rabbitmq", "redis")]
WAYS = ["stop", "kill"]
LEADER_SECONDS = 60


def made(kind: str, folder: Path | None = None) -> Server:
    match kind:
        case "postgresql":
            return PostgreSQL(installed(find_postgresql), folder)
        case "rabbitmq":
            return RabbitMQ(installed(find_rabbitmq), folder)
        case _:
            return Redis(installed(find_redis), folder)


@pytest.fixture(params=[kind for kind in KINDS if kind.values != ("rabbitmq",)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that no other test knows, of the kinds that start fast."""
    with made(request.param) as server:
        yield server


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_ended_comes_back_on_its_port(server: Server, way: str) -> None:
    port = server.port
    assert answers(port)
    getattr(server, way)()
    assert not server.is_running()
    assert not answers(port)
    server.start()
    assert server.port == port
    assert answers(port)


def test_starting_and_ending_twice_is_like_once(server: Server) -> None:
    server.start()
    server.kill()
    server.kill()
    server.stop()
    assert not server.is_running()
    folder = server.folder
    server.close()
    server.close()
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_is_reached_from_this_machine_alone(kind: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(kind)
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{server.port}"], capture_output=True, text=True, check=True)
    addresses = {line.split()[3] for line in listening.stdout.splitlines()}
    assert addresses == {f"127.0.0.1:{server.port}"}


@pytest.mark.postgresql
@pytest.mark.parametrize("way", WAYS)
async def test_postgresql_keeps_what_was_committed(way: str) -> None:
    with PostgreSQL(installed(find_postgresql)) as server:
        connection = await asyncpg.connect(server.create_database("shop"))
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        if way == "kill":
            server.kill()
        await connection.close() if way == "stop" else connection.terminate()
        server.stop()
        server.start()
        assert "shop" in server.databases()
        connection = await asyncpg.connect(server.url("shop"))
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()


@pytest.mark.rabbitmq
async def test_rabbitmq_keeps_what_was_confirmed(rabbitmq: RabbitMQ) -> None:
    url = rabbitmq.url
    # A queue that is only just declared has no leader after a kill; the stop before writes it down.
    for way in WAYS:
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
            message = aio_pika.Message(way.encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, "kept")
        getattr(rabbitmq, way)()
        assert not answers(rabbitmq.port)
        rabbitmq.start()
        assert rabbitmq.url == url
        async with await aio_pika.connect(url) as connection:
            queue = await (await connection.channel()).get_queue("kept")
            message = await queue.get(no_ack=True, timeout=LEADER_SECONDS)
            assert message.body == way.encode()


@pytest.mark.redis
@pytest.mark.parametrize("way", WAYS)
async def test_redis_comes_back_empty(redis: Redis, way: str) -> None:
    async with RedisClient.from_url(redis.url) as client:
        await client.set("a", 1)
    getattr(redis, way)()
    redis.start()
    async with RedisClient.from_url(redis.url) as client:
        assert await client.dbsize() == 0


@pytest.mark.redis
async def test_a_paused_server_answers_when_it_goes_on(redis: Redis) -> None:
    async with RedisClient.from_url(redis.url, socket_timeout=0.05, retry=None) as client:
        redis.pause()
        with pytest.raises(NoAnswer):
            await client.execute_command("PING")
        redis.resume()
        assert await client.execute_command("PING")


@pytest.mark.postgresql
def test_data_in_a_folder_that_was_given_outlive_the_server(open_folder: Path) -> None:
    folder = open_folder / "postgresql"
    with PostgreSQL(installed(find_postgresql), folder) as server:
        server.create_database("shop")
    with PostgreSQL(installed(find_postgresql), folder) as server:
        assert "shop" in server.databases()


@pytest.mark.redis
def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with Redis(installed(find_redis)) as first:
        first.stop()
        with socket.create_server(("127.0.0.1", first.port)), pytest.raises(ServerFailed, match="Redis did not start"):
            first.start()
        assert not first.is_running()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_ends_with_a_process_that_was_killed(kind: str, eventually) -> None:
    program = (
        "import signal; from tests.unit.app.test_devstack_servers import made;"
        f"server = made({kind!r}); server.start(); print(server.port, server.folder, flush=True); signal.pause()"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    port, _, folder = (await owner.stdout.readline()).decode().strip().partition(" ")
    assert answers(int(port))
    owner.kill()
    await owner.communicate()

    async def gone() -> bool:
        return not answers(int(port)) and not os.path.exists(folder)  # noqa: ASYNC240, PTH110 - nothing waits here

    await eventually(gone)


def test_free_ports_are_not_those_that_the_system_gives_away() -> None:
    first = free_ports(3)
    assert FIRST_PORT <= first <= LAST_PORT - 3
    with socket.create_server(("127.0.0.1", first)):
        assert answers(first)
