"""A marketplace with something of everybody, for asking who may see it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import uuid4

from graph.nodes import encode_id
from tests.conftest import wait_until
from tests.graph.market import ADDRESS, Client, Market, OfferOnSale, fresh_name

ACTORS = ("nobody", "other_buyer", "other_seller", "buyer", "operator", "seller")
"""In the order in which they ask: who may change a thing comes after those who may not."""

DESK = """{ me { selling {
  seller { id } listings { nodes { id version stock { version } } } sales { nodes { id isbn } } } } }"""
MESSAGES = "{ me { notifications { nodes { id order { id } } } } }"
REFUND = "... on RefundRequested { refund { id } }"


@dataclass(frozen=True, kw_only=True)
class Ids:
    """What can be named: all of it belongs to the buyer or, of listings and sales, to the seller."""

    order: str
    order_line: str
    order_number: str
    order_to_cancel: str
    order_to_refund: str
    refund: str
    key: str
    message: str
    listing: str
    listing_to_change: str
    listing_to_withdraw: str
    listing_to_adjust: str
    sale: str

    def of_nothing(self) -> Ids:
        """Ids of the same kinds that name nothing."""
        made = {
            name: encode_id(kind, uuid4())
            for name, kind in (
                ("order", "Order"), ("order_line", "OrderLine"), ("order_to_cancel", "Order"),
                ("order_to_refund", "Order"), ("refund", "Refund"), ("message", "Notification"), ("listing", "Listing"),
                ("listing_to_change", "Listing"), ("listing_to_withdraw", "Listing"), ("listing_to_adjust", "Listing"),
                ("sale", "Sale"),
            )
        }  # fmt: skip
        changed = replace(self, **made, order_number="B-0000-0000", key=fresh_name("key"))
        assert all(getattr(changed, field.name) != getattr(self, field.name) for field in fields(self))
        return changed


@dataclass(frozen=True, kw_only=True)
class World:
    """The people and their things."""

    people: dict[str, Client]
    ids: Ids
    offer: OfferOnSale
    """The seller's; some copies are in the buyer's cart."""
    seller_id: str
    book: str
    """A book that nobody offers."""
    purchase: dict[str, Any]
    """What the buyer sent to buy `order`."""
    versions: dict[str, dict[str, int]]
    """Of the seller's listings, and of their stock."""


async def build_world(market: Market) -> World:
    """Everybody buys something, the buyer three times from the seller; all of it has arrived everywhere."""
    seller, other_seller = market.applicant(), market.applicant()
    for applicant in (seller, other_seller):
        await applicant.mutate("registerSeller", {"displayName": f"Stall of {applicant.name}"}, "__typename")
    people = {
        "nobody": market.stranger(),
        "buyer": market.buyer(),
        "other_buyer": market.buyer(),
        "seller": seller,
        "other_seller": other_seller,
        "operator": market.operator(),
    }
    buyer = people["buyer"]
    elsewhere, offer = await market.offer(copies=10), await market.offer(copies=30, seller=seller)
    for name in ("other_buyer", "seller", "other_seller", "operator"):
        await people[name].buy(elsewhere)
    await buyer.add_to_cart(offer)
    purchase = {
        "idempotencyKey": fresh_name("key"),
        "deliveryAddress": ADDRESS,
        "amount": {"amount": offer.price, "currency": "EUR"},
    }
    order = (await buyer.mutate("checkout", purchase, "... on CheckoutCompleted { order { id number } }"))["order"]
    to_cancel, to_refund = await buyer.buy(offer), await buyer.buy(offer)
    listings = [await market.offer(seller=seller) for _ in range(3)]
    line = (await buyer.data(LINES, id=order["id"]))["order"]["lines"][0]["id"]
    given = {"idempotencyKey": fresh_name("key"), "orderId": to_refund["id"], "reason": "a torn page"}
    given["amount"] = {"amount": "1.00", "currency": "EUR"}
    refund = (await people["operator"].mutate("refundOrder", given, REFUND))["refund"]["id"]
    await buyer.add_to_cart(offer, 2)
    await buyer.mutate(
        "setNotificationPreference", {"kind": "COPY_SOLD", "channel": "MAIL", "enabled": False}, "__typename"
    )
    ids = Ids(
        order=order["id"], order_line=line, order_number=order["number"], order_to_cancel=to_cancel["id"],
        order_to_refund=to_refund["id"], refund=refund, key=purchase["idempotencyKey"],
        message=await _message(buyer, order["id"]), listing=encode_id("Listing", offer.listing_id),
        listing_to_change=encode_id("Listing", listings[0].listing_id),
        listing_to_withdraw=encode_id("Listing", listings[1].listing_id),
        listing_to_adjust=encode_id("Listing", listings[2].listing_id), sale=await _sale(seller, offer.isbn),
    )  # fmt: skip
    for name, client in people.items():
        if name != "nobody":
            await _message(client)
    desk = (await seller.data(DESK))["me"]["selling"]
    return World(
        people=people,
        ids=ids,
        offer=offer,
        seller_id=desk["seller"]["id"],
        book=await market.book(),
        purchase=purchase,
        versions={
            listing["id"]: {"listing": listing["version"], "stock": listing["stock"]["version"]}
            for listing in desk["listings"]["nodes"]
        },
    )


LINES = "query Q($id: ID!) { order(by: {id: $id}) { lines { id } } }"


async def _message(client: Client, order: str | None = None) -> str:
    """The id of a message about the order, or of any."""

    async def written() -> str | None:
        nodes = (await client.data(MESSAGES))["me"]["notifications"]["nodes"]
        about = [node["id"] for node in nodes if order is None or (node["order"] or {}).get("id") == order]
        return about[0] if about else None

    return await wait_until(written)


async def _sale(seller: Client, isbn: str) -> str:
    """The id of the newest sale of the book, once its three sales are recorded and its listings are on the shelf."""

    async def recorded() -> str | None:
        desk = (await seller.data(DESK))["me"]["selling"]
        sales = [sale["id"] for sale in desk["sales"]["nodes"] if sale["isbn"] == isbn]
        shelved = all(listing["stock"] for listing in desk["listings"]["nodes"])
        return sales[0] if len(sales) == 3 and shelved else None

    return await wait_until(recorded)
