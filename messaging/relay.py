"""The relay: sends what the outbox holds, right after the commit, and marks sent only what is confirmed.

Any number of relays may work on one outbox: rows are claimed with a lease, and claimed again when it ran out.
"""

from __future__ import annotations

import asyncio

from kernel.database import Database
from kernel.fail_points import reached
from kernel.ids import new_id
from kernel.logging import correlated, log
from kernel.sweep import Sweep
from messaging import outbox
from messaging.message import Message
from messaging.transport import Transport

BATCH = 200
LEASE_SECONDS = 30
PUBLISH_SECONDS = 15
"""The outer time limit of a publish: shorter than the lease, because a blocked broker never answers."""
PUT_BACK_SECONDS = 1
IDLE_SECONDS = 2.0
"""How often an idle relay looks for rows whose lease was lost."""
KEEP_SENT_SECONDS = 3 * 24 * 3600
PURGE_EVERY_SECONDS = 3600.0
PURGE_BATCH = 500

_log = log(__name__)


class Relay:
    """Sends the outbox of one domain's database."""

    def __init__(self, database: Database, transport: Transport) -> None:
        self._database = database
        self._transport = transport

    def sweeps(self) -> list[Sweep]:
        """What has to run for the outbox to empty, and to stay small."""
        name = self._database.name
        return [
            Sweep(
                f"{name} relay", self.send_due, signal=self._database.signal(outbox.SIGNAL), idle_seconds=IDLE_SECONDS
            ),
            Sweep(f"{name} outbox purge", self.purge, idle_seconds=PURGE_EVERY_SECONDS),
        ]

    async def send_due(self) -> int:
        """Claims one batch, publishes it with many in flight and marks what was confirmed; how many rows were sent.

        While nothing can be sent the rows are left alone: to claim and put them back would only keep databases busy.
        """
        if not self._transport.can_send or await self._database.read().one(outbox.ANY_DUE) is None:
            return 0
        mine = new_id()
        async with self._database.transaction() as tx:
            rows = await tx.all(outbox.CLAIM, mine=mine, count=BATCH, seconds=LEASE_SECONDS)
        messages = [Message(**row._asdict()) for row in sorted(rows)]
        failures = await asyncio.gather(*(self._publish(message) for message in messages))
        sent = [message.id for message, failure in zip(messages, failures, strict=True) if failure is None]
        unsent = [message for message, failure in zip(messages, failures, strict=True) if failure is not None]
        if sent:
            await self._database.write(outbox.MARK_SENT, ids=sent, mine=mine)
        if unsent:
            ids = [message.id for message in unsent]
            await self._database.write(outbox.PUT_BACK, ids=ids, mine=mine, seconds=PUT_BACK_SECONDS)
            _log.warning(
                "events could not be sent and stay in the outbox",
                domain=self._database.name, events=len(unsent), first=unsent[0].name, first_id=str(unsent[0].id),
                reason=next(failure for failure in failures if failure is not None),
            )  # fmt: skip
        return len(sent)

    async def purge(self) -> int:
        """Deletes some of what was sent long ago; how many rows that were."""
        return await self._database.transact(
            lambda tx: tx.run(outbox.PURGE, seconds=-KEEP_SENT_SECONDS, count=PURGE_BATCH)
        )

    async def _publish(self, message: Message) -> str | None:
        """Why the message is not confirmed, None if it is."""
        with correlated(message.correlation_id, message.traceparent):
            try:
                reached("publish.before", message.name)
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await self._transport.publish(message)
                reached("publish.after", message.name)
            except Exception as error:
                return str(error) or type(error).__name__
        return None
