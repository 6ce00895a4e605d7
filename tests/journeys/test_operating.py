"""Operators: dead letters and waiting events, for their eyes alone."""

from __future__ import annotations

import pytest

from tests.builders import Shop

DESK = """query Desk($domain: String, $first: Int, $after: String) { me { operating {
  deadLetters(domain: $domain, first: $first, after: $after) {
    edges { cursor node { id domain event attempts error failedAt } } nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
  outboxLag { domain waiting oldest }
} } }"""
REPLAY = """mutation Replay($input: ReplayDeadLettersInput!) {
  replayDeadLetters(input: $input) {
    ... on DeadLettersReplayed { count }
    ... on Error { code path }
  }
}"""
DISCARD = """mutation Discard($input: DiscardDeadLettersInput!) {
  discardDeadLetters(input: $input) {
    ... on DeadLettersDiscarded { count }
    ... on Error { code path }
  }
}"""
NOBODY_S = ["orders/0190a5d0-0000-7000-8000-000000000000", "elsewhere/0190a5d0-0000-7000-8000-000000000000", "💥"]


async def test_an_operator_sees_that_nothing_died(shop: Shop) -> None:
    buyer = shop.buyer()
    await buyer.settled(await buyer.buys(await shop.offer()))
    desk = (await shop.operator().ask(DESK))["operating"]
    assert desk["deadLetters"]["nodes"] == desk["deadLetters"]["edges"] == []
    assert desk["deadLetters"]["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_no_event_waits_for_long(shop: Shop) -> None:
    async def nothing_waits() -> bool:
        lags = (await shop.operator().ask(DESK))["operating"]["outboxLag"]
        assert [lag["domain"] for lag in lags] == ["orders", "inventory", "catalog", "sellers", "notifications"]
        return all((lag["waiting"], lag["oldest"]) == (0, None) for lag in lags)

    await shop.buyer().buys(await shop.offer())
    await shop.eventually(nothing_waits)


async def test_the_desk_is_for_operators_alone(shop: Shop) -> None:
    for person in (shop.buyer(), shop.newcomer()):
        assert (await person.ask(DESK))["operating"] is None
        assert await person.refusal(REPLAY, input={"ids": NOBODY_S}) == "FORBIDDEN"
        assert await person.refusal(DISCARD, input={"ids": NOBODY_S, "note": "a test"}) == "FORBIDDEN"
    assert await shop.stranger().refusal(REPLAY, input={"ids": NOBODY_S}) == "UNAUTHENTICATED"


async def test_letters_that_are_not_dead_are_not_counted(shop: Shop) -> None:
    operator = shop.operator()
    assert (await operator.ask(REPLAY, input={"ids": NOBODY_S}))["count"] == 0
    assert (await operator.ask(DISCARD, input={"ids": NOBODY_S, "note": "a test"}))["count"] == 0


@pytest.mark.parametrize("ids", [[], ["orders/x"] * 101])
async def test_between_one_and_a_hundred_letters_are_replayed_at_a_time(shop: Shop, ids: list[str]) -> None:
    refused = await shop.operator().ask(REPLAY, input={"ids": ids})
    assert refused == {"code": "INVALID_FIELD", "path": ["input", "ids"]}


@pytest.mark.parametrize("note", ["", "   ", "x" * 501, "two\nlines"])
async def test_who_discards_says_why(shop: Shop, note: str) -> None:
    refused = await shop.operator().ask(DISCARD, input={"ids": NOBODY_S, "note": note})
    assert refused == {"code": "INVALID_FIELD", "path": ["input", "note"]}


@pytest.mark.parametrize("page", [{"first": 0}, {"first": 101}, {"after": "nonsense"}])
async def test_a_page_that_cannot_be_is_refused(shop: Shop, page: dict) -> None:
    answer = (await shop.operator().send(DESK, **page)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_a_domain_that_is_none_has_no_letters(shop: Shop) -> None:
    assert (await shop.operator().ask(DESK, domain="elsewhere"))["operating"]["deadLetters"]["nodes"] == []
