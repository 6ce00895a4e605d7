"""The mail sweep: claims mails that are due, sends them outside of any transaction, and records what became of them."""

from __future__ import annotations

import asyncio
import random

from domains.notifications import mail_repository
from domains.notifications.errors import MailRefused, MailUnavailable
from domains.notifications.mail_repository import ClaimedMail
from domains.notifications.model import DeliveryStatus, NotificationChannel, retry_seconds
from domains.notifications.ports import Mail, MailProvider
from kernel.database import Database, Transaction
from kernel.ids import new_id
from kernel.logging import correlated, log
from messaging import outbox
from messaging.events import NotificationFailed, NotificationSent

SIGNAL = "deliveries"
"""Set after each commit that left a mail to send."""
BATCH = 20
"""Mails that are sent at the same time."""
SEND_SECONDS = 20
LEASE_SECONDS = 90
"""Longer than a batch can take, so that a sweep that lives is the only one to send what it claimed."""
REASON_LENGTH = 200

_log = log(__name__)


class MailDelivery:
    """Sends what the handlers left behind, at least once: after a crash a mail may go again under its Message-ID."""

    def __init__(
        self, database: Database, provider: MailProvider, *, sender: str, send_seconds: float = SEND_SECONDS
    ) -> None:
        self._database = database
        self._provider = provider
        self._sender = sender
        self._send_seconds = send_seconds

    async def deliver_due(self) -> int:
        """Sends one batch; how many mails were tried."""
        if not await mail_repository.any_due(self._database.read()):
            return 0
        lease = new_id()
        claimed = await self._database.transact(
            lambda tx: mail_repository.claim(tx, lease, most=BATCH, seconds=LEASE_SECONDS)
        )
        # A mail that cannot be recorded must not cut the others short.
        outcomes = await asyncio.gather(*(self._deliver(mail) for mail in claimed), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return len(claimed)

    async def reclaim(self) -> None:
        """Makes due what a sweep had claimed that is known to be dead."""
        await self._database.write(mail_repository.RECLAIM)

    async def _deliver(self, mail: ClaimedMail) -> None:
        with correlated(mail.claim.correlation_id, mail.claim.traceparent):
            try:
                async with asyncio.timeout(self._send_seconds):
                    await self._provider.send(self._addressed(mail))
            except MailRefused as error:
                await self._settle(mail, DeliveryStatus.FAILED, _reason(mail, error))
            except (MailUnavailable, TimeoutError) as error:
                await self._try_later(mail, _reason(mail, error))
            except Exception as error:
                _log.error("a mail provider broke", error=type(error).__name__, **_fields(mail))
                await self._try_later(mail, type(error).__name__)
            else:
                await self._settle(mail, DeliveryStatus.SENT, None)

    def _addressed(self, mail: ClaimedMail) -> Mail:
        return Mail(
            id=mail.text.id,
            sender=self._sender,
            recipient=mail.claim.address,
            subject=mail.text.subject,
            body=mail.text.body,
        )

    async def _try_later(self, mail: ClaimedMail, reason: str) -> None:
        seconds = retry_seconds(mail.claim.attempts, random.random())  # noqa: S311 - jitter needs no secret
        if seconds is None:
            await self._settle(mail, DeliveryStatus.FAILED, reason)
            return
        put_off = await self._database.transact(lambda tx: mail_repository.put_off(tx, mail, seconds, reason))
        _log.info("a mail will be tried again", seconds=seconds, lease_kept=put_off, **_fields(mail))

    async def _settle(self, mail: ClaimedMail, status: DeliveryStatus, reason: str | None) -> None:
        event = (NotificationSent if status is DeliveryStatus.SENT else NotificationFailed)(
            notification_id=mail.text.id,
            recipient_id=mail.text.recipient_id,
            kind=mail.text.kind,
            channel=NotificationChannel.MAIL,
            order_id=mail.text.order_id,
            reason=reason,
        )

        async def settle(tx: Transaction) -> bool:
            settled = await mail_repository.settle(tx, mail, status, reason)
            if settled:
                await outbox.add(tx, event)
            return settled

        if not await self._database.transact(settle):
            _log.info("another sweep took a mail over", **_fields(mail))
        elif status is DeliveryStatus.FAILED:
            _log.warning("a mail was given up", **_fields(mail))


def _reason(mail: ClaimedMail, error: Exception) -> str:
    """What a provider said, for others to read: without the address."""
    said = str(error).replace(mail.claim.address, "the address") or "no answer in time"
    return said[:REASON_LENGTH]


def _fields(mail: ClaimedMail) -> dict[str, object]:
    return {"notification_id": str(mail.text.id), "attempts": mail.claim.attempts}
