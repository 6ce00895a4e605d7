"""Messages to the viewer, what the viewer wants to hear of, and new messages as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry

from domains import notifications
from domains.notifications import DeliveryStatus, NotificationChannel, NotificationKind, NotificationStatus
from graph.context import Context, Info
from graph.nodes import NotAnId, decode_id, encode_id
from graph.ports import recipient_topic
from graph.schema.errors import InvalidField, not_an_id, said
from graph.schema.nodes import Node
from graph.schema.orders import Order, find_order
from graph.sizes import at_most
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.pages import decode_cursor, encode_cursor

CATCH_UP = 100
"""How many missed messages are read at a time."""
PREFERENCES = len(NotificationKind) * len(NotificationChannel)


@strawberry.type(description="What became of a message on one channel.")
class Delivery:
    channel: NotificationChannel = strawberry.field(description="The channel.")
    status: DeliveryStatus = strawberry.field(description="Whether the channel took it.")
    at: datetime | None = strawberry.field(description="When that became so.")
    reason: str | None = strawberry.field(description="Why it failed, if it did.")


@strawberry.type(description="A message to the viewer.")
class Notification(Node):
    kind: NotificationKind = strawberry.field(description="Why it was written.")
    subject: str = strawberry.field(description="Its subject line.")
    body: str = strawberry.field(description="Its text.")
    sequence: int = strawberry.field(description="Counts the viewer's messages.")
    created_at: datetime = strawberry.field(description="When it was written.")
    read_at: datetime | None = strawberry.field(description="When the viewer read it; null until then.")
    status: NotificationStatus = strawberry.field(description="Whether it was delivered.")
    deliveries: list[Delivery] = strawberry.field(
        description="What became of it on each channel.", metadata=at_most(len(NotificationChannel))
    )
    order_id: strawberry.Private[UUID | None]

    @strawberry.field(description="The viewer's order that it is about; null if it is about something else.")
    async def order(self, info: Info) -> Order | None:
        return None if self.order_id is None else await find_order(info, self.order_id)

    @classmethod
    def of(cls, message: notifications.Notification) -> Self:
        """A message of the notifications' domain."""
        return cls(
            id=strawberry.ID(encode_id("Notification", message.id)),
            kind=message.kind,
            subject=message.subject,
            body=message.body,
            sequence=message.sequence,
            created_at=message.created_at,
            read_at=message.read_at,
            status=message.status,
            deliveries=[
                Delivery(channel=delivery.channel, status=delivery.status, at=delivery.at, reason=delivery.reason)
                for delivery in message.deliveries
            ],
            order_id=message.order_id,
        )


async def find_notification(info: Info, notification_id: UUID) -> Notification | None:
    """The viewer's own message with this id."""
    viewer = info.context.viewer
    if viewer is None:
        return None
    message = (await info.context.notifications.find(viewer.subject, [notification_id])).get(notification_id)
    return None if message is None else Notification.of(message)


@strawberry.type(description="Whether the viewer wants messages of one kind on one channel.")
class NotificationPreference:
    kind: NotificationKind = strawberry.field(description="The kind of messages.")
    channel: NotificationChannel = strawberry.field(description="The channel.")
    enabled: bool = strawberry.field(description="Whether they are wanted there.")

    @classmethod
    def of(cls, preference: notifications.Preference) -> Self:
        """A preference of the notifications' domain."""
        return cls(kind=preference.kind, channel=preference.channel, enabled=preference.enabled)


# --- mutations --------------------------------------------------------------------------------------------------


@strawberry.type(description="Messages were marked as read.")
class NotificationsMarkedRead:
    marked: int = strawberry.field(description="How many were unread before.")
    unread: int = strawberry.field(description="How many are unread still.")


MarkNotificationsReadResult = Annotated[
    NotificationsMarkedRead | InvalidField,
    strawberry.union("MarkNotificationsReadResult", description="What was marked, or why nothing was."),
]


@strawberry.type(description="What the viewer wants to hear of, and how.")
class NotificationPreferences:
    preferences: list[NotificationPreference] = strawberry.field(
        description="Every kind on every channel.", metadata=at_most(PREFERENCES)
    )


SetNotificationPreferenceResult = Annotated[
    NotificationPreferences | InvalidField,
    strawberry.union("SetNotificationPreferenceResult", description="All preferences now, or why none was changed."),
]


