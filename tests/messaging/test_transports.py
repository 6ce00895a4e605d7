"""Whatever carries the events: what is sent reaches its handler once, with everything that belongs to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from kernel.database import Database, Transaction
from kernel.logging import correlated
from messaging import inbox, outbox
from messaging.consumer import NotYet
from messaging.deadletters import DeadLetters
from messaging.events import BookAdded, StockReleased
from messaging.message import Message
from messaging.relay import Relay
from messaging.transport import Transport
from tests.messaging.recorder import Recorder, connected, only_message, released, written

ADDED = BookAdded(book_isbn="9780439023481", title="T", authors=(), version=1)


def nothing_missed() -> None:
    """What a watcher does about copies that were lost, where it watches nothing else."""


async def test_an_event_reaches_its_handler_once_and_is_marked_sent(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable
) -> None:
    handler, event = Recorder(), released()
    await connected(transport, receiver, handler)
    await written(sender, event)
    assert await Relay(sender, transport).send_due() == 1
    await eventually(lambda: handler.has(1))
    assert handler.handled == [event]
    assert await Relay(sender, transport).send_due() == 0
    lag = await outbox.lag(sender.read())
    assert (lag.waiting, lag.oldest) == (0, None)


async def test_an_event_that_nobody_consumes_is_sent_all_the_same(sender: Database, transport: Transport) -> None:
    await transport.start()
    await written(sender, ADDED)
    assert await Relay(sender, transport).send_due() == 1


async def test_several_relays_at_once_send_each_event_once(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable
) -> None:
    handler = Recorder()
    await connected(transport, receiver, handler)
    await written(sender, *(released() for _ in range(450)))
    relays = [Relay(sender, transport) for _ in range(3)]
    while sum(await asyncio.gather(*(relay.send_due() for relay in relays))):
        pass
    await eventually(lambda: handler.has(450))
    assert set(Counter(event.aggregate_id for event in handler.handled).values()) == {1}


async def test_a_message_that_is_sent_twice_is_handled_once(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable
) -> None:
    handler, last = Recorder(), released()
    await connected(transport, receiver, handler)
    await written(sender, released())
    message = await only_message(sender)
    await asyncio.gather(*(transport.publish(message) for _ in range(20)))
    await written(sender, last)
    await Relay(sender, transport).send_due()
    await eventually(lambda: handler.has(2))
    assert last in handler.handled


async def test_a_stopped_transport_refuses_and_the_event_stays(
    sender: Database, receiver: Database, transport: Transport
) -> None:
    await connected(transport, receiver, Recorder())
    await transport.stop()
    await written(sender, released())
    assert await Relay(sender, transport).send_due() == 0
    assert (await outbox.lag(sender.read())).waiting == 1


async def test_publishing_inside_a_transaction_is_refused(
    sender: Database, receiver: Database, transport: Transport
) -> None:
    await connected(transport, receiver, Recorder())
    await written(sender, released())
    message = await only_message(sender)
    with pytest.raises(RuntimeError, match="inside an open transaction"):
        async with sender.transaction():
            await transport.publish(message)


@pytest.mark.parametrize("trace", [None, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
async def test_correlation_id_and_trace_run_from_the_request_into_the_handler(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable, trace: str | None
) -> None:
    handler = Recorder()
    await connected(transport, receiver, handler)
    with correlated("request-7", trace):
        await written(sender, released())
    await Relay(sender, transport).send_due()
    await eventually(lambda: handler.has(1))
    assert (handler.correlations, handler.traces) == (["request-7"], [trace])


async def test_a_handler_that_is_tried_again_has_correlation_id_and_trace_as_well(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable
) -> None:
    handler = Recorder(failures=1)
    consumer = await connected(transport, receiver, handler)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with correlated("request-7", trace):
        await written(sender, released())
    await Relay(sender, transport).send_due()
    await receiver.signal(inbox.SIGNAL).wait()

    async def handled() -> bool:
        await consumer.retry_due()
        return await handler.has(1)

    await eventually(handled, seconds=30)
    assert (handler.correlations, handler.traces) == (["request-7"], [trace])


async def test_a_watcher_sees_the_events_that_it_asked_for_and_its_failure_harms_nobody(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable
) -> None:
    handler, event = Recorder(), released()
    seen: list[Message] = []

    def fail(message: Message) -> None:
        seen.append(message)
        raise RuntimeError("a watcher's bug")

    async def has_seen_one() -> bool:
        return len(seen) == 1

    transport.watch(["StockReleased"], fail, nothing_missed)
    await connected(transport, receiver, handler)
    await written(sender, ADDED)
    await written(sender, event)
    assert await Relay(sender, transport).send_due() == 2
    await eventually(lambda: handler.has(1))
    await eventually(has_seen_one)
    assert StockReleased.from_wire(seen[0].body) == event


async def test_a_failing_handler_is_tried_again_until_it_succeeds(
    sender: Database, receiver: Database, transport: Transport, eventually: Callable
) -> None:
    handler = Recorder(failures=1, error=lambda: NotYet("the listing has not arrived"))
    consumer = await connected(transport, receiver, handler)
    await written(sender, released())
    assert await Relay(sender, transport).send_due() == 1
    await receiver.signal(inbox.SIGNAL).wait()
    assert handler.handled == []

    async def handled() -> bool:
        await consumer.retry_due()
        return await handler.has(1)

    await eventually(handled, seconds=30)
    assert (await DeadLetters({"receiver": receiver}).list()).items == []


async def test_what_a_failing_handler_wrote_is_rolled_back(
    sender: Database, receiver: Database, transport: Transport
) -> None:
    async def write_then_fail(tx: Transaction, event: StockReleased) -> None:
        await outbox.add(tx, event)
        raise RuntimeError("broken")

    await connected(transport, receiver, write_then_fail)
    await written(sender, released())
    await Relay(sender, transport).send_due()
    await receiver.signal(inbox.SIGNAL).wait()
    assert await outbox.pending(receiver.read()) == []
