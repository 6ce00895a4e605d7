"""Tokens and ownership: without a token there is the catalogue, and what belongs to another is not found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from graph.auth import EmbeddedIssuer
from kernel.clock import utc_now
from tests import documents
from tests.builders import ADDRESS, Shop, euros

CHECKOUT = {"idempotencyKey": "k", "deliveryAddress": ADDRESS, "amount": euros("1.00")}

NEEDS_A_TOKEN = [
    (documents.VIEWED_CART, {}),
    (documents.ORDERS, {}),
    (documents.MESSAGES, {}),
    (documents.FIND_ORDER, {"by": {"number": "B-0000-0000"}}),
    (documents.CHECKOUT_ATTEMPT, {"key": "k"}),
    (documents.ADD_TO_CART, {"input": {"offerId": "x", "quantity": 1}}),
    (documents.SET_CART_LINE, {"input": {"offerId": "x", "quantity": 1}}),
    (documents.CLEAR_CART, {}),
    (documents.CHECKOUT, {"input": CHECKOUT}),
    (documents.MARK_READ, {"input": {}}),
    (documents.SET_PREFERENCE, {"input": {"kind": "ORDER_PAID", "channel": "MAIL", "enabled": True}}),
]
NEEDS_A_SELLER = [
    (documents.REGISTER, {"input": {"displayName": "A Stall"}}),
    (documents.PUBLISH, {"input": {"isbn": "9780306406157", "condition": "GOOD", "price": euros("1.00")}}),
    (documents.CHANGE_LISTING, {"input": {"listingId": "x", "version": 1}}),
    (documents.WITHDRAW_LISTING, {"input": {"listingId": "x", "version": 1}}),
    (documents.ADJUST_STOCK, {"input": {"listingId": "x", "version": 1, "onHand": 1}}),
]
BOOK = {"isbn": "9780306406157", "title": "A Tale", "authors": ["Nora Writer"]}


@pytest.mark.parametrize(("document", "variables"), NEEDS_A_TOKEN + NEEDS_A_SELLER)
async def test_what_is_personal_needs_a_token(shop: Shop, document: str, variables: dict) -> None:
    assert await shop.stranger().refusal(document, **variables) == "UNAUTHENTICATED"


@pytest.mark.parametrize(("document", "variables"), [*NEEDS_A_SELLER, (documents.ADD_BOOK, {"input": BOOK})])
async def test_a_buyer_s_token_is_for_buying(shop: Shop, document: str, variables: dict) -> None:
    assert await shop.buyer().refusal(document, **variables) == "FORBIDDEN"


async def test_everybody_reads_the_catalogue(shop: Shop) -> None:
    offer, stranger = await shop.offer(copies=2), shop.stranger()
    book = await stranger.ask(documents.BOOK, isbn=offer.isbn)
    assert book["stock"]["total"] == 2
    assert (await stranger.ask(documents.NODE, id=offer.id))["__typename"] == "Offer"
    assert (await stranger.ask(documents.SEARCH, words="the"))["nodes"]


async def test_an_expired_token_is_told_from_an_invalid_one(shop: Shop) -> None:
    past = EmbeddedIssuer(shop.server.data, clock=lambda: utc_now() - timedelta(hours=2))
    expired = await shop.stranger(past.issue("alice")).send(documents.VIEWED_CART)
    assert (expired.status_code, expired.json()["errors"][0]["extensions"]["code"]) == (401, "TOKEN_EXPIRED")
    assert "invalid_token" in expired.headers["WWW-Authenticate"]


async def test_a_damaged_token_is_refused_even_for_the_catalogue(shop: Shop) -> None:
    token = shop.server.token("alice")
    for damaged in (token[:-2], f"{token}x", "a.b.c", "x" * 5000):
        refused = await shop.stranger(damaged).send(documents.SEARCH, words="the")
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "TOKEN_INVALID")


async def test_a_token_of_another_issuer_is_invalid(shop: Shop, tmp_path: Path) -> None:
    refused = await shop.stranger(EmbeddedIssuer(tmp_path).issue("alice")).send(documents.VIEWED_CART)
    assert refused.json()["errors"][0]["extensions"]["code"] == "TOKEN_INVALID"


async def test_somebody_else_s_order_is_not_found(shop: Shop) -> None:
    buyer, thief = shop.buyer(), shop.buyer()
    outcome = await buyer.buys(await shop.offer())
    order = await buyer.settled(outcome)
    [message] = await buyer.messages()

    assert await thief.order(id=order["id"]) is None
    assert await thief.order(number=order["number"]) is None
    for belongings in (order["id"], message["id"]):
        assert (await buyer.ask(documents.NODE, id=belongings))["id"] == belongings
        assert await thief.ask(documents.NODE, id=belongings) is None
        assert await shop.stranger().ask(documents.NODE, id=belongings) is None
    assert (await thief.ask(documents.ORDERS))["orders"]["nodes"] == []


async def test_a_cart_is_its_buyer_s_alone(shop: Shop) -> None:
    offer, buyer, other = await shop.offer(copies=5), shop.buyer(), shop.buyer()
    await buyer.adds(offer, 2)
    assert (await other.cart())["lines"] == []
    await other.ask(documents.CLEAR_CART)
    assert [line["quantity"] for line in (await buyer.cart())["lines"]] == [2]
    cart_id = (await buyer.ask("{ me { cart { id } } }"))["cart"]["id"]
    assert await other.ask(documents.NODE, id=cart_id) is None


async def test_a_seller_sees_the_sale_and_never_the_buyer_s_order(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=2), shop.buyer()
    order = await buyer.settled(await buyer.buys(offer))
    assert await offer.seller.order(id=order["id"]) is None
    assert (await offer.seller.desk())["sales"]["nodes"][0]["isbn"] == offer.isbn
    assert (await buyer.ask(documents.DESK))["selling"] is None


async def test_a_listing_is_a_node_for_its_seller_alone(shop: Shop) -> None:
    offer = await shop.offer()
    assert (await offer.seller.ask(documents.NODE, id=offer.listing_id))["__typename"] == "Listing"
    assert await shop.buyer().ask(documents.NODE, id=offer.listing_id) is None


@pytest.mark.parametrize("id", ["", "x", "T3JkZXI6", "Qm9vazoxMjM", "T3JkZXI6MDAwMA", "💥", "Vmlld2VyOmFsaWNl"])
async def test_an_id_that_is_none_names_nothing(shop: Shop, id: str) -> None:
    buyer = shop.buyer()
    assert await buyer.ask(documents.NODE, id=id) is None
    assert await buyer.order(id=id) is None


@pytest.mark.parametrize("by", [{}, {"id": "x", "number": "y"}, {"id": None}])
async def test_an_order_is_looked_up_by_exactly_one_thing(shop: Shop, by: dict) -> None:
    assert await shop.buyer().refusal(documents.FIND_ORDER, by=by) == "BAD_USER_INPUT"
