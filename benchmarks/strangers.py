"""What strangers cost others: `python -m benchmarks.strangers --url URL`.

Start the server as `BOOKSTALL_RATE_PER_ADDRESS=0 bookstall run`: canary and strangers have one address here. Each kind
of abuse goes on for some seconds, in a process of its own and with no request like another, while a canary asks for one
book after the other. Told are the canary's median, 99th percentile and slowest answer, how often the strangers were
answered, the CPU that the server spent on each (which is, but for what waits for a database, how long nobody else had
a turn), and what the abuse left in its memory.

Two lines tell what the machine itself adds: the canary alone, and beside processes that only count. What is slow there
is slow everywhere, and says nothing of the server. Figures are good as ratios within one run on one machine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import statistics
import time
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from multiprocessing import get_context
from typing import Annotated, NamedTuple

import httpx
import typer
from graphql import get_introspection_query
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from graph.auth import EMBEDDED_ISSUER
from tests.graph.abuse.bombs import BOMBS, UNREADABLE
from tests.graph.forgeries import FORGERIES, Mint
from tests.graph.oidc_provider import new_key

CANARY = {"query": "{ books(first: 1) { nodes { isbn title } } }"}
EVERYTHING = """{ books(first: 100) { nodes { id isbn title authors year language rating
  stock { total sellers minPrice { amount currency } maxPrice { amount } averagePrice { amount } updatedAt }
  offers(first: 5) { nodes { id condition available price { amount currency } } } } } }"""
FIGURE = re.compile(r"^process_(cpu_seconds_total|resident_memory_bytes) ([\d.e+]+)$", re.MULTILINE)
JSON = {"Content-Type": "application/json"}
MEGABYTE = 1_000_000
IDLE = 200


class Stranger:
    """Somebody who means no good."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._mint = Mint(new_key("Ed25519"), {"alg": "Ed25519", "typ": "JWT"}, {"iss": EMBEDDED_ISSUER})
        self._forgeries = itertools.cycle(forge(self._mint) for forge in [*FORGERIES.values()])

    async def posts(self, body: bytes, **headers: str) -> None:
        await self.http.post("/graphql", content=body, headers=JSON | headers)

    async def asks(self, document: str, number: int) -> None:
        await self.posts(json.dumps({"query": f"{document} #{number}"}).encode())

    async def forges(self) -> None:
        await self.posts(json.dumps(CANARY).encode(), Authorization=f"Bearer {next(self._forgeries)}")

    async def opens(self, *messages: str) -> None:
        """A websocket that is closed for what it says."""
        url = f"ws{str(self.http.base_url).removeprefix('http').rstrip('/')}/graphql"
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            with suppress(ConnectionClosed):
                for message in messages:
                    await socket.send(message)
                while True:
                    await socket.recv()

    async def idles(self) -> None:
        """Many connections that say nothing."""
        async with AsyncExitStack() as stack:
            for _ in range(IDLE):
                _, writer = await asyncio.open_connection(self.http.base_url.host, self.http.base_url.port)
                stack.callback(writer.close)


Abuse = Callable[[Stranger, int], Awaitable[None]]


def _documents() -> Iterator[tuple[str, Abuse]]:
    named = {"100 books with all": EVERYTHING, "the schema": get_introspection_query(), **BOMBS, **UNREADABLE}
    for name, document in named.items():
        yield name, lambda stranger, number, document=document: stranger.asks(document, number)


def _misspelt(stranger: Stranger, number: int) -> Awaitable[None]:
    names = (f"fragment F{place} on noitacifitoNecnereferP{place}x{number} {{ id }}" for place in range(130))
    return stranger.asks("{ me { id } } " + " ".join(names), number)


def _tokens(stranger: Stranger, number: int) -> Awaitable[None]:
    aliases = " ".join(f"a{number}x{place}: id" for place in range(14))
    return stranger.asks("{ me { " + aliases + " id" * 900 + " } }", number)


