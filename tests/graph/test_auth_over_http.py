"""Who is asking, over HTTP: no token, one that has expired, one that was never ours."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from graph.auth import EmbeddedIssuer
from kernel.clock import utc_now
from tests.graph.market import Market

BODY = {"query": "{ me { email } books(first: 1) { nodes { isbn } } }"}


async def post(market: Market, authorization: str) -> httpx.Response:
    return await market.http.post("/graphql", json=BODY, headers={"Authorization": authorization})


async def test_without_a_token_only_what_is_public_is_answered(market: Market) -> None:
    answer = await market.stranger().ask(BODY["query"])
    assert answer["data"]["me"] is None
    assert answer["data"]["books"] is not None
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]) == (["me"], {"code": "UNAUTHENTICATED"})


@pytest.mark.parametrize(
    "document",
    [
        "mutation { clearCart { __typename } }",
        'mutation { addToCart(input: {offerId: "x", quantity: 1}) { __typename } }',
        'mutation { setCartLine(input: {offerId: "x", quantity: 1}) { __typename } }',
        """mutation { checkout(input: {idempotencyKey: "x", deliveryAddress: {},
           amount: {amount: "1.00", currency: "EUR"}}) { __typename } }""",
        "mutation { markNotificationsRead(input: {}) { __typename } }",
        """mutation { setNotificationPreference(input: {kind: ORDER_PAID, channel: MAIL, enabled: true})
           { __typename } }""",
        'mutation { withdrawListing(input: {listingId: "x", version: 1}) { __typename } }',
        'mutation { adjustStock(input: {listingId: "x", onHand: 1, version: 1}) { __typename } }',
        'mutation { discardDeadLetters(input: {ids: ["x"], note: "x"}) { __typename } }',
        '{ order(by: {number: "B-1"}) { id } }',
        '{ checkoutAttempt(idempotencyKey: "x") { __typename } }',
    ],
)
async def test_whatever_needs_a_viewer_says_so(market: Market, document: str) -> None:
    answer = await market.stranger().ask(document)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
    assert set(answer["data"].values()) == {None}


async def test_an_expired_token_is_refused_as_expired(market: Market) -> None:
    yesterday = EmbeddedIssuer(market.shop.settings.data, clock=lambda: utc_now() - timedelta(days=1))
    response = await post(market, f"Bearer {yesterday.issue('alice')}")
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "TOKEN_EXPIRED"
    assert "data" not in response.json()
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_token_that_was_never_ours_is_refused_as_invalid(market: Market, tmp_path_factory) -> None:
    strange = EmbeddedIssuer(tmp_path_factory.mktemp("elsewhere")).issue("alice")
    own = market.shop.issuer.issue("alice")
    for authorization in (f"Bearer {strange}", f"Bearer {own[:-2]}", "Bearer x", "Bearer", "", f"Basic {own}", own):
        response = await post(market, authorization)
        assert response.status_code == 401, authorization
        assert response.json()["errors"][0]["extensions"]["code"] == "TOKEN_INVALID"
        assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_token_within_the_leeway_is_taken(market: Market) -> None:
    just_over = EmbeddedIssuer(market.shop.settings.data, clock=lambda: utc_now() - timedelta(seconds=3601))
    response = await post(market, f"bearer  {just_over.issue('alice')}")
    assert response.json()["data"]["me"] == {"email": "alice@example.org"}
