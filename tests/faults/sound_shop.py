"""A small shop where everything has happened that can: paid, declined, cancelled and refunded orders, all settled."""

from __future__ import annotations

from app.settings import Settings
from app.wiring import Shop, migrate_all, open_shop
from app.worker import worker
from domains.catalog import AddBook
from domains.orders import (
    AddressParts,
    AddToCart,
    CancelOrder,
    Checkout,
    Order,
    RefundLine,
    RefundOrder,
)
from domains.sellers import Listing, PublishListing, RegisterSeller, WithdrawListing
from graph.auth import EMBEDDED_ISSUER
from kernel.books import Grade
from kernel.money import Money
from tests.conftest import wait_until
from tests.faults.ledger import broken_at_rest

HOBBIT, EMMA = "9780618260300", "9780141439587"
ADDRESS = AddressParts(name="A Buyer", line1="1 Canal Street", postal_code="3511 AB", city="Utrecht", country="NL")


async def play(settings: Settings) -> None:
    """Lets everything happen, until the shop is at rest and its audit finds nothing.

    Ann's order is paid, Bob's declined, Cid's cancelled, and Dan got a copy's money back. Mara's Emma is withdrawn.
    """
    await migrate_all(settings)
    async with open_shop(settings) as shop:
        working = worker(shop)
        await working.start()
        try:
            await _trade(shop)
        finally:
            await working.stop()
    assert await broken_at_rest(settings) == {}


async def _trade(shop: Shop) -> None:
    orders = shop.services.orders
    await shop.services.catalog.add_books(
        [
            AddBook(isbn=HOBBIT, title="The Hobbit", authors=("J.R.R. Tolkien",)),
            AddBook(isbn=EMMA, title="Emma", authors=("Jane Austen",)),
        ]
    )
    await _rest(shop.settings)
    await shop.services.sellers.register_many(
        [
            RegisterSeller(owner_id=owner, issuer=EMBEDDED_ISSUER, email=f"{owner}@example.org", display_name=owner)
            for owner in ("mara", "jonas")
        ]
    )
    await _rest(shop.settings)
    hobbit, cheap, emma, rest = await shop.services.sellers.publish_many(
        [
            _listing("mara", HOBBIT, 1200),
            _listing("jonas", HOBBIT, 900),
            _listing("jonas", EMMA, 500),
            _listing("mara", EMMA, 700),
        ]
    )
    await _rest(shop.settings)
    await _buys(shop, "ann", (hobbit, 1), (cheap, 2))
    await _buys(shop, "bob", (rest, 1), method="card-declined")
    cancelled = await _buys(shop, "cid", (emma, 1))
    refunded = await _buys(shop, "dan", (cheap, 2), (emma, 1))
    await _rest(shop.settings)
    told = await orders.cancel_order(CancelOrder(viewer_id="cid", order_id=cancelled.id))
    assert isinstance(told, Order), told
    line = next(line for line in refunded.lines if line.listing_id == cheap.id)
    await orders.refund_order(
        RefundOrder(
            operator_id="olga", order_id=refunded.id, idempotency_key="1", reason="a torn page",
            lines=(RefundLine(order_line_id=line.id, quantity=1),), restock=True,
        )
    )  # fmt: skip
    withdrawn = WithdrawListing(owner_id="mara", listing_id=rest.id, version=rest.version)
    assert isinstance(await shop.services.sellers.withdraw_listing(withdrawn), Listing)
    await _rest(shop.settings)


async def _buys(shop: Shop, buyer: str, *wanted: tuple[Listing, int], method: str = "card") -> Order:
    orders = shop.services.orders
    for listing, quantity in wanted:
        await orders.add_to_cart(AddToCart(buyer_id=buyer, listing_id=listing.id, quantity=quantity))
    cart = await orders.cart_of(buyer)
    outcome = await orders.checkout(
        Checkout(
            buyer_id=buyer, buyer_email=f"{buyer}@example.org", idempotency_key=f"{buyer}-1",
            address=ADDRESS, amount=cart.total, payment_method=method,
        )
    )  # fmt: skip
    order = getattr(outcome, "order", None)
    assert isinstance(order, Order), outcome
    return order


def _listing(owner: str, isbn: str, price: int) -> PublishListing:
    return PublishListing(
        owner_id=owner, isbn=isbn, grade=Grade.GOOD, price=Money(price, "EUR"), location="Utrecht", quantity=5
    )


async def _rest(settings: Settings) -> None:
    """Everything that was begun is finished."""

    async def at_rest() -> bool:
        return not await broken_at_rest(settings)

    try:
        await wait_until(at_rest)
    except TimeoutError:
        assert await broken_at_rest(settings) == {}
        raise
