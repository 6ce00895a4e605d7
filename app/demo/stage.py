"""The stage of the demo: the server, who may play on it, and the console that tells of each step and its time."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from app.complaint import Complaint
from app.data_folder import issuer_of
from app.live_client import LiveClient
from app.settings import Settings

T = TypeVar("T")

SECONDS_FROM = 10.0
"""From where on milliseconds say less than seconds."""


class Stage:
    """Where one story is played; `seconds` is the time limit of each of its steps."""

    def __init__(self, url: str, settings: Settings, seconds: float, token: str | None = None) -> None:
        """Without a buyer's token everybody gets one that is signed with the key in the data folder."""
        self.seconds = seconds
        self._url = url
        self._settings = settings
        self._token = token
        self._console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self._began = time.perf_counter()
        self._title: str | None = None

    @property
    def sweep_seconds(self) -> float:
        """When the sweep has looked after an unknown payment at the latest, if the server has the same settings."""
        return self._settings.charge_seconds + 2 * self._settings.late_seconds + self.seconds

    @asynccontextmanager
    async def entered(self, *, role: str = "buyer") -> AsyncIterator[LiveClient]:
        """Somebody's connection to the server; a new person's unless the stage has a token."""
        token = self._token or issuer_of(self._settings).issue(f"demo-{secrets.token_hex(4)}", role)
        async with LiveClient.connected(self._url, token, seconds=self.seconds) as client:
            self._show_title()
            yield client

    # --- what the audience sees

    def opens(self, title: str) -> None:
        """The story begins; its title is shown as soon as the server is there."""
        self._title = title

    def closes(self) -> None:
        """The story has come to its end."""
        self._console.print(f"[bold green]Everything arrived[/] within {_since(self._began)}.")

    def tell(self, text: str) -> None:
        """Something to know, below the step that it belongs to."""
        self._console.print(f"        {escape(text)}")

    def tell_entry(self, entry: dict[str, str]) -> None:
        """A step of an order's timeline, at the time since the title at which it arrived."""
        self._console.print(f"        at {_since(self._began):>8}  {entry['event']} ([dim]{entry['domain']}[/])")

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Callable[[str], None]]:
        """A step of the story; what is said in it stands beside its name."""
        began, said = time.perf_counter(), list[str]()
        with self._console.status(f"{name} ..."):
            yield said.append
        told = escape(f"{': ' if said else ''}{''.join(said)}")
        self._console.print(f"{_since(began):>9}  [bold]{name}[/]{told}")

    def _show_title(self) -> None:
        if self._title is not None:
            self._console.print(f"[bold]{escape(self._title)}[/] [dim]({self._url})[/]")
            self._began, self._title = time.perf_counter(), None

    # --- what has to come

    async def soon(self, awaited: Awaitable[T], what: str, *, within: float | None = None) -> T:
        """What arrives in time; raises Complaint otherwise."""
        seconds = within or self.seconds
        try:
            async with asyncio.timeout(seconds):
                return await awaited
        except TimeoutError:
            raise Complaint(f"{what} did not arrive within {seconds:g} s") from None


def require(holds: bool, otherwise: str) -> None:
    """Raises Complaint where the story does not go on as it is told."""
    if not holds:
        raise Complaint(f"the story went another way: {otherwise}")


def duration(seconds: float) -> str:
    """A time as people read it."""
    return f"{seconds * 1000:.0f} ms" if seconds < SECONDS_FROM else f"{seconds:.0f} s"


def _since(began: float) -> str:
    return duration(time.perf_counter() - began)
