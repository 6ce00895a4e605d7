"""The full stack's servers together, and the command that runs them."""

import asyncio
import signal
import sys
from pathlib import Path

import aio_pika
import asyncpg
import pytest
from redis.asyncio import Redis as RedisClient

from app.devstack import ServerMissing, Stack
from app.devstack.stack import required
from app.settings import DOMAINS

ROOT = Path(__file__).parents[3]
SECONDS_TO_END = 60


def test_a_missing_server_is_named_with_the_package_that_brings_it() -> None:
    with pytest.raises(ServerMissing, match=r"^[^\n]*rabbitmq-server[^\n]*$"):
        required(lambda: None, "rabbitmq-server")


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_the_command_runs_the_stack_until_it_is_told_to_end() -> None:
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.devstack", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert command.stdout is not None
    lines = [(await command.stdout.readline()).decode().strip() for _ in range(3)]
    settings = dict(line.split("=", 1) for line in lines)
    for domain in DOMAINS:
        database = await asyncpg.connect(settings["BOOKSTALL_DATABASE_URL"].replace("{domain}", domain))
        assert await database.fetchval("SELECT current_database()") == domain
        await database.close()
    await (await aio_pika.connect(settings["BOOKSTALL_TRANSPORT_URL"])).close()
    async with RedisClient.from_url(settings["BOOKSTALL_CACHE_URL"]) as cache:
        assert await cache.execute_command("PING")
    command.send_signal(signal.SIGTERM)
    async with asyncio.timeout(SECONDS_TO_END):
        rest, _ = await command.communicate()
    assert (command.returncode, rest) == (0, b"")
    with pytest.raises(OSError):
        await asyncpg.connect(settings["BOOKSTALL_DATABASE_URL"].replace("{domain}", "orders"))


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_a_stack_that_cannot_start_leaves_nothing_running(open_folder: Path) -> None:
    (open_folder / "redis").touch()
    with pytest.raises(FileExistsError), Stack(open_folder) as stack:
        pytest.fail(f"{stack.servers} have started")
