"""Notifications and the operators' desk through GraphQL."""

from __future__ import annotations

from tests.graph.market import PROBLEM, PROBLEMS, Market, fresh_isbn


async def test_a_buyer_reads_the_message_of_an_order(market: Market, eventually) -> None:
    offer, buyer = await market.offer(), market.buyer()
    order = await buyer.buy(offer)
    document = """{ me { unreadNotifications notifications(unreadOnly: true) { nodes {
      id kind subject order { id } deliveries { channel } sequence } } } }"""

    async def written() -> dict | None:
        me = (await buyer.data(document))["me"]
        return me if me["unreadNotifications"] else None

    me = await eventually(written)
    (message,) = me["notifications"]["nodes"]
    assert (message["kind"], message["order"], message["sequence"]) == ("ORDER_PAID", {"id": order["id"]}, 1)
    assert {delivery["channel"] for delivery in message["deliveries"]} == {"IN_APP", "MAIL"}
    node = "query Q($id: ID!) { node(id: $id) { id } }"
    assert (await buyer.data(node, id=message["id"]))["node"] == {"id": message["id"]}
    assert (await market.buyer().data(node, id=message["id"]))["node"] is None
    foreign = await market.buyer().mutate("markNotificationsRead", {"ids": [message["id"]]}, MARKED)
    assert foreign["marked"] == 0
    marked = await buyer.mutate("markNotificationsRead", {"ids": [message["id"]]}, MARKED)
    assert (marked["marked"], marked["unread"]) == (1, 0)
    assert (await buyer.data(document))["me"]["notifications"]["nodes"] == []


MARKED = f"... on NotificationsMarkedRead {{ marked unread }} {PROBLEM}"


async def test_marking_what_is_no_message_is_an_invalid_field(market: Market) -> None:
    result = await market.buyer().mutate("markNotificationsRead", {"ids": ["nonsense"]}, MARKED)
    assert (result["code"], result["path"]) == ("INVALID_FIELD", ["input", "ids"])


async def test_a_preference_is_kept(market: Market) -> None:
    buyer = market.buyer()
    given = {"kind": "ORDER_PAID", "channel": "MAIL", "enabled": False}
    selection = "... on NotificationPreferences { preferences { kind channel enabled } }"
    changed = await buyer.mutate("setNotificationPreference", given, selection)
    shown = (await buyer.data("{ me { preferences { kind channel enabled } } }"))["me"]["preferences"]
    assert changed["preferences"] == shown
    assert [preference for preference in shown if not preference["enabled"]] == [given]


async def test_an_operator_adds_a_book(market: Market) -> None:
    operator, isbn = market.operator(), fresh_isbn()
    selection = f"... on Book {{ isbn title }} ... on BookRejected {{ {PROBLEMS} }} {PROBLEM}"
    given = {"isbn": isbn, "title": "New Here", "authors": ["A. Uthor"]}
    added = await operator.mutate("addBook", given, selection)
    assert (added["isbn"], added["title"]) == (isbn, "New Here")
    again = await operator.mutate("addBook", given, selection)
    assert [(problem["code"], problem["path"]) for problem in again["problems"]] == [
        ("BOOK_ALREADY_KNOWN", ["input", "isbn"])
    ]
    wrong = await operator.mutate("addBook", {"isbn": "9", "title": " ", "authors": []}, selection)
    assert {problem["path"][1] for problem in wrong["problems"]} == {"isbn", "title", "authors"}


async def test_operators_see_what_failed_and_what_waits(market: Market) -> None:
    document = """{ me { operating { deadLetters { nodes { id domain event attempts error } pageInfo { hasNextPage } }
      outboxLag { domain waiting } } } }"""
    desk = (await market.operator().data(document))["me"]["operating"]
    assert desk["deadLetters"] == {"nodes": [], "pageInfo": {"hasNextPage": False}}
    assert {lag["domain"] for lag in desk["outboxLag"]} == set(market.shop.databases)
    assert (await market.buyer().data("{ me { operating { __typename } } }"))["me"]["operating"] is None


async def test_operators_replay_and_discard_what_is_dead(market: Market) -> None:
    operator = market.operator()
    unknown = ["orders/01900000-0000-7000-8000-000000000000"]
    replayed = await operator.mutate("replayDeadLetters", {"ids": unknown}, "... on DeadLettersReplayed { count }")
    assert replayed["count"] == 0
    given = {"ids": unknown, "note": "of no use"}
    discarded = await operator.mutate("discardDeadLetters", given, "... on DeadLettersDiscarded { count }")
    assert discarded["count"] == 0
    for field, wrong, path in (
        ("replayDeadLetters", {"ids": []}, ["input", "ids"]),
        ("replayDeadLetters", {"ids": unknown * 101}, ["input", "ids"]),
        ("discardDeadLetters", {"ids": unknown, "note": " "}, ["input", "note"]),
        ("discardDeadLetters", {"ids": [], "note": "x"}, ["input", "ids"]),
    ):
        result = await operator.mutate(field, wrong, PROBLEM)
        assert (result["code"], result["path"]) == ("INVALID_FIELD", path)


async def test_operating_needs_the_role(market: Market) -> None:
    document = 'mutation { replayDeadLetters(input: {ids: ["x"]}) { __typename } }'
    answer = await (await market.seller()).ask(document)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
