"""Mail that is due: sent once while everybody lives, tried again when it fails, given up in the end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from sqlalchemy import update
from structlog.testing import capture_logs

from domains.notifications import (
    DeliveryStatus,
    Mail,
    MailRefused,
    MailUnavailable,
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationsService,
    NotificationStatus,
)
from domains.notifications.delivery import BATCH, SIGNAL, MailDelivery
from domains.notifications.handlers import tell_of_failed_payment
from domains.notifications.model import MAIL_ATTEMPTS
from domains.notifications.tables import mails
from kernel.columns import in_seconds
from kernel.database import Database, Statement, outside_transaction
from kernel.logging import correlated
from messaging import outbox
from messaging.event import Event
from messaging.events import NotificationFailed, NotificationSent, OrderPaymentFailed

Told = Callable[[], Awaitable[list[Event]]]
Deliver = Callable[..., Awaitable[None]]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MAKE_DUE = Statement(update(mails).values(due_at=in_seconds(-1)))
"""As if the pause, or the lease, were over."""


class ScriptedMail:
    """A provider that answers as its script says, and takes everything when the script is over."""

    def __init__(self, *script: Exception | None) -> None:
        self._script = list(script)
        self.asked: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        outside_transaction("sending mail")
        self.asked.append(mail)
        answer = self._script.pop(0) if self._script else None
        if answer is not None:
            raise answer


class HeldMail:
    """A provider that answers when it is let."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.asked: list[Mail] = []
        self.all_asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, mail: Mail) -> None:
        self.asked.append(mail)
        if len(self.asked) == self._expected:
            self.all_asked.set()
        await self.go_on.wait()


def failed(address: str | None = "bob@example.org") -> OrderPaymentFailed:
    return OrderPaymentFailed(order_id=uuid4(), customer_id="bob", customer_email=address, number="B-1")


def sending_through(database: Database, provider: ScriptedMail | HeldMail) -> NotificationsService:
    return NotificationsService(database, provider, sender="Bookstall <shop@bookstall.example>")


async def only_message(service: NotificationsService) -> Notification:
    (message,) = await service.after("bob", 0, 10)
    return message


def files(folder: Path) -> list[Path]:
    return list(folder.glob("*"))


