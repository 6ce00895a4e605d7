"""`bookstall run`: gateway, worker and, on the first start, sample data, all in one process."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.gateway import gateway
from app.process import console, listen, serve_until, start, stop_on_signals, url_of
from app.samples import load_samples
from app.settings import Settings
from app.wiring import Shop, migrate_all, open_shop
from app.worker import worker


def run(settings: Settings, *, samples: bool) -> None:
    """Serves until SIGINT or SIGTERM; raises Complaint where it cannot start."""
    start(_serve(settings, samples=samples))


def seed(settings: Settings) -> None:
    """Loads the sample shop and returns when all its events have arrived; raises Complaint where it cannot."""
    if settings.production:
        raise Complaint(
            "the sample shop is for development: in production its sellers would be whoever has their names"
        )
    start(_seed(settings))


async def _seed(settings: Settings) -> None:
    stop = stop_on_signals()
    folder = DataFolder(settings.data)
    with folder.held():
        await migrate_all(settings)
        async with open_shop(settings, live=False) as shop:
            working = worker(shop)
            await working.start()
            try:
                await _first_start(shop, folder, stop)
            finally:
                await working.stop()


async def _serve(settings: Settings, *, samples: bool) -> None:
    stop = stop_on_signals()
    listening = listen(settings.host, settings.port)
    folder = DataFolder(settings.data)
    with contextlib.closing(listening), folder.held():
        await migrate_all(settings)
        async with open_shop(settings) as shop:
            if settings.owns_its_databases:
                await shop.reclaim()
            working = worker(shop)
            await working.start()
            try:
                if samples and not settings.production and not folder.samples.exists():
                    await _first_start(shop, folder, stop)
                if not stop.is_set():
                    _announce(settings, listening)
                    await serve_until(stop, gateway(shop), listening, settings.stop_seconds, settings.limits())
            finally:
                await working.stop()


async def _first_start(shop: Shop, folder: DataFolder, stop: asyncio.Event) -> None:
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


def _announce(settings: Settings, listening: socket.socket) -> None:
    url = url_of(listening)
    option = escape(f" --data {shlex.quote(str(settings.data))}")
    console.print(f"[bold green]Bookstall is ready[/], its data are in {escape(str(settings.data))}", soft_wrap=True)
    if settings.limits().explorable:
        signed_in = f"signed in as {settings.sample_buyer}" if settings.issues_its_tokens else "without a token"
        console.print(f"  GraphiQL  [bold]{url}/graphiql[/]  ({signed_in})", soft_wrap=True)
    console.print(f"  GraphQL   {url}/graphql  (HTTP and websocket)")
    if settings.issues_its_tokens:
        console.print(f"  Demo      .venv/bin/bookstall demo --url {url}{option}", soft_wrap=True)
        console.print(f"  Token     .venv/bin/bookstall token --as {settings.sample_buyer}{option}", soft_wrap=True)
    console.print("Stop with Ctrl-C.")
