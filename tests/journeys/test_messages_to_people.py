"""Messages: what somebody wants to hear of, what was read, and the ones that were missed."""

from __future__ import annotations

import pytest

from kernel.pages import encode_cursor
from tests import documents
from tests.builders import Shop


async def test_a_message_that_nobody_wants_still_settles_the_order(shop: Shop) -> None:
    buyer = shop.buyer()
    await buyer.ignores("ORDER_PAID", "IN_APP", "MAIL")
    order = await buyer.settled(await buyer.buys(await shop.offer(copies=2)))

    steps = [(entry["event"], entry["detail"]) for entry in order["timeline"]]
    assert ("NotificationSkipped", "ORDER_PAID") in steps
    assert ("NotificationCreated", "COPY_SOLD") in steps
    assert await buyer.messages() == []
    assert shop.traces.mails_to(buyer.email) == []


async def test_mail_alone_can_be_turned_off(shop: Shop) -> None:
    buyer = shop.buyer()
    await buyer.ignores("ORDER_PAID", "MAIL")
    offer = await shop.offer(copies=2)
    await buyer.settled(await buyer.buys(offer))

    async def seller_has_mail() -> bool:
        return bool(shop.traces.mails_to(offer.seller.email))

    await shop.eventually(seller_has_mail)
    [message] = await buyer.messages()
    assert message["deliveries"] == [{"channel": "IN_APP", "status": "SENT"}]
    assert shop.traces.mails_to(buyer.email) == []


async def test_a_message_by_mail_alone_does_not_show_in_the_marketplace(shop: Shop) -> None:
    buyer = shop.buyer()
    await buyer.ignores("ORDER_PAID", "IN_APP")
    await buyer.settled(await buyer.buys(await shop.offer(copies=2)))

    async def mailed() -> bool:
        return len(shop.traces.mails_to(buyer.email)) == 1

    await shop.eventually(mailed)
    assert await buyer.messages() == []


async def test_preferences_are_a_full_matrix_of_one_s_own(shop: Shop) -> None:
    buyer, other = shop.buyer(), shop.buyer()
    await buyer.ignores("ORDER_PAID", "MAIL")
    query = "{ me { preferences { kind channel enabled } } }"

    mine = (await buyer.ask(query))["preferences"]
    assert [wish for wish in mine if not wish["enabled"]] == [
        {"kind": "ORDER_PAID", "channel": "MAIL", "enabled": False}
    ]
    theirs = (await other.ask(query))["preferences"]
    assert len(theirs) == len(mine) == 14
    assert all(wish["enabled"] for wish in theirs)


async def test_what_was_read_counts_no_more(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=9), shop.buyer()
    for _ in range(3):
        await buyer.settled(await buyer.buys(offer))
    newest, *older = await buyer.messages()
    assert [message["sequence"] for message in (newest, *older)] == [3, 2, 1]

    marked = await buyer.ask(documents.MARK_READ, input={"ids": [newest["id"]]})
    assert (marked["marked"], marked["unread"]) == (1, 2)
    again = await buyer.ask(documents.MARK_READ, input={"ids": [newest["id"]]})
    assert (again["marked"], again["unread"]) == (0, 2)
    assert [message["id"] for message in await buyer.messages(unreadOnly=True)] == [old["id"] for old in older]
    every = await buyer.ask(documents.MARK_READ, input={})
    assert (every["marked"], every["unread"]) == (2, 0)
    assert all(message["readAt"] for message in await buyer.messages())


async def test_nobody_reads_the_messages_of_others(shop: Shop) -> None:
    offer, buyer, nosy = await shop.offer(copies=2), shop.buyer(), shop.buyer()
    await buyer.settled(await buyer.buys(offer))
    [message] = await buyer.messages()

    marked = await nosy.ask(documents.MARK_READ, input={"ids": [message["id"]]})
    assert (marked["marked"], marked["unread"]) == (0, 0)
    assert (await buyer.messages())[0]["readAt"] is None
    refused = await nosy.ask(documents.MARK_READ, input={"ids": [offer.id]})
    assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "ids"])


async def test_missed_messages_come_first_and_then_the_new_ones_without_gap_or_double(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=20), shop.buyer()
    async with buyer.live() as live:
        messages = await live.watch(documents.NOTIFICATIONS)
        await buyer.buys(offer)
        seen = await messages.until(lambda update: update["version"] == 1)
    for _ in range(3):
        await buyer.settled(await buyer.buys(offer))

    async with buyer.live() as live:
        messages = live.follow(documents.NOTIFICATIONS, after=seen["cursor"])
        await messages.next()
        for _ in range(3):
            await buyer.buys(offer)
        await messages.until(lambda update: update["version"] == 7)

    assert messages.versions == [2, 3, 4, 5, 6, 7]
    assert [update["isSnapshot"] for update in messages.seen] == [True] * 3 + [False] * 3
    assert [update["notification"]["sequence"] for update in messages.seen] == messages.versions
    assert messages.seen[-1]["unread"] == 7


async def test_who_missed_nothing_is_told_where_things_stand(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=5), shop.buyer()
    await buyer.settled(await buyer.buys(offer))
    async with buyer.live() as live:
        messages = await live.watch(documents.NOTIFICATIONS)
        [snapshot] = messages.seen
        assert (snapshot["notification"], snapshot["unread"], snapshot["version"]) == (None, 1, 1)
        caught_up = await live.watch(documents.NOTIFICATIONS, after=snapshot["cursor"])
        assert caught_up.seen[0]["notification"] is None
        await buyer.buys(offer)
        for updates in (messages, caught_up):
            assert (await updates.next())["version"] == 2


async def test_who_subscribes_in_the_middle_of_news_gets_all_of_it_in_order(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=40), shop.buyer()
    async with buyer.live() as live:
        start = (await live.watch(documents.NOTIFICATIONS)).seen[0]["cursor"]
        for _ in range(12):
            await buyer.buys(offer)
        messages = live.follow(documents.NOTIFICATIONS, after=start)
        await messages.until(lambda update: update["version"] == 12)
    assert messages.versions == list(range(1, 13))


@pytest.mark.parametrize("sequence", [-1, 0, 10**15])
async def test_a_cursor_of_no_message_still_gets_a_snapshot(shop: Shop, sequence: int) -> None:
    async with shop.buyer().live() as live:
        await live.watch(documents.NOTIFICATIONS, after=encode_cursor(sequence))
