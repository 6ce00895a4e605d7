"""Dead letters: events that no handler could take, listed, read, replayed and discarded over all domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kernel.database import Database
from messaging import inbox
from messaging.tables import InboxState

LIST_LIMIT = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that its domain could not handle; `body` is the payload as it came, where it is text."""

    id: UUID
    domain: str
    event: str
    owner: str
    received_at: datetime
    attempts: int
    error: str
    correlation_id: str
    body: str


class DeadLetters:
    """The dead letters of all domains whose databases are given, by domain."""

    def __init__(self, databases: Mapping[str, Database]) -> None:
        self._databases = databases

    async def list(self, domain: str | None = None, *, limit: int = LIST_LIMIT) -> Sequence[DeadLetter]:
        """The newest first, of one domain or of all."""
        found: list[DeadLetter] = []
        for name, database in self._databases.items():
            if domain in (None, name):
                rows = await database.read().all(inbox.LETTERS, state=InboxState.DEAD, count=limit)
                found += [_letter(name, row) for row in rows]
        return sorted(found, key=lambda letter: letter.id, reverse=True)[:limit]

    async def show(self, letter_id: UUID) -> Sequence[DeadLetter]:
        """One event, once for every domain where it is dead."""
        rows = [(name, await db.read().one(inbox.FIND_LETTER, id=letter_id)) for name, db in self._databases.items()]
        return [_letter(name, row) for name, row in rows if row and row.state is InboxState.DEAD]

    async def replay(self, ids: Sequence[UUID]) -> int:
        """Hands the events to their handlers again; how many there were."""
        replayed = 0
        for database in self._databases.values():
            async with database.transaction() as tx:
                replayed += sum([await tx.run(inbox.REPLAY, id=identifier) for identifier in ids])
                tx.wake(inbox.SIGNAL)
        return replayed

    async def discard(self, ids: Sequence[UUID], note: str) -> int:
        """Gives the events up for good; the note says why. How many there were."""
        discarded = 0
        for database in self._databases.values():
            async with database.transaction() as tx:
                discarded += sum([await tx.run(inbox.DISCARD, id=identifier, why=note) for identifier in ids])
        return discarded


def _letter(domain: str, row: inbox.LetterRow) -> DeadLetter:
    return DeadLetter(
        id=row.event_id,
        domain=domain,
        event=row.name,
        owner=row.owner,
        received_at=row.received_at,
        attempts=row.attempts,
        error=row.error or "",
        correlation_id=row.correlation_id,
        body=(row.body or b"").decode(errors="replace"),
    )
