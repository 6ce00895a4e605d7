"""`bookstall run`: gateway, worker and, on the first start, sample data, all in one process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.gateway import gateway
from app.samples import load_samples
from app.settings import Settings
from app.wiring import Shop, migrate_all, open_shop

MESSAGE_BYTES = 64 * 1024
PING_SECONDS = 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(settings: Settings, *, samples: bool) -> None:
    """Serves until SIGINT or SIGTERM; raises Complaint where it cannot start."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, samples=samples))


async def _serve(settings: Settings, *, samples: bool) -> None:
    console = Console(highlight=False)
    stop = _stop_on_signals(console)
    listening = listen(settings.host, settings.port)
    folder = DataFolder(settings.data)
    with contextlib.closing(listening), folder.held():
        await migrate_all(settings)
        async with open_shop(settings) as shop:
            await shop.reclaim()
            worker = shop.worker()
            await worker.start()
            try:
                if samples and not folder.samples.exists():
                    await _first_start(shop, folder, console, stop)
                if not stop.is_set():
                    _announce(console, settings, listening)
                    await _answer(shop, listening, stop)
            finally:
                await worker.stop()


async def _answer(shop: Shop, listening: socket.socket, stop: asyncio.Event) -> None:
    server = _Server(
        uvicorn.Config(
            gateway(shop),
            lifespan="off", log_config=None, access_log=False, server_header=False,
            ws="websockets-sansio", ws_max_size=MESSAGE_BYTES,
            ws_ping_interval=PING_SECONDS, ws_ping_timeout=PING_SECONDS,
            timeout_graceful_shutdown=max(1, round(shop.settings.stop_seconds)),
        )
    )  # fmt: skip
    # What lives from here on lives long: young collections need not look at it again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again before the worker has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _stop_on_signals(console: Console) -> asyncio.Event:
    """Set by the first signal; the second one ends the process at once, which loses nothing that is committed."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def first() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        stop.set()
        console.print("Stopping ...")

    for number in SIGNALS:
        loop.add_signal_handler(number, first)
    return stop


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; raises Complaint when the address is taken or cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise Complaint(
            f"{host}:{port} cannot be listened on: {error.strerror or error}; choose another port with --port"
        ) from None
    bound.setblocking(False)
    return bound


async def _first_start(shop: Shop, folder: DataFolder, console: Console, stop: asyncio.Event) -> None:
    """Loads the sample shop; one that is cut short is finished by the next start."""
    if not console.is_terminal:
        console.print("Loading the sample shop ...")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Loading the sample shop", total=None)

        def show(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        loading = asyncio.create_task(load_samples(shop, show))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not loading.done():
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            return
        summary = await loading
    folder.samples.write_text(summary + "\n")
    console.print(f"Loaded the sample shop: {summary}.")


def _announce(console: Console, settings: Settings, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    option = f" --data {settings.data}"
    console.print(f"[bold green]Bookstall is ready[/], its data are in {settings.data}", soft_wrap=True)
    console.print(f"  GraphiQL  [bold]{url}/graphiql[/]  (signed in as {settings.sample_buyer})", soft_wrap=True)
    console.print(f"  GraphQL   {url}/graphql  (HTTP and websocket)")
    console.print(f"  Demo      .venv/bin/bookstall demo --url {url}{option}", soft_wrap=True)
    console.print(f"  Token     .venv/bin/bookstall token --as {settings.sample_buyer}{option}", soft_wrap=True)
    console.print("Stop with Ctrl-C.")
