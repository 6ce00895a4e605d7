"""What strangers cost others: `python -m benchmarks.strangers --url URL`, against `bookstall run`.

Each kind of bad request is sent again and again for some seconds, every document as a new one, while a canary asks for
one book after the other. Told are the canary's median and slowest answer, how many bad ones were answered a second, and
the memory of the server before and after. Figures are good as ratios within one run on one machine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import statistics
import time
from collections.abc import Callable
from typing import Annotated

import httpx
import typer

from tests.graph.abuse.bombs import BOMBS, UNREADABLE

CANARY = {"query": "{ books(first: 1) { nodes { isbn title } } }"}
JSON = {"Content-Type": "application/json"}
MEMORY = re.compile(r"^process_resident_memory_bytes ([\d.e+]+)$", re.MULTILINE)
MEGABYTE = 1_000_000

Body = Callable[[int], bytes]


def bodies() -> dict[str, Body]:
    """Each kind of bad request; none is ever sent twice."""
    query = json.dumps(CANARY).encode()
    kinds: dict[str, Body] = {
        name: lambda number, document=document: json.dumps({"query": f"{document} #{number}"}).encode()
        for name, document in (BOMBS | UNREADABLE).items()
    }
    kinds["a body of 10 MB"] = lambda number: query.ljust(10 * MEGABYTE)
    kinds["deep JSON"] = lambda number: b"[" * 60_000
    kinds["a long list"] = lambda number: b'{"variables": [' + b"1," * 30_000 + b"1]}"
    kinds["documents of 1,000 tokens"] = lambda number: json.dumps(
        {"query": "{ me { " + " ".join(f"a{number}x{n}: id" for n in range(14)) + " id" * 900 + " } }"}
    ).encode()
    return kinds


async def main(url: str, seconds: float, senders: int) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http, httpx.AsyncClient(base_url=url, timeout=60) as bad:
        await watched(http, seconds)
        first = before = await memory(http)
        median, slowest = await watched(http, seconds)
        print(f"{'alone':32} canary {median:6.1f} ms, slowest {slowest:7.1f} ms, memory {before / MEGABYTE:6.1f} MB")
        for name, body in bodies().items():
            numbers, deadline = itertools.count(1), time.perf_counter() + seconds
            sending = [asyncio.create_task(send(bad, body, numbers, deadline)) for _ in range(senders)]
            median, slowest = await watched(http, seconds)
            sent = sum(await asyncio.gather(*sending))
            before, after = before, await memory(http)
            print(
                f"{name:32} canary {median:6.1f} ms, slowest {slowest:7.1f} ms, {sent / seconds:6.0f} a second, "
                f"memory {(after - before) / MEGABYTE:+6.1f} MB"
            )
            before = after
        print(f"memory in all {(before - first) / MEGABYTE:+.1f} MB")


async def watched(http: httpx.AsyncClient, seconds: float) -> tuple[float, float]:
    """The canary's median and slowest answer in milliseconds."""
    times, deadline = [], time.perf_counter() + seconds
    while (started := time.perf_counter()) < deadline:
        answer = await http.post("/graphql", json=CANARY)
        times.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise SystemExit(answer.text)
    return statistics.median(times), max(times)


async def send(http: httpx.AsyncClient, body: Body, numbers: itertools.count[int], deadline: float) -> int:
    """How many were answered in time."""
    sent = 0
    while time.perf_counter() < deadline:
        await http.post("/graphql", content=body(next(numbers)), headers=JSON)
        sent += 1
    return sent


async def memory(http: httpx.AsyncClient) -> float:
    """What the server takes, in bytes."""
    found = MEMORY.search((await http.get("/metrics")).text)
    return float(found[1]) if found else 0.0


def run(
    url: Annotated[str, typer.Option()] = "http://127.0.0.1:8000",
    seconds: Annotated[float, typer.Option(help="For each kind of bad request.")] = 3.0,
    senders: Annotated[int, typer.Option(help="Bad requests at a time.")] = 4,
) -> None:
    """Sends bad requests and watches what that does to others."""
    asyncio.run(main(url, seconds, senders))


if __name__ == "__main__":
    typer.run(run)
