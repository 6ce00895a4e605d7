"""Missed events: what was sent and never came to a domain is sent again, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlalchemy import Integer, update

from kernel.columns import in_seconds, param
from kernel.database import Database, Observation, Statement
from messaging import consumer, inbox, missed, outbox, relay
from messaging.consumer import Consumer
from messaging.event import Event
from messaging.events import BookAdded, OrderPaid, StockReleased
from messaging.inprocess import InProcessTransport
from messaging.message import Message
from messaging.missed import MissedEvents
from messaging.relay import Relay
from messaging.tables import outbox as outbox_table
from tests.databases import Databases, opened
from tests.messaging.recorder import Recorder, released, written

AGE = Statement(update(outbox_table).values(sent_at=in_seconds(-param(Integer, "seconds"))))


class Forgetful(InProcessTransport):
    """A transport that confirms and delivers nothing while it forgets; `backlog` is what it says that waits."""

    forgets = True
    backlog: int | None = 0

    async def publish(self, message: Message) -> None:
        if not self.forgets:
            await super().publish(message)

    async def waiting(self, domain: str) -> int | None:
        return self.backlog


class Story:
    """One domain that sends, one that consumes, and who notices what the second one missed."""

    def __init__(self, sender: Database, receiver: Database, *, attempts: int = 8) -> None:
        self.sender, self.receiver = sender, receiver
        self.handler, self.transport = Recorder(), Forgetful()
        self.relay = Relay(sender, self.transport)
        self.consumer = Consumer(receiver, {StockReleased: self.handler}, attempts=attempts)
        self.resent = 0

    def lookout(self, grace_seconds: int = 60) -> MissedEvents:
        """Somebody who begins to look."""
        return MissedEvents(
            self.receiver, {"inventory": self.sender}, [StockReleased], self.transport,
            grace_seconds=grace_seconds, count=self._count,
        )  # fmt: skip

    async def sends(self, *events: Event, seconds_ago: int = 61) -> None:
        """Events are sent, and so is everything that waits, so long ago."""
        await written(self.sender, *events)
        while await self.relay.send_due():
            pass
        await self.ages(seconds_ago)

    async def ages(self, seconds: int) -> None:
        """Everything counts as sent so long ago."""
        async with self.sender.transaction() as tx:
            await tx.run(AGE, seconds=seconds)

    async def waits(self) -> int:
        """How many events wait to be sent."""
        return (await outbox.lag(self.sender.read())).waiting

    def _count(self, events: int) -> None:
        self.resent += events


@pytest.fixture
async def story(sender: Database, receiver: Database) -> AsyncIterator[Story]:
    """A transport that forgets, between two domains."""
    story = Story(sender, receiver)
    story.transport.consume("receiver", story.consumer.events, story.consumer.receive)
    await story.transport.start()
    yield story
    await story.transport.stop()


async def test_what_never_came_is_sent_again_and_handled(story: Story) -> None:
    lost, arrived = released(), released()
    await story.sends(lost)
    story.transport.forgets = False
    await story.sends(arrived)
    await story.lookout().look()
    assert story.resent == await story.waits() == 1
    assert story.sender.signal(outbox.SIGNAL).is_set()
    await story.sends()
    assert story.handler.handled == [arrived, lost]
    await story.lookout().look()
    assert story.resent == 1


async def test_what_is_no_event_of_the_domain_is_not_missed(story: Story) -> None:
    await story.sends(BookAdded(book_isbn="9780439023481", title="T", authors=(), version=1))
    await story.lookout().look()
    assert story.resent == 0


async def test_what_was_sent_a_moment_ago_is_not_missed_yet(story: Story) -> None:
    await story.sends(released(), seconds_ago=30)
    await story.lookout().look()
    assert story.resent == 0
    await story.ages(61)
    await story.lookout().look()
    assert story.resent == 1


@pytest.mark.parametrize("backlog", [1, None])
async def test_a_backlog_is_no_loss_and_a_broker_that_is_away_says_nothing(story: Story, backlog: int | None) -> None:
    await story.sends(released())
    lookout, story.transport.backlog = story.lookout(), backlog
    await lookout.look()
    assert story.resent == 0
    story.transport.backlog = 0
    await lookout.look()
    assert story.resent == 1


@pytest.mark.parametrize("attempts", [1, 8])
async def test_what_a_handler_failed_on_is_not_missed(sender: Database, receiver: Database, attempts: int) -> None:
    story = Story(sender, receiver, attempts=attempts)
    story.handler.failures, story.transport.forgets = 1, False
    story.transport.consume("receiver", story.consumer.events, story.consumer.receive)
    await story.transport.start()
    await story.sends(released())
    (state,) = await receiver.read().all(inbox.COUNT)
    assert state.state == ("dead" if attempts == 1 else "pending")
    await story.lookout().look()
    assert story.resent == 0


async def test_what_is_lost_again_and_again_is_sent_again_after_growing_pauses_and_given_up_at_last(
    story: Story,
) -> None:
    await story.sends(released())
    for resent in range(missed.RESENDS):
        pause = min(60 * 2**resent, 24 * 3600)
        lookout = story.lookout()
        await story.ages(pause - 5)
        await lookout.look()
        assert story.resent == resent
        await story.ages(pause + 5)
        await lookout.look()  # which remembers it, or it is new
        await story.lookout().look()
        assert story.resent == resent + 1
        await story.sends(seconds_ago=0)
    await story.ages(24 * 3600 + 5)
    await story.lookout().look()
    assert (story.resent, await story.waits()) == (missed.RESENDS, 0)


async def test_what_is_sent_again_too_lately_is_not_forgotten(story: Story) -> None:
    await story.sends(released())
    await story.lookout().look()
    await story.sends(seconds_ago=70)
    lookout = story.lookout()
    for _ in range(2):
        await lookout.look()
        assert story.resent == 1
    await story.ages(125)
    await lookout.look()
    assert story.resent == 2


async def test_several_who_look_at_once_send_each_event_again_once(story: Story) -> None:
    await story.sends(*(released() for _ in range(20)))
    await asyncio.gather(*(story.lookout().look() for _ in range(5)))
    assert story.resent == await story.waits() == 20


async def test_everything_is_compared_batch_by_batch(story: Story) -> None:
    story.transport.forgets = False
    await story.sends(*(released() for _ in range(missed.BATCH + 20)))
    story.transport.forgets = True
    await story.sends(*(released() for _ in range(3)))
    lookout = story.lookout()
    assert [await lookout.look() for _ in range(2)] == [missed.BATCH, 0]
    assert story.resent == 3


async def test_a_look_that_finds_nothing_new_costs_two_statements_for_each_owner(databases: Databases) -> None:
    seen: list[str] = []

    def observe(observation: Observation) -> None:
        seen.append(observation.statement)

    async with (
        opened(await databases.empty("orders"), "sender", observe=observe) as sender,
        opened(await databases.empty("inventory"), "receiver", observe=observe) as receiver,
    ):
        story = Story(sender, receiver)
        await story.transport.start()
        await written(sender, released())
        lookout = MissedEvents(
            receiver, {"inventory": sender, "orders": sender}, [StockReleased, OrderPaid], story.transport
        )
        seen.clear()
        await lookout.look()
    assert seen == ["messaging.outbox.CLOCK", "messaging.outbox.SENT"] * 2


async def test_a_process_that_starts_looks_back_two_days(story: Story) -> None:
    two_days = round(missed.HORIZON.total_seconds())
    await story.sends(released(), seconds_ago=two_days + 120)
    await story.lookout().look()
    assert story.resent == 0
    await story.ages(two_days - 60)
    await story.lookout().look()
    assert story.resent == 1


def test_outboxes_and_inboxes_remember_for_longer_than_anything_is_sent_again() -> None:
    kept = timedelta(seconds=relay.KEEP_SENT_SECONDS)
    pauses = [min(timedelta(seconds=missed.GRACE_SECONDS) * 2**n, missed.LONGEST_PAUSE) for n in range(missed.RESENDS)]
    assert max(pauses) < missed.HORIZON < kept
    assert sum(pauses, kept * 2) < timedelta(seconds=consumer.KEEP_DONE_SECONDS) / 2


async def test_a_sweep_of_the_domain_looks(story: Story, eventually: Callable) -> None:
    await story.sends(released())
    (sweep,) = story.lookout().sweeps()
    assert sweep.name == "receiver missed events"
    looking = asyncio.create_task(sweep.run())

    async def was_sent_again() -> bool:
        return story.resent == 1

    await eventually(was_sent_again)
    sweep.stop()
    await looking