ABUSES: dict[str, Abuse] = {
    **dict(_documents()),
    "1,000 tokens": _tokens,
    "names of no type": _misspelt,
    "a long comment": lambda stranger, number: stranger.asks("{ me { id } } #" + "x" * 64_000, number),
    "a body of 10 MB": lambda stranger, number: stranger.posts(b"{}".ljust(10 * MEGABYTE)),
    "deep JSON": lambda stranger, number: stranger.posts(b"[" * 60_000),
    "a long list": lambda stranger, number: stranger.posts(b'{"variables": [' + b"1," * 30_000 + b"1]}"),
    "many lists": lambda stranger, number: stranger.posts(b"[" + b",".join([b"[" + b"[]," * 400 + b"[]]"] * 50) + b"]"),
    "forged tokens": lambda stranger, number: stranger.forges(),
    "bad websockets": lambda stranger, number: stranger.opens('{"type": "connection_init"}', "[" * 60_000),
    "pings": lambda stranger, number: stranger.opens(
        '{"type": "connection_init"}', *['{"type": "ping"}'] * 100
    ),
    f"{IDLE} idle connections": lambda stranger, number: stranger.idles(),
}  # fmt: skip


class Figures(NamedTuple):
    """What the server says of itself."""

    cpu_seconds: float
    memory_bytes: float


async def figures(http: httpx.AsyncClient) -> Figures:
    """The server's own figures as they are now."""
    found = dict(FIGURE.findall((await http.get("/metrics")).text))
    return Figures(float(found["cpu_seconds_total"]), float(found["resident_memory_bytes"]))


async def watched(http: httpx.AsyncClient, until: Future[int]) -> list[float]:
    """How long each of the canary's answers took, in milliseconds."""
    times: list[float] = []
    while not until.done():
        started = time.perf_counter()
        answer = await http.post("/graphql", json=CANARY)
        times.append((time.perf_counter() - started) * 1000)
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(answer.text)
    return times


def count(seconds: float) -> int:
    """Does nothing for others, and never waits."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        pass
    return 0


def wait(seconds: float) -> int:
    """Leaves the machine alone."""
    time.sleep(seconds)
    return 0


def abuse(url: str, name: str, seconds: float, senders: int) -> int:
    """How often strangers were answered in time."""
    return asyncio.run(_abuse(url, ABUSES[name], seconds, senders))


async def _abuse(url: str, once: Abuse, seconds: float, senders: int) -> int:
    numbers, deadline = itertools.count(time.time_ns()), time.perf_counter() + seconds

    async def go_on() -> int:
        sent = 0
        while time.perf_counter() < deadline:
            await once(stranger, next(numbers))
            sent += 1
        return sent

    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        stranger = Stranger(http)
        return sum(await asyncio.gather(*(go_on() for _ in range(senders))))


async def main(url: str, seconds: float, senders: int, only: str) -> None:
    abuses = {name: partial(abuse, url, name, seconds, senders) for name in ABUSES if only in name}
    works = {"alone": partial(wait, seconds), "beside a process that counts": partial(count, seconds), **abuses}
    with ProcessPoolExecutor(1, get_context("spawn")) as others:
        await asyncio.get_running_loop().run_in_executor(others, wait, 0)
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            first = before = await figures(http)
            own = 0.0
            for name, work in works.items():
                going = asyncio.get_running_loop().run_in_executor(others, work)
                times = sorted(await watched(http, going))
                sent, after = await going, await figures(http)
                cpu = (after.cpu_seconds - before.cpu_seconds) * 1000
                own = own or cpu / len(times)
                tell(name, times, sent / seconds, (cpu - own * len(times)) / max(sent, 1), grown(before, after))
                before = after
            print(f"memory in all {grown(first, before):+.1f} MB")


def tell(name: str, times: list[float], sent: float, cpu: float, memory: float) -> None:
    """One line; nothing of strangers where there are none."""
    strangers = f"{sent:6.0f}/s of {cpu:6.1f} ms CPU" if sent else " " * 25
    late = f"99% {times[len(times) * 99 // 100]:7.1f}, slowest {times[-1]:7.1f}"
    print(f"{name:30} canary {statistics.median(times):6.1f} ms, {late} {strangers} {memory:+6.1f} MB", flush=True)


def grown(before: Figures, after: Figures) -> float:
    """By how many megabytes."""
    return (after.memory_bytes - before.memory_bytes) / MEGABYTE


def run(
    url: Annotated[str, typer.Option()] = "http://127.0.0.1:8000",
    seconds: Annotated[float, typer.Option(help="For each kind of abuse.")] = 3.0,
    senders: Annotated[int, typer.Option(help="Strangers at a time.")] = 4,
    only: Annotated[str, typer.Option(help="Only kinds with this in their names.")] = "",
) -> None:
    """Abuses a server and watches what that does to others."""
    try:
        asyncio.run(main(url, seconds, senders, only))
    except httpx.ConnectError:
        raise SystemExit(f"no server answers at {url}: start one with `bookstall run`") from None


if __name__ == "__main__":
    typer.run(run)
