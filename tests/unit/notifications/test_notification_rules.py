"""Where a message goes, what became of it, and when its mail is tried again."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.notifications import (
    Delivery,
    DeliveryStatus,
    Mail,
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationStatus,
)
from domains.notifications.model import MAIL_ATTEMPTS, Draft, preferences, retry_seconds

IN_APP, MAIL = NotificationChannel.IN_APP, NotificationChannel.MAIL
PENDING, SENT, FAILED = DeliveryStatus.PENDING, DeliveryStatus.SENT, DeliveryStatus.FAILED
PAID = NotificationKind.ORDER_PAID


def notification(*statuses: DeliveryStatus) -> Notification:
    return Notification(
        id=uuid4(),
        recipient_id="bob",
        kind=PAID,
        subject="s",
        body="b",
        order_id=None,
        sequence=1,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        read_at=None,
        deliveries=tuple(Delivery(channel=MAIL, status=status, at=None, reason=None) for status in statuses),
    )


def draft(address: str | None) -> Draft:
    return Draft(recipient_id="bob", address=address, kind=PAID, about="order", subject="s", body="b")


@pytest.mark.parametrize(
    ("statuses", "overall"),
    [
        ((SENT,), NotificationStatus.SENT),
        ((SENT, SENT), NotificationStatus.SENT),
        ((SENT, PENDING), NotificationStatus.PENDING),
        ((FAILED, PENDING), NotificationStatus.PENDING),
        ((SENT, FAILED), NotificationStatus.FAILED),
        ((FAILED,), NotificationStatus.FAILED),
    ],
)
def test_a_message_is_pending_then_failed_or_sent(
    statuses: tuple[DeliveryStatus, ...], overall: NotificationStatus
) -> None:
    assert notification(*statuses).status is overall


def test_everything_is_wanted_until_it_is_turned_off() -> None:
    matrix = preferences({(PAID, MAIL): False})

    assert len(matrix) == len(NotificationKind) * len(NotificationChannel)
    assert [(p.kind, p.channel) for p in matrix if not p.enabled] == [(PAID, MAIL)]


@pytest.mark.parametrize(
    ("address", "off", "channels"),
    [
        ("bob@example.org", (), {IN_APP, MAIL}),
        ("bob@example.org", (IN_APP,), {MAIL}),
        ("bob@example.org", (MAIL,), {IN_APP}),
        ("bob@example.org", (IN_APP, MAIL), set()),
        (None, (), {IN_APP}),
        (None, (IN_APP,), set()),
        ("", (), {IN_APP}),
    ],
)
def test_a_message_goes_where_it_is_wanted_and_can_go(
    address: str | None, off: tuple[NotificationChannel, ...], channels: set[NotificationChannel]
) -> None:
    assert draft(address).channels(preferences({(PAID, channel): False for channel in off})) == channels


def test_another_kind_that_is_turned_off_changes_nothing() -> None:
    assert draft("b@example.org").channels(preferences({(NotificationKind.COPY_SOLD, MAIL): False})) == {IN_APP, MAIL}


@given(st.integers(1, MAIL_ATTEMPTS - 1), st.floats(0, 1))
def test_each_pause_is_about_three_times_the_one_before(attempts: int, spread: float) -> None:
    seconds = retry_seconds(attempts, spread)

    assert seconds is not None
    assert 0.8 * 60 * 3 ** (attempts - 1) - 1 <= seconds <= 1.2 * 60 * 3 ** (attempts - 1) + 1


def test_after_the_last_attempt_there_is_no_pause() -> None:
    assert retry_seconds(MAIL_ATTEMPTS, 0.5) is None
    assert retry_seconds(MAIL_ATTEMPTS + 1, 0.5) is None


@pytest.mark.parametrize(
    ("sender", "host"),
    [
        ("Bookstall <shop@bookstall.example>", "bookstall.example"),
        ("shop@bookstall.example", "bookstall.example"),
        ("", "bookstall.invalid"),
    ],
)
def test_a_mail_has_the_same_id_whenever_it_is_sent(sender: str, host: str) -> None:
    identifier = UUID(int=7)
    mail = Mail(id=identifier, sender=sender, recipient="b@example.org", subject="s", body="b")

    assert mail.message_id == f"<{identifier}@{host}>"
