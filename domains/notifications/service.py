"""What may be asked of the notifications' domain: read messages, choose channels, and send the mail that is due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from domains.notifications import repository
from domains.notifications.delivery import MailDelivery
from domains.notifications.model import Notification, NotificationChannel, Preference, preferences
from domains.notifications.ports import MailProvider
from kernel.database import Database
from kernel.errors import InvalidField
from kernel.pages import Page, PageRequest
from messaging.events import NotificationKind


class NotificationsService:
    """The recipients' use cases; a recipient is the subject of a token and sees nobody else's messages."""

    def __init__(self, database: Database, mail: MailProvider, *, sender: str) -> None:
        self._database = database
        self._delivery = MailDelivery(database, mail, sender=sender)

    async def messages_of(self, recipient_id: str, *, unread_only: bool, page: PageRequest) -> Page[Notification]:
        """Somebody's messages, newest first; raises InvalidCursor."""
        return await repository.newest_first(self._database.read(), recipient_id, unread_only=unread_only, page=page)

    async def unread_count(self, recipient_id: str) -> int:
        """How many messages somebody has not read."""
        return await repository.unread_count(self._database.read(), recipient_id)

    async def after(self, recipient_id: str, sequence: int, limit: int) -> list[Notification]:
        """Somebody's messages that came after one, oldest first."""
        return await repository.after(self._database.read(), recipient_id, sequence, limit)

    async def last_sequence(self, recipient_id: str) -> int:
        """The sequence of somebody's newest message, 0 where there is none."""
        return await repository.last_sequence(self._database.read(), recipient_id)

    async def find(self, recipient_id: str, ids: Iterable[UUID]) -> dict[UUID, Notification]:
        """Somebody's messages of these ids; those of others are absent like unknown ones."""
        found = await repository.find(self._database.read(), ids)
        return {message.id: message for message in found.values() if message.recipient_id == recipient_id}

    async def mark_read(self, recipient_id: str, ids: Sequence[UUID] | None) -> int:
        """How many of somebody's messages, all for None, became read; those of others stay as they are."""
        return await self._database.transact(lambda tx: repository.mark_read(tx, recipient_id, ids))

    async def preferences_of(self, recipient_id: str) -> list[Preference]:
        """Every kind on every channel, on unless somebody turned it off."""
        return preferences(await repository.choices(self._database.read(), recipient_id))

    async def set_preference(
        self, recipient_id: str, kind: str, channel: str, enabled: bool
    ) -> list[Preference] | InvalidField:
        """Turns a kind on or off on a channel, for messages to come."""
        if kind not in NotificationKind.__members__:
            return InvalidField(path=("input", "kind"), reason="There is no such kind of message.")
        if channel not in NotificationChannel.__members__:
            return InvalidField(path=("input", "channel"), reason="There is no such channel.")
        await repository.choose(
            self._database, recipient_id, NotificationKind(kind), NotificationChannel(channel), enabled=enabled
        )
        return await self.preferences_of(recipient_id)

    async def deliver_due(self) -> int:
        """Sends a batch of the mails that are due; how many were tried. A sweep calls it, woken by `deliveries`."""
        return await self._delivery.deliver_due()

    async def reclaim_mails(self) -> None:
        """Makes due at once the mails that a process was sending which is known to be dead."""
        await self._delivery.reclaim()
