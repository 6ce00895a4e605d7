"""What a supervisor asks a process: is it alive, is it ready, what is away and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.wiring import Shop
from kernel.database import DatabaseError
from messaging import outbox

BROKER = "broker"
CHECK_SECONDS = 2.0
"""The time limit of a check: what answers later is away."""
STANDING_SECONDS = 1.0
"""How long the same answer is given without asking again how things stand."""


T = TypeVar("T")


class Recent(Generic[T]):
    """An answer that is asked for when somebody wants it: by one at a time, and once a second at most."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Callable[[], float] = monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = asyncio.Lock()
        self._known: tuple[float, T] | None = None

    async def get(self) -> T:
        """The answer, which is at most `STANDING_SECONDS` old."""
        async with self._asking:
            if self._known is None or self._clock() >= self._known[0]:
                answer = await self._ask()
                self._known = self._clock() + STANDING_SECONDS, answer
            return self._known[1]


class Health:
    """Notes since when each part of the outside does not answer.

    A process is ready while every database answers: without the broker events wait in the outbox, and without the
    cache reads come from the database.
    """

    def __init__(self, shop: Shop, clock: Callable[[], float] = monotonic) -> None:
        self._transport = shop.transport
        self._checks: dict[str, Callable[[], Awaitable[bool]]] = {
            f"database {name}": _database_check(shop, name) for name in shop.databases
        }
        self._needed = frozenset(self._checks)
        self._checks["cache"] = shop.cache_is_there
        self._away: dict[str, datetime] = {}
        self._found = Recent(self._look, clock)

    @property
    def parts(self) -> Sequence[str]:
        """What is looked at: the broker as a whole, and each connection to it."""
        return (*self._checks, BROKER, *_named(self._transport.connections))

    def routes(self) -> list[BaseRoute]:
        """`/livez` and `/readyz`."""
        return [Route("/livez", self._livez), Route("/readyz", self._readyz)]

    async def look(self) -> dict[str, datetime]:
        """What is away now, and since when: of databases and cache, since when that was noticed here."""
        return await self._found.get()

    async def _look(self) -> dict[str, datetime]:
        answers = await asyncio.gather(*(_in_time(check) for check in self._checks.values()))
        for name, there in zip(self._checks, answers, strict=True):
            if there:
                self._away.pop(name, None)
            else:
                self._away.setdefault(name, datetime.now(UTC))
        lost = {name: at for name, at in _named(self._transport.connections).items() if at is not None}
        return self._away | ({BROKER: min(lost.values())} if lost else {}) | lost

    async def _livez(self, _request: Request) -> Response:
        return JSONResponse({"alive": True})

    async def _readyz(self, _request: Request) -> Response:
        away = await self.look()
        ready = self._needed.isdisjoint(away)
        told = {name: since.isoformat(timespec="seconds") for name, since in away.items()}
        return JSONResponse({"ready": ready, "away": told}, status_code=200 if ready else 503)


def _database_check(shop: Shop, name: str) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        try:
            await shop.databases[name].read().one(outbox.ANY_DUE)
        except DatabaseError:
            return False
        return True

    return answers


def _named(connections: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    return {f"{BROKER} {name}": since for name, since in connections.items()}


async def _in_time(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        return False