def only(kind: type[Event], events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_message_wakes_the_sweep_which_writes_the_mail(
    service: NotificationsService, database: Database, deliver: Deliver, told: Told, mail_folder: Path
) -> None:
    event = failed()
    await deliver(tell_of_failed_payment, event)
    assert database.signal(SIGNAL).is_set()
    assert (await only_message(service)).status is NotificationStatus.PENDING

    assert await service.deliver_due() == 1

    message = await only_message(service)
    mail = message.deliveries[1]
    assert (mail.channel, mail.status, mail.reason) == (NotificationChannel.MAIL, DeliveryStatus.SENT, None)
    assert mail.at is not None
    assert message.status is NotificationStatus.SENT
    text = (mail_folder / f"{message.id}.eml").read_text()
    assert "To: bob@example.org" in text
    assert f"Subject: {message.subject}" in text
    (sent,) = only(NotificationSent, await told())
    assert sent == NotificationSent(
        notification_id=message.id,
        recipient_id="bob",
        kind=NotificationKind.PAYMENT_FAILED,
        channel="MAIL",
        order_id=event.order_id,
    )
    assert await service.deliver_due() == 0


async def test_a_mail_that_is_not_taken_is_tried_again_later_with_the_same_id(
    database: Database, deliver: Deliver, told: Told
) -> None:
    provider = ScriptedMail(MailUnavailable("busy"))
    service = sending_through(database, provider)
    await deliver(tell_of_failed_payment, failed())

    assert await service.deliver_due() == 1
    assert await service.deliver_due() == 0
    waiting = (await only_message(service)).deliveries[1]
    assert (waiting.status, waiting.reason) == (DeliveryStatus.PENDING, "busy")
    await database.write(MAKE_DUE)
    assert await service.deliver_due() == 1

    settled = (await only_message(service)).deliveries[1]
    assert (settled.status, settled.reason) == (DeliveryStatus.SENT, None)
    assert provider.asked[0] == provider.asked[1]
    assert len(only(NotificationSent, await told())) == 1
    assert only(NotificationFailed, await told()) == []


async def test_a_mail_that_nobody_takes_is_given_up_after_the_last_attempt(
    database: Database, deliver: Deliver, told: Told
) -> None:
    provider = ScriptedMail(*[MailUnavailable("no route to bob@example.org")] * (MAIL_ATTEMPTS + 5))
    service = sending_through(database, provider)
    event = failed()
    await deliver(tell_of_failed_payment, event)

    for _ in range(MAIL_ATTEMPTS + 2):
        await service.deliver_due()
        await database.write(MAKE_DUE)

    assert len(provider.asked) == MAIL_ATTEMPTS
    message = await only_message(service)
    assert message.status is NotificationStatus.FAILED
    (failure,) = only(NotificationFailed, await told())
    assert failure == NotificationFailed(
        notification_id=message.id,
        recipient_id="bob",
        kind=NotificationKind.PAYMENT_FAILED,
        channel="MAIL",
        order_id=event.order_id,
        reason="no route to the address",
    )


async def test_a_mail_that_is_refused_is_not_tried_again(database: Database, deliver: Deliver, told: Told) -> None:
    provider = ScriptedMail(MailRefused("<bob@example.org>: no such user"))
    service = sending_through(database, provider)
    await deliver(tell_of_failed_payment, failed())

    await service.deliver_due()
    await database.write(MAKE_DUE)

    assert await service.deliver_due() == 0
    assert (await only_message(service)).deliveries[1].reason == "<the address>: no such user"
    assert len(only(NotificationFailed, await told())) == 1


async def test_an_impossible_address_fails_and_the_message_can_still_be_read(
    service: NotificationsService, deliver: Deliver, mail_folder: Path
) -> None:
    await deliver(tell_of_failed_payment, failed("not an address"))

    assert await service.deliver_due() == 1

    message = await only_message(service)
    assert [delivery.status for delivery in message.deliveries] == [DeliveryStatus.SENT, DeliveryStatus.FAILED]
    assert files(mail_folder) == []


async def test_a_provider_that_breaks_holds_up_nobody_elses_mail(
    database: Database, deliver: Deliver, told: Told
) -> None:
    provider = ScriptedMail(RuntimeError("bob@example.org"), None, None)
    service = sending_through(database, provider)
    await deliver(tell_of_failed_payment, *(failed() for _ in range(3)))

    assert await service.deliver_due() == 3

    statuses = sorted(message.deliveries[1].status for message in await service.after("bob", 0, 10))
    assert statuses == [DeliveryStatus.PENDING, DeliveryStatus.SENT, DeliveryStatus.SENT]
    reasons = {message.deliveries[1].reason for message in await service.after("bob", 0, 10)}
    assert reasons == {None, "RuntimeError"}
    assert len(only(NotificationSent, await told())) == 2


async def test_a_provider_that_never_answers_is_not_waited_for(database: Database, deliver: Deliver) -> None:
    await deliver(tell_of_failed_payment, failed())
    silent = HeldMail(expected=1)

    assert await MailDelivery(database, silent, sender="shop@bookstall.example", send_seconds=0.01).deliver_due() == 1

    waiting = (await only_message(sending_through(database, silent))).deliveries[1]
    assert (waiting.status, waiting.reason) == (DeliveryStatus.PENDING, "no answer in time")


async def test_what_becomes_of_a_mail_belongs_to_the_request_that_caused_it(
    database: Database, service: NotificationsService, deliver: Deliver
) -> None:
    with correlated("the-purchase", TRACE):
        await deliver(tell_of_failed_payment, failed())

    await service.deliver_due()

    messages = await outbox.pending(database.read())
    assert [(message.name, message.correlation_id, message.traceparent) for message in messages] == [
        ("NotificationCreated", "the-purchase", TRACE),
        ("NotificationSent", "the-purchase", TRACE),
    ]


async def test_no_log_line_holds_an_address(database: Database, deliver: Deliver) -> None:
    words = "bob@example.org is unknown"
    provider = ScriptedMail(MailRefused(words), MailUnavailable(words), RuntimeError(words))
    await deliver(tell_of_failed_payment, *(failed() for _ in range(3)))

    with capture_logs() as lines:
        await sending_through(database, provider).deliver_due()

    assert len(lines) >= 3
    assert "bob" not in str(lines)


async def test_two_sweeps_at_once_send_no_mail_twice(database: Database, deliver: Deliver, told: Told) -> None:
    count = BATCH + 5
    await deliver(tell_of_failed_payment, *(failed() for _ in range(count)))
    provider = HeldMail(expected=count)
    sweeps = [sending_through(database, provider) for _ in range(4)]

    running = asyncio.gather(*(sweep.deliver_due() for sweep in sweeps))
    await provider.all_asked.wait()
    assert await sweeps[0].deliver_due() == 0
    provider.go_on.set()

    assert sum(await running) == count
    assert len({mail.id for mail in provider.asked}) == len(provider.asked) == count
    assert len(only(NotificationSent, await told())) == count


async def test_a_sweep_that_dies_leaves_its_mail_to_another_when_the_lease_is_over(
    database: Database, deliver: Deliver, told: Told
) -> None:
    await deliver(tell_of_failed_payment, failed())
    held, second = HeldMail(expected=1), ScriptedMail()
    dying = asyncio.create_task(sending_through(database, held).deliver_due())
    await held.all_asked.wait()
    dying.cancel()
    await asyncio.wait([dying])
    other = sending_through(database, second)

    assert await other.deliver_due() == 0
    await database.write(MAKE_DUE)
    assert await other.deliver_due() == 1

    assert second.asked == held.asked
    assert len(only(NotificationSent, await told())) == 1


async def test_a_sweep_that_lost_its_lease_records_nothing(database: Database, deliver: Deliver, told: Told) -> None:
    await deliver(tell_of_failed_payment, failed())
    held, refusing = HeldMail(expected=1), ScriptedMail(MailRefused("no"))
    late = asyncio.create_task(sending_through(database, held).deliver_due())
    await held.all_asked.wait()
    await database.write(MAKE_DUE)
    await sending_through(database, refusing).deliver_due()

    held.go_on.set()
    await late

    message = await only_message(sending_through(database, refusing))
    assert message.deliveries[1].status is DeliveryStatus.FAILED
    assert only(NotificationSent, await told()) == []
    assert len(only(NotificationFailed, await told())) == 1
