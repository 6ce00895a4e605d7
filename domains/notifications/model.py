"""Messages to buyers and sellers: what they are, on which channels they go, and when a mail is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from messaging.events import NotificationKind

MAIL_ATTEMPTS = 8
"""After this many a mail that nobody takes has failed."""
FIRST_RETRY_SECONDS = 60
RETRY_FACTOR = 3
"""Seven pauses from one minute on: about 18 hours in all."""


class NotificationChannel(StrEnum):
    """How a message reaches somebody."""

    IN_APP = "IN_APP"
    MAIL = "MAIL"


class DeliveryStatus(StrEnum):
    """What became of a message on one channel."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"


class NotificationStatus(StrEnum):
    """What became of a message over all its channels."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on one channel; `at` is when it was taken or given up, `reason` why it was not taken."""

    channel: NotificationChannel
    status: DeliveryStatus
    at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message to one recipient; `sequence` counts those shown in the marketplace without gaps, 0 for mail alone."""

    id: UUID
    recipient_id: str
    kind: NotificationKind
    subject: str
    body: str
    order_id: UUID | None
    sequence: int
    created_at: datetime
    read_at: datetime | None
    deliveries: tuple[Delivery, ...]

    @property
    def status(self) -> NotificationStatus:
        """Pending while a channel is still to come, failed if one could not take it, otherwise sent."""
        found = {delivery.status for delivery in self.deliveries}
        if DeliveryStatus.PENDING in found:
            return NotificationStatus.PENDING
        return NotificationStatus.FAILED if DeliveryStatus.FAILED in found else NotificationStatus.SENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Whether somebody wants messages of a kind on a channel."""

    kind: NotificationKind
    channel: NotificationChannel
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How a seller is written to; `owner_id` is the subject of the seller's token."""

    seller_id: UUID
    owner_id: str
    display_name: str
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message before it is known whether and how it goes out. `about` is what it is written about, once per kind."""

    recipient_id: str
    address: str | None
    kind: NotificationKind
    about: str
    subject: str
    body: str
    order_id: UUID | None = None

    def channels(self, wanted: Iterable[Preference]) -> frozenset[NotificationChannel]:
        """Where it goes: the channels that the recipient wants, and mail only where an address is known."""
        channels = {preference.channel for preference in wanted if preference.kind is self.kind and preference.enabled}
        return frozenset(channels if self.address else channels - {NotificationChannel.MAIL})


Choices = Mapping[tuple[NotificationKind, NotificationChannel], bool]


def preferences(chosen: Choices) -> list[Preference]:
    """Every kind on every channel: what somebody chose, and on where nothing was."""
    return [
        Preference(kind=kind, channel=channel, enabled=chosen.get((kind, channel), True))
        for kind in NotificationKind
        for channel in NotificationChannel
    ]


def retry_seconds(attempts: int, spread: float) -> int | None:
    """How long to wait after this many attempts, None to give up; `spread` (0 to 1) varies it by a fifth either way."""
    if attempts >= MAIL_ATTEMPTS:
        return None
    return round(FIRST_RETRY_SECONDS * RETRY_FACTOR ** (attempts - 1) * (0.8 + 0.4 * spread))
