"""Delivery: nothing committed is lost, nothing is handled twice, and what fails is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kernel.database import Database, Transaction
from kernel.ids import new_id
from kernel.pages import PageRequest
from messaging import inbox, outbox
from messaging.consumer import Consumer, pause_seconds
from messaging.deadletters import DeadLetters, LetterId
from messaging.events import StockReleased
from messaging.inprocess import InProcessTransport
from messaging.message import Message
from messaging.relay import Relay
from messaging.transport import PublishFailed
from tests.databases import ON_POSTGRESQL, Databases, opened
from tests.messaging.recorder import Recorder, connected, only_message, released, written


class BrokenTransport(InProcessTransport):
    """A transport whose broker is away until it is mended."""

    broken = True

    async def publish(self, message: Message) -> None:
        if self.broken:
            raise PublishFailed("the broker is away")
        await super().publish(message)


async def test_events_of_a_transaction_that_rolls_back_do_not_exist(sender: Database) -> None:
    async def write_and_fail(tx: Transaction) -> None:
        await outbox.add(tx, released())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await sender.transact(write_and_fail)
    assert await outbox.pending(sender.read()) == []
    assert not sender.signal(outbox.SIGNAL).is_set()


async def test_a_commit_wakes_the_relay(sender: Database) -> None:
    await written(sender, released())
    assert sender.signal(outbox.SIGNAL).is_set()


async def test_a_message_delivered_twice_at_once_is_handled_once(sender: Database, receiver: Database) -> None:
    handler = Recorder()
    consumer = await connected(InProcessTransport(), receiver, handler)
    await written(sender, released())
    message = await only_message(sender)
    await asyncio.gather(*(consumer.receive(message) for _ in range(20)))
    assert len(handler.handled) == 1


async def test_events_wait_while_the_broker_is_away_and_go_out_when_it_is_back(
    sender: Database, receiver: Database, eventually: Callable
) -> None:
    handler, transport = Recorder(), BrokenTransport()
    consumer = Consumer(receiver, {StockReleased: handler})
    transport.consume(receiver.name, consumer.events, consumer.receive)
    await transport.start()
    await written(sender, released(), released())
    relay = Relay(sender, transport)
    assert await relay.send_due() == 0
    assert (await outbox.lag(sender.read())).waiting == 2
    transport.broken = False
    await eventually(relay.send_due)
    assert len(handler.handled) == 2


async def test_events_are_left_alone_while_nothing_can_be_sent_and_go_out_at_once_when_it_can(sender: Database) -> None:
    transport = InProcessTransport()
    relay = Relay(sender, transport)
    await written(sender, released(), released())
    assert await relay.send_due() == 0
    await transport.start()
    assert await relay.send_due() == 2


@pytest.mark.parametrize("databases", ON_POSTGRESQL, indirect=True)
async def test_deliveries_leave_a_connection_of_the_pool_to_others(
    sender: Database, databases: Databases, eventually: Callable
) -> None:
    begun, go_on = 0, asyncio.Event()

    async def wait(tx: Transaction, event: StockReleased) -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    async def two_have_begun() -> bool:
        return begun == 2

    await written(sender, *(released() for _ in range(20)))
    messages = await outbox.pending(sender.read())
    async with opened(await databases.empty("inventory"), "receiver", pool_size=3) as receiver:
        consumer = Consumer(receiver, {StockReleased: wait})
        receiving = [asyncio.create_task(consumer.receive(message)) for message in messages]
        await eventually(two_have_begun)
        assert await receiver.read().one(inbox.ANY_DUE) is None
        assert begun == 2
        go_on.set()
        await asyncio.gather(*receiving)
    assert begun == 20


async def dead_letter(
    sender: Database, receiver: Database, handler: Recorder
) -> tuple[Consumer, DeadLetters, LetterId]:
    transport = InProcessTransport()
    consumer = await connected(transport, receiver, handler, attempts=1)
    await written(sender, released())
    await Relay(sender, transport).send_due()
    letters = DeadLetters({"receiver": receiver})
    (letter,) = (await letters.list()).items
    return consumer, letters, letter.id


async def test_after_the_last_attempt_an_event_is_a_dead_letter_that_says_why(
    sender: Database, receiver: Database
) -> None:
    _, letters, identifier = await dead_letter(sender, receiver, Recorder(failures=1))
    letter = await letters.show(identifier)
    assert letter is not None
    assert (letter.id.domain, letter.event, letter.attempts) == ("receiver", "StockReleased", 1)
    assert letter.error == "RuntimeError: broken"
    assert '"Reason":"TEST"' in letter.body


async def test_a_replayed_dead_letter_is_handled(sender: Database, receiver: Database) -> None:
    handler = Recorder(failures=1)
    consumer, letters, identifier = await dead_letter(sender, receiver, handler)
    assert await letters.replay([identifier]) == 1
    await consumer.retry_due()
    assert len(handler.handled) == 1
    assert (await letters.list()).items == []
    assert await letters.replay([identifier]) == 0


async def test_a_discarded_dead_letter_is_never_handled(sender: Database, receiver: Database) -> None:
    handler = Recorder(failures=1)
    consumer, letters, identifier = await dead_letter(sender, receiver, handler)
    assert await letters.discard([identifier], "a test order") == 1
    assert await letters.replay([identifier]) == 0
    await consumer.retry_due()
    assert handler.handled == []
    assert (await letters.list()).items == []


async def test_a_body_that_cannot_be_decoded_is_a_dead_letter_at_once(sender: Database, receiver: Database) -> None:
    handler = Recorder()
    consumer = await connected(InProcessTransport(), receiver, handler)
    await written(sender, released())
    message = await only_message(sender)
    broken = Message(
        id=new_id(), name=message.name, body=b"\xff{", owner="x", written_at=message.written_at, correlation_id="c"
    )
    await consumer.receive(broken)
    await consumer.receive(message)
    (letter,) = (await DeadLetters({"receiver": receiver}).list()).items
    assert (letter.id.event_id, letter.attempts) == (broken.id, 1)
    assert len(handler.handled) == 1


async def test_two_retries_at_once_run_the_handler_once(sender: Database, receiver: Database) -> None:
    handler = Recorder(failures=1)
    consumer, letters, identifier = await dead_letter(sender, receiver, handler)
    await letters.replay([identifier])
    await asyncio.gather(*(consumer.retry_due() for _ in range(5)))
    assert len(handler.handled) == 1


async def test_an_event_whose_handler_ends_its_process_each_time_is_given_up(
    sender: Database, receiver: Database
) -> None:
    ends = [RuntimeError("broken"), asyncio.CancelledError(), asyncio.CancelledError()]
    handler = Recorder(failures=3, error=lambda: ends.pop(0))
    consumer = Consumer(receiver, {StockReleased: handler}, attempts=3, pause=lambda attempts: 0)
    await written(sender, released())
    await consumer.receive(await only_message(sender))
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await consumer.retry_due()
        await receiver.write(inbox.RECLAIM)  # as when the lease of the dead has run out
    await consumer.retry_due()
    (letter,) = (await DeadLetters({"receiver": receiver}).list()).items
    assert letter.error == "GivenUp: its process died each time that it was tried"
    assert (handler.handled, handler.failures) == ([], 0)


def test_pauses_grow_from_a_second_to_about_a_day() -> None:
    pauses = [pause_seconds(attempts) for attempts in range(1, 8)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 1
    assert 15 * 3600 < pauses[-1] < 30 * 3600


async def test_dead_letters_of_all_domains_are_listed_page_by_page(sender: Database, receiver: Database) -> None:
    consumers = [
        Consumer(database, {StockReleased: Recorder(failures=9)}, attempts=1) for database in (sender, receiver)
    ]
    await written(sender, *(released() for _ in range(3)))
    for message in await outbox.pending(sender.read()):
        for consumer in consumers:
            await consumer.receive(message)
    letters = DeadLetters({"sender": sender, "receiver": receiver})
    seen, page = [], await letters.list(page=PageRequest(4))
    while page.items:
        seen += [letter.id for letter in page.items]
        page = await letters.list(page=PageRequest(4, page.cursors[-1]))
    assert len(seen) == len(set(seen)) == 6
    assert [identifier.event_id for identifier in seen] == sorted((i.event_id for i in seen), reverse=True)
    assert len((await letters.list("sender")).items) == 3
