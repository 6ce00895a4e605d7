"""Missed events: what was sent and never came to a domain is noticed, by comparing both ends, and sent again.

A broker confirms what any queue takes. One that lost a binding, a queue or its disk loses an event to one domain while
others have it, and nobody is told: only the owner's outbox and the domain's inbox together know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from kernel.database import Database
from kernel.logging import log
from kernel.sweep import Sweep
from messaging import inbox, outbox
from messaging.event import Event
from messaging.outbox import SentRow
from messaging.transport import Transport

GRACE_SECONDS = 60
"""How long ago an event was sent before it can count as missed: it may be with a consumer."""
LOOK_SECONDS = 30.0
HORIZON = timedelta(days=2)
"""How far back a process looks when it starts: shorter than sent events are kept, longer than any pause."""
LONGEST_PAUSE = timedelta(days=1)
RESENDS = 12
"""Times that an event is sent again, in about four days: inboxes have to remember it for longer."""
BATCH = 500

_log = log(__name__)
_LAST_ID = UUID(int=2**128 - 1)


@dataclass(slots=True)
class _Source:
    """An owner whose events the domain consumes, and how far they were compared."""

    outbox: Database
    names: Sequence[str]
    seen: tuple[datetime, UUID] = (datetime.fromtimestamp(0, UTC), _LAST_ID)
    late: set[UUID] = field(default_factory=set)
    """What is missing and was sent again too lately to be sent once more."""


class MissedEvents:
    """Notices what one domain missed of `events`, from the databases of their owners, and makes it due there again.

    An inbox takes each event once, so it does not matter if one was under way, or if several processes notice it.
    `count` is told how many events were made due.
    """

    def __init__(
        self,
        database: Database,
        owners: Mapping[str, Database],
        events: Collection[type[Event]],
        transport: Transport,
        *,
        grace_seconds: int = GRACE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
        count: Callable[[int], None] = lambda events: None,
    ) -> None:
        self._database = database
        self._transport = transport
        self._grace = timedelta(seconds=grace_seconds)
        self._look_seconds = look_seconds
        self._count = count
        self._sources = [
            _Source(owners[owner], sorted(event.__name__ for event in events if event.owner == owner))
            for owner in sorted({event.owner for event in events})
        ]

    def sweeps(self) -> list[Sweep]:
        """What has to run for missed events to be noticed."""
        return [Sweep(f"{self._database.name} missed events", self.look, idle_seconds=self._look_seconds)]

    async def look(self) -> int:
        """Compares one batch of each owner's events; more than 0 where there is another one.

        A backlog is no loss: while messages wait for the domain, or nobody can say, nothing is compared.
        """
        if await self._transport.waiting(self._database.name) != 0:
            return 0
        return sum([await self._compare(source) for source in self._sources])

    async def _compare(self, source: _Source) -> int:
        reader = source.outbox.read()
        clock = await reader.one(outbox.CLOCK)
        assert clock is not None
        until = clock.now - self._grace
        since, after = max(source.seen, (until - HORIZON, _LAST_ID))
        rows = await reader.all(outbox.SENT, names=source.names, since=since, after=after, until=until, count=BATCH)
        full = len(rows) == BATCH
        seen = (rows[-1].sent_at, rows[-1].id) if full else (until, _LAST_ID)
        if late := list(islice(source.late, BATCH)):
            rows += await reader.all(outbox.FIND_SENT, ids=late, until=until)
        still_late = await self._send_missing_again(source.outbox, rows, clock.now) if rows else set[UUID]()
        source.late = source.late.difference(late) | still_late
        source.seen = seen
        return len(rows) if full else 0

    async def _send_missing_again(self, source: Database, rows: Sequence[SentRow], now: datetime) -> set[UUID]:
        """Makes due what the domain does not know; gives what it does not know either but was sent too lately."""
        found = await self._database.read().all(inbox.KNOWN, ids=[row.id for row in rows])
        known = {row.event_id for row in found}
        due: list[UUID] = []
        late: set[UUID] = set()
        for row in (row for row in rows if row.id not in known):
            if row.resent >= RESENDS:
                _log.error("an event never came and is given up", **self._about(row.name, row.id))
            elif row.sent_at > now - self._pause(row.resent):
                late.add(row.id)
            else:
                due.append(row.id)
        if due:
            async with source.transaction() as tx:
                again = await tx.all(outbox.SEND_AGAIN, ids=due, until=now - self._grace)
                tx.wake(outbox.SIGNAL)
            for row in again:
                _log.warning("an event never came and is sent again", **self._about(row.name, row.id))
            self._count(len(again))
        return late

    def _pause(self, resent: int) -> timedelta:
        return min(self._grace * 2**resent, LONGEST_PAUSE)

    def _about(self, name: str, event_id: UUID) -> dict[str, str]:
        return {"domain": self._database.name, "event_name": name, "event_id": str(event_id)}
