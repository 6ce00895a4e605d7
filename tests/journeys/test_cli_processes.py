"""Processes of their own over private servers: they are watched, killed and stopped, and their servers go away."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.processes import Start, asked
from tests.server import Server

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]

STOPPING = re.compile(r"Stopping \.\.\.")
PING = b'{"query": "{ __typename }"}'
DOMAINS = ("orders", "inventory", "catalog", "sellers", "notifications")


async def ping(process: Server) -> httpx.Response:
    """The answer to the smallest query."""
    headers = {"Content-Type": "application/json"}
    return await asked(f"{process.url}/graphql", method="POST", content=PING, headers=headers)


async def figure(process: Server, name: str, **labels: str) -> float | None:
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


async def two_gateways(start: Start, eventually: Wait) -> Server:
    """A supervisor whose two processes both serve."""
    supervisor = await start("gateway", "--workers", "2")
    await eventually(lambda: has_pools(supervisor, 2))
    return supervisor


async def has_pools(supervisor: Server, processes: int) -> bool:
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


async def readiness(process: Server) -> tuple[int, dict[str, str]]:
    answer = await asked(f"{process.url}/readyz")
    assert answer.json()["ready"] is (answer.status_code == 200)
    return answer.status_code, answer.json()["away"]


@pytest.mark.parametrize(
    ("name", "status", "parts"),
    [
        ("redis", 200, {"cache"}),
        ("rabbitmq", 200, {"broker", "broker sends", "broker takes"}),
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


async def test_a_worker_refuses_as_a_gateway_does(start: Start) -> None:
    worker = await start("worker")
    for path, status, code in (("/graphql", 404, "NOT_FOUND"), ("/metrics", 405, "METHOD_NOT_ALLOWED")):
        answer = await asked(f"{worker.url}{path}", method="POST", content=PING)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (status, {"code": code})
        assert answer.headers["x-content-type-options"] == "nosniff"
