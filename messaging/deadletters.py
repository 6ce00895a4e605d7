"""Dead letters: events that no handler could take, listed, read, replayed and discarded over all domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from kernel.database import Database, Statement
from kernel.pages import InvalidCursor, Page, PageRequest, decode_cursor, encode_cursor
from messaging import inbox
from messaging.tables import InboxState

FIRST = PageRequest()
_AFTER_ALL = UUID(int=2**128 - 1)


class LetterId(NamedTuple):
    """A dead letter: an event in the inbox of one domain. Written `orders/0190...`."""

    domain: str
    event_id: UUID

    def __str__(self) -> str:
        return f"{self.domain}/{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `orders/0190...`; raises ValueError."""
        domain, _, event_id = text.partition("/")
        return cls(domain, UUID(event_id))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that its domain could not handle; `body` is the payload as it came, where it is text."""

    id: LetterId
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

    async def list(self, domain: str | None = None, *, page: PageRequest = FIRST) -> Page[DeadLetter]:
        """The newest first, of one domain or of all; raises InvalidCursor."""
        before = _position(page.after) if page.after else LetterId("\uffff", _AFTER_ALL)
        found: list[DeadLetter] = []
        for name, database in self._databases.items():
            if domain in (None, name):
                rows = await database.read().all(
                    inbox.LETTERS, state=InboxState.DEAD, until=before.event_id, count=page.first + 2
                )
                found += [_letter(name, row) for row in rows]
        found.sort(key=lambda letter: (letter.id.event_id, letter.id.domain), reverse=True)
        older = [letter for letter in found if (letter.id.event_id, letter.id.domain) < before[::-1]]
        shown = older[: page.first]
        return Page(shown, [encode_cursor(str(letter.id)) for letter in shown], len(older) > page.first)

    async def show(self, letter: LetterId) -> DeadLetter | None:
        """One dead letter."""
        if letter.domain not in self._databases:
            return None
        row = await self._databases[letter.domain].read().one(inbox.FIND_LETTER, id=letter.event_id)
        return _letter(letter.domain, row) if row and row.state is InboxState.DEAD else None

    async def replay(self, letters: Sequence[LetterId]) -> int:
        """Hands the events to their handlers again; how many of them were dead."""
        return await self._change(letters, inbox.REPLAY)

    async def discard(self, letters: Sequence[LetterId], note: str) -> int:
        """Gives the events up for good; the note says why. How many of them were dead."""
        return await self._change(letters, inbox.DISCARD, why=note)

    async def _change(self, letters: Sequence[LetterId], statement: Statement[None], **params: str) -> int:
        changed = 0
        for name, database in self._databases.items():
            ids = [letter.event_id for letter in letters if letter.domain == name]
            if ids:
                async with database.transaction() as tx:
                    changed += sum([await tx.run(statement, id=identifier, **params) for identifier in ids])
                    tx.wake(inbox.SIGNAL)
        return changed


def _position(cursor: str) -> LetterId:
    (text,) = decode_cursor(cursor, str)
    try:
        return LetterId.parse(text)
    except ValueError:
        raise InvalidCursor from None


def _letter(domain: str, row: inbox.LetterRow) -> DeadLetter:
    return DeadLetter(
        id=LetterId(domain, row.event_id),
        event=row.name,
        owner=row.owner,
        received_at=row.received_at,
        attempts=row.attempts,
        error=row.error or "",
        correlation_id=row.correlation_id,
        body=(row.body or b"").decode(errors="replace"),
    )
