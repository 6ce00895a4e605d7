"""The full stack's servers together, and the command that runs them, and everything on them."""

import asyncio
import os
import re
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import asyncpg
import httpx
import pytest
from redis.asyncio import Redis as RedisClient

from app.devstack import ServerMissing, Stack
from app.devstack.stack import required
from app.settings import DOMAINS
from tests.server import bookstall

ROOT = Path(__file__).parents[3]
SECONDS_TO_END = 60
SECONDS_TO_START = 180
EXPORT = "export "
IS_READY = re.compile(r"  GraphQL   (?P<url>http://\S+)/graphql")


def test_a_missing_server_is_named_with_the_package_that_brings_it() -> None:
    with pytest.raises(ServerMissing, match=r"^[^\n]*rabbitmq-server[^\n]*$"):
        required(lambda: None, "rabbitmq-server")


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_the_command_runs_the_servers_alone_until_it_is_told_to_end() -> None:
    async with devstack("--servers") as command:
        settings = dict([await next_setting(command) for _ in range(3)])
        for domain in DOMAINS:
            database = await asyncpg.connect(settings["BOOKSTALL_DATABASE_URL"].replace("{domain}", domain))
            assert await database.fetchval("SELECT current_database()") == domain
            await database.close()
        await (await aio_pika.connect(settings["BOOKSTALL_TRANSPORT_URL"])).close()
        async with RedisClient.from_url(settings["BOOKSTALL_CACHE_URL"]) as cache:
            assert await cache.execute_command("PING")
        assert await ended(command) == b""
    with pytest.raises(OSError):
        await asyncpg.connect(settings["BOOKSTALL_DATABASE_URL"].replace("{domain}", "orders"))


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_the_command_serves_a_shop_from_processes_that_come_back_when_they_are_killed(open_folder: Path) -> None:
    async with devstack("--data", str(open_folder)) as command:
        url = IS_READY.match(await line_with(command, "  GraphQL   "))
        assert url is not None
        settings = dict([await next_setting(command) for _ in range(4)])
        assert await line_with(command, "Stop with Ctrl-C.")
        await kill("app worker --domain orders", settings)
        assert "worker-of-orders died" in await line_with(command, "started anew")
        await kill("--inherited", settings)
        assert "process of the gateway died" in await line_with(command, "started anew")
        demo = await bookstall("demo", "--url", url["url"], "--seconds", "60", settings=settings)
        assert demo.code == 0, demo
        await ended(command)
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(url["url"])
    assert not processes_with(settings)


async def test_the_command_refuses_a_port_that_is_taken_before_it_starts_anything(open_folder: Path) -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        async with devstack("--port", str(port), "--data", str(open_folder / "data"), stderr=PIPE) as command:
            out, error = await command.communicate()
    assert (command.returncode, out) == (1, b"")
    assert error.decode() == f"devstack: port {port} is in use; choose another one with PORT=\n"
    assert not (open_folder / "data").exists()


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_a_stack_that_cannot_start_leaves_nothing_running(open_folder: Path) -> None:
    (open_folder / "redis").touch()
    with pytest.raises(FileExistsError), Stack(open_folder) as stack:
        pytest.fail(f"{stack.servers} have started")


@asynccontextmanager
async def devstack(*options: str, stderr: int | None = None) -> AsyncIterator[Process]:
    """The command, which has begun, with a small sample shop."""
    command = await asyncio.create_subprocess_exec(
        "env", "BOOKSTALL_SAMPLE_BOOKS=20", sys.executable, "-m", "app.devstack", *options,
        cwd=ROOT, stdout=PIPE, stderr=stderr,
    )  # fmt: skip
    try:
        yield command
    finally:
        if command.returncode is None:
            command.kill()
            await command.wait()


async def line_with(command: Process, words: str) -> str:
    """The next line that has these words in it."""
    assert command.stdout is not None
    async with asyncio.timeout(SECONDS_TO_START):
        async for line in command.stdout:
            if words in line.decode():
                return line.decode().rstrip("\n")
    raise AssertionError(f"the command never said {words!r}")


async def next_setting(command: Process) -> tuple[str, str]:
    """The next setting that it says, as a shell reads it."""
    [setting] = shlex.split((await line_with(command, EXPORT)).removeprefix(EXPORT))
    name, _, value = setting.partition("=")
    return name, value


async def ended(command: Process) -> bytes:
    """What it says after it was told to end, which it does without an error."""
    command.send_signal(signal.SIGTERM)
    async with asyncio.timeout(SECONDS_TO_END):
        rest, _ = await command.communicate()
    assert command.returncode == 0, rest
    return rest


def processes_with(settings: dict[str, str]) -> dict[int, str]:
    """The processes of Bookstall that run with this data folder, and how each was called."""
    wanted = f"BOOKSTALL_DATA={settings['BOOKSTALL_DATA']}".encode()
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = " ".join((process / "cmdline").read_bytes().decode().split("\0"))
        except OSError:  # it has just ended
            continue
    return found


async def kill(called: str, settings: dict[str, str]) -> None:
    """kill -9 of a process that was called so."""
    process = next(number for number, command in processes_with(settings).items() if called in command)
    os.kill(process, signal.SIGKILL)
