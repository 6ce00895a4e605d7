"""The operators' desk: fulfils the graph's port over the domains' outboxes and dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graph.ports import DeadLetter, OutboxLag
from kernel.database import Database
from kernel.pages import Page, PageRequest
from messaging import deadletters, outbox
from messaging.deadletters import LetterId


class OperatorsDesk:
    """What operators see and do, over the databases of all domains."""

    def __init__(self, databases: Mapping[str, Database]) -> None:
        self._databases = databases
        self._letters = deadletters.DeadLetters(databases)

    async def dead_letters(self, *, domain: str | None, page: PageRequest) -> Page[DeadLetter]:
        """The newest dead letters first, of one domain or of all; raises InvalidCursor."""
        found = await self._letters.list(domain, page=page)
        return Page([_shown(letter) for letter in found.items], found.cursors, found.has_next)

    async def replay(self, ids: Sequence[str]) -> int:
        """Hands these dead letters to their handlers again; how many of them were dead."""
        return await self._letters.replay(list(_letter_ids(ids)))

    async def discard(self, ids: Sequence[str], note: str) -> int:
        """Gives these dead letters up, with a note of why; how many of them were dead."""
        return await self._letters.discard(list(_letter_ids(ids)), note)

    async def outbox_lag(self) -> Sequence[OutboxLag]:
        """What waits to be published, domain by domain."""
        lags = [(name, await outbox.lag(database.read())) for name, database in self._databases.items()]
        return [OutboxLag(name, lag.waiting, lag.oldest) for name, lag in lags]


def _letter_ids(texts: Iterable[str]) -> Iterable[LetterId]:
    for text in texts:
        try:
            yield LetterId.parse(text)
        except ValueError:
            continue


def _shown(letter: deadletters.DeadLetter) -> DeadLetter:
    return DeadLetter(
        id=str(letter.id),
        domain=letter.id.domain,
        event=letter.event,
        event_id=letter.id.event_id,
        body=letter.body,
        attempts=letter.attempts,
        error=letter.error,
        failed_at=letter.received_at,
    )
