"""Recipients read their messages, mark them read and choose their channels."""

from asyncio import gather
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from domains.notifications import (
    NotificationChannel,
    NotificationKind,
    NotificationsService,
    Preference,
)
from domains.notifications.handlers import tell_of_refund
from kernel.database import Database
from kernel.errors import InvalidField
from kernel.pages import InvalidCursor, PageRequest, encode_cursor
from messaging.events import OrderRefunded

Deliver = Callable[..., Awaitable[None]]


def refund(recipient_id: str = "bob") -> OrderRefunded:
    return OrderRefunded(order_id=uuid4(), customer_id=recipient_id, refund_id=uuid4(), amount=1250)


async def sequences(service: NotificationsService, *, unread_only: bool = False) -> list[int]:
    page = await service.messages_of("bob", unread_only=unread_only, page=PageRequest(first=100))
    return [message.sequence for message in page.items]


async def test_messages_are_counted_without_gaps_also_when_they_come_at_once(
    service: NotificationsService, database: Database
) -> None:
    events = [refund() for _ in range(20)]

    await gather(*(database.transact(lambda tx, event=event: tell_of_refund(tx, event)) for event in events * 2))

    assert await sequences(service) == list(range(20, 0, -1))
    assert await service.last_sequence("bob") == 20


async def test_pages_follow_one_another_newest_first(service: NotificationsService, deliver: Deliver) -> None:
    await deliver(tell_of_refund, *(refund() for _ in range(5)))

    first = await service.messages_of("bob", unread_only=False, page=PageRequest(first=3))
    rest = await service.messages_of("bob", unread_only=False, page=PageRequest(first=3, after=first.cursors[-1]))

    assert [message.sequence for message in first.items] == [5, 4, 3]
    assert [message.sequence for message in rest.items] == [2, 1]
    assert (first.has_next, rest.has_next) == (True, False)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "hello",
        encode_cursor("hello"),
        encode_cursor(None),
        encode_cursor(-1),
        encode_cursor(2**63),
        encode_cursor(1, 2),
    ],
)
async def test_a_cursor_of_another_list_is_refused(service: NotificationsService, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await service.messages_of("bob", unread_only=False, page=PageRequest(after=cursor))


async def test_what_came_after_a_sequence_is_read_oldest_first(service: NotificationsService, deliver: Deliver) -> None:
    await deliver(tell_of_refund, *(refund() for _ in range(5)), refund("eve"))

    assert [message.sequence for message in await service.after("bob", 2, 2)] == [3, 4]
    assert [message.sequence for message in await service.after("bob", 0, 100)] == [1, 2, 3, 4, 5]
    assert await service.after("bob", 5, 100) == []
    assert await service.after("bob", 2**70, 100) == []
    assert len(await service.after("bob", -(2**70), 100)) == 5


async def test_messages_become_read_one_by_one_or_all_at_once(service: NotificationsService, deliver: Deliver) -> None:
    await deliver(tell_of_refund, *(refund() for _ in range(4)))
    oldest = (await service.after("bob", 0, 1))[0]
    assert await service.unread_count("bob") == 4

    assert await service.mark_read("bob", [oldest.id]) == 1
    assert await service.mark_read("bob", [oldest.id]) == 0
    assert await service.mark_read("bob", []) == 0
    assert await sequences(service, unread_only=True) == [4, 3, 2]
    read_at = (await service.find("bob", [oldest.id]))[oldest.id].read_at
    assert read_at is not None

    assert await service.mark_read("bob", None) == 3
    assert await service.unread_count("bob") == 0
    assert await sequences(service) == [4, 3, 2, 1]
    assert (await service.find("bob", [oldest.id]))[oldest.id].read_at == read_at


async def test_nobody_reads_or_marks_the_messages_of_others(service: NotificationsService, deliver: Deliver) -> None:
    await deliver(tell_of_refund, refund("bob"))
    (message,) = await service.after("bob", 0, 1)

    assert await service.after("eve", 0, 1) == []
    assert await service.find("eve", [message.id]) == {}
    assert await service.mark_read("eve", [message.id]) == 0
    assert await service.mark_read("eve", None) == 0
    assert await service.unread_count("bob") == 1


async def test_preferences_are_a_whole_matrix_that_begins_with_everything_on(service: NotificationsService) -> None:
    before = await service.preferences_of("bob")
    after = await service.set_preference("bob", NotificationKind.COPY_SOLD, NotificationChannel.MAIL, False)

    off = Preference(kind=NotificationKind.COPY_SOLD, channel=NotificationChannel.MAIL, enabled=False)
    assert len(before) == 14
    assert all(preference.enabled for preference in before)
    assert isinstance(after, list)
    assert [preference for preference in after if not preference.enabled] == [off]
    assert await service.preferences_of("bob") == after
    assert await service.preferences_of("eve") == before
    assert await service.set_preference("bob", NotificationKind.COPY_SOLD, NotificationChannel.MAIL, True) == before


@pytest.mark.parametrize(("kind", "channel", "field"), [("SPAM", "MAIL", "kind"), ("COPY_SOLD", "FAX", "channel")])
async def test_a_choice_of_what_does_not_exist_is_refused(
    service: NotificationsService, kind: str, channel: str, field: str
) -> None:
    refused = await service.set_preference("bob", kind, channel, False)

    assert isinstance(refused, InvalidField)
    assert refused.path == ("input", field)