@strawberry.input(description="Which messages were read.")
class MarkNotificationsReadInput:
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The messages; all of the viewer's if left out."
    )


@strawberry.input(description="Whether messages of one kind are wanted on one channel.")
class SetNotificationPreferenceInput:
    kind: NotificationKind = strawberry.field(description="The kind of messages.")
    channel: NotificationChannel = strawberry.field(description="The channel.")
    enabled: bool = strawberry.field(description="Whether they are wanted there.")


@strawberry.type
class NotificationsMutation:
    @strawberry.mutation(description="Mark messages as read.")
    async def mark_notifications_read(
        self,
        info: Info,
        input: Annotated[MarkNotificationsReadInput, strawberry.argument(description="Which messages.")],
    ) -> MarkNotificationsReadResult | None:
        recipient_id, service = info.context.require_viewer().subject, info.context.notifications
        try:
            ids = None if input.ids is None else [decode_id(text, "Notification") for text in input.ids]
        except NotAnId as error:
            return InvalidField(**said(not_an_id(error, "input", "ids")))
        marked = await service.mark_read(recipient_id, ids)
        return NotificationsMarkedRead(marked=marked, unread=await service.unread_count(recipient_id))

    @strawberry.mutation(description="Say whether messages of one kind are wanted on one channel.")
    async def set_notification_preference(
        self,
        info: Info,
        input: Annotated[SetNotificationPreferenceInput, strawberry.argument(description="What is wanted.")],
    ) -> SetNotificationPreferenceResult | None:
        recipient_id = info.context.require_viewer().subject
        outcome = await info.context.notifications.set_preference(
            recipient_id, input.kind, input.channel, input.enabled
        )
        if isinstance(outcome, InvalidFieldProblem):
            return InvalidField(**said(outcome))
        return NotificationPreferences(preferences=[NotificationPreference.of(preference) for preference in outcome])


# --- live -------------------------------------------------------------------------------------------------------


@strawberry.type(description="A message to the viewer, as it comes.")
class NotificationUpdate:
    notification: Notification | None = strawberry.field(
        description="The message; null only in the first update of a subscription that missed none."
    )
    unread: int = strawberry.field(description="How many messages are unread.")
    cursor: str = strawberry.field(description="Give it as `after` to a later subscription, so that none is missed.")
    version: int = strawberry.field(description="Rises with every message.")
    is_snapshot: bool = strawberry.field(description="Whether it was there when the subscription began.")


@strawberry.type
class NotificationsSubscription:
    @strawberry.subscription(
        description="Be told of every message to the viewer. First come those missed since `after`, or, where there is "
        "none, one update without a message that tells where things stand; then new ones as they are written."
    )
    async def notifications(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(description="The `cursor` of the last update seen; only new messages if left out."),
        ] = None,
    ) -> AsyncIterator[NotificationUpdate]:
        recipient_id = info.context.require_viewer().subject
        return _watch_messages(info.context, recipient_id, None if after is None else decode_cursor(after, int)[0])


async def _watch_messages(context: Context, recipient_id: str, after: int | None) -> AsyncIterator[NotificationUpdate]:
    service = context.notifications
    with context.hub.watch(recipient_topic(recipient_id)) as watch:
        latest = await service.last_sequence(recipient_id)
        seen = latest if after is None else min(max(after, 0), latest)
        if seen == latest:
            yield await _update(context, recipient_id, None, latest, is_snapshot=True)
        else:
            watch.read_again()
        async for change in watch:
            if change is not None and change.version <= seen:
                continue
            while messages := await service.after(recipient_id, seen, CATCH_UP):
                for message in messages:
                    seen = message.sequence
                    yield await _update(context, recipient_id, message, seen, is_snapshot=seen <= latest)


async def _update(
    context: Context,
    recipient_id: str,
    message: notifications.Notification | None,
    sequence: int,
    *,
    is_snapshot: bool,
) -> NotificationUpdate:
    return NotificationUpdate(
        notification=None if message is None else Notification.of(message),
        unread=await context.notifications.unread_count(recipient_id),
        cursor=encode_cursor(sequence),
        version=sequence,
        is_snapshot=is_snapshot,
    )
