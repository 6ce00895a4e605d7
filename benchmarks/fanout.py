"""What it costs to tell many watchers of one change: `python -m benchmarks.fanout`.

A gateway serves `stockUpdates`, and beside it a bare Starlette websocket that sends the same bytes to everybody, to
clients in a second process. Both are told in turn, so that a busy machine is busy for both. For each number of clients
are told: the server's CPU for a client and an event, the time from the change to the last client, and what a connection
takes. Websockets are not pinged meanwhile. Figures are good as ratios within one run on one machine.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.live_feed import changes_of
from app.process import listen, serve_until, start
from app.settings import Settings
from app.wiring import Shop, migrate_all, open_shop
from graph.auth import EmbeddedIssuer
from graph.headers import header_middleware
from graph.http import build_graph_app
from graph.limits import Limits
from graph.live import Hub
from kernel.clock import utc_now
from kernel.logging import configure_logging
from messaging.events import BookStockUpdated

ISBN = "9780306406157"
WATCH = {
    "query": "subscription Stock($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { isbn version isSnapshot stock { "
    "total sellers minPrice { amount currency } maxPrice { amount currency } averagePrice { amount } updatedAt } } }",
    "variables": {"isbns": [ISBN]},
}
SILENCE_SECONDS = 3600.0
KIB = 1024


class Bare:
    """A websocket that sends the same to everybody, as one writes it with Starlette."""

    def __init__(self) -> None:
        self._sockets: set[WebSocket] = set()

    async def connect(self, socket: WebSocket) -> None:
        await socket.accept()
        self._sockets.add(socket)
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            self._sockets.discard(socket)

    async def broadcast(self, text: str) -> None:
        for socket in self._sockets:
            await socket.send_text(text)


class Crowd:
    """The clients, in a process of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def at(cls, port: int) -> Crowd:
        """Clients of the server at this port."""
        arguments = ("-m", "benchmarks.crowd", "127.0.0.1", str(port), json.dumps(WATCH))
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe))

    async def ask(self, order: str) -> float:
        """What the clients answer to an order."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{order}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit("the clients have ended")
        return json.loads(line)

    async def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()


def resident_bytes() -> int:
    """What this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def stock(version: int) -> BookStockUpdated:
    """A change of the book that everybody watches."""
    return BookStockUpdated(
        book_isbn=ISBN, total_stock=version, available_sellers=3, min_price=450, max_price=1250, average_price=780,
        updated_at=utc_now(), version=version,
    )  # fmt: skip


def tell(hub: Hub, version: int) -> None:
    for change in changes_of(stock(version)):
        hub.receive(change)


def same_bytes(version: int) -> str:
    """What a client of `stockUpdates` is sent."""
    told = {
        "isbn": ISBN, "version": version, "isSnapshot": False,
        "stock": {
            "total": version, "sellers": 3, "minPrice": {"amount": "4.50", "currency": "EUR"},
            "maxPrice": {"amount": "12.50", "currency": "EUR"}, "averagePrice": {"amount": "7.80"},
            "updatedAt": utc_now().isoformat(),
        },
    }  # fmt: skip
    message = {"id": "1", "type": "next", "payload": {"data": {"stockUpdates": told}}}
    return json.dumps(message, separators=(",", ":"))


async def measured(crowd: Crowd, kind: str, publish: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """The CPU seconds of this process for one event, and the seconds until the last client had it."""
    cpu, started = time.process_time(), time.monotonic()
    answer = asyncio.create_task(crowd.ask(f"wait {kind}"))
    await publish()
    last = await answer
    return time.process_time() - cpu, last - started


async def compared(shop: Shop, bare: Bare, port: int, clients: int, events: int) -> None:
    """Measures so many clients of each kind."""
    crowd = await Crowd.at(port)
    taken: dict[str, float] = {}
    for kind in ("shared", "bare"):
        gc.collect()
        before = resident_bytes()
        await crowd.ask(f"open {kind} {clients}")
        taken[kind] = (resident_bytes() - before) / clients / KIB
    found: dict[str, list[tuple[float, float]]] = {"shared": [], "bare": []}
    for _ in range(events):
        version = next(_versions)

        async def share(version: int = version) -> None:
            tell(shop.services.hub, version)

        async def broadcast(version: int = version) -> None:
            await bare.broadcast(same_bytes(version))

        found["bare"].append(await measured(crowd, "bare", broadcast))
        found["shared"].append(await measured(crowd, "shared", share))
    length = {kind: await crowd.ask(f"length {kind}") for kind in found}
    await crowd.end()
    cpu = {kind: statistics.median(pair[0] for pair in pairs) / clients * 1e6 for kind, pairs in found.items()}
    last = {kind: statistics.median(pair[1] for pair in pairs) * 1e3 for kind, pairs in found.items()}
    for kind in ("bare", "shared"):
        print(
            f"{clients:6} clients, {kind:6}  CPU {cpu[kind]:6.1f} us a client and event, last client after "
            f"{last[kind]:7.1f} ms, {taken[kind]:5.1f} KiB a connection, {length[kind]:.0f} bytes"
        )
    print(
        f"{clients:6} clients, CPU {cpu['shared'] / cpu['bare']:.2f} of bare, time {last['shared'] / last['bare']:.2f}"
    )


def _count() -> Any:
    version = 0
    while True:
        version += 1
        yield version


_versions = _count()


async def main(counts: list[int], events: int) -> None:
    with TemporaryDirectory() as folder:
        settings = Settings.load(data=Path(folder))
        await migrate_all(settings)
        async with open_shop(settings) as shop:
            most = 3 * max(counts)
            limits = Limits(
                socket_ping_seconds=SILENCE_SECONDS, rate_per_address=0,
                connections=most, connections_per_address=most, operations_per_address=most,
            )  # fmt: skip
            shop.services.limits = limits
            bare, stop, listening = Bare(), asyncio.Event(), listen("127.0.0.1", 0)
            routes = [
                *build_graph_app(shop.services, EmbeddedIssuer(Path(folder))),
                WebSocketRoute("/bare", bare.connect),
            ]
            app = Starlette(routes=routes, middleware=header_middleware(()))
            serving = asyncio.create_task(serve_until(stop, app, listening, 5, limits))
            for count in counts:
                await compared(shop, bare, listening.getsockname()[1], count, events)
            stop.set()
            await serving


def run(
    clients: Annotated[list[int] | None, typer.Option(help="How many clients of each kind; may be repeated.")] = None,
    events: Annotated[int, typer.Option(help="Changes that each kind is told of.")] = 20,
) -> None:
    """Tells many watchers of changes, and measures it against a bare broadcast."""
    configure_logging(level="WARNING")
    print(f"Python {sys.version.split()[0]} at {sys.executable}")
    start(main(clients or [1000, 5000], events))


if __name__ == "__main__":
    typer.run(run)
