"""The viewer's cart, and what can stand in the way of buying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

import strawberry

from domains import orders
from graph.context import Info
from graph.nodes import NotAnId, decode_id, encode_id
from graph.schema import errors
from graph.schema.catalog import Book, Offer, find_book, find_offer, find_other_offers
from graph.schema.errors import Error, InvalidField, UnsupportedCurrency, not_an_id, said
from graph.schema.scalars import ISBN, Money
from graph.sizes import PROBLEMS, about, at_most
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.errors import Problem
from kernel.errors import UnsupportedCurrency as UnsupportedCurrencyProblem

ALTERNATIVES = 5
"""How many other offers are shown in place of one that is out of stock."""


# --- problems ---------------------------------------------------------------------------------------------------


@strawberry.type(description="There is nothing in the cart.")
class CartEmpty(Error):
    pass


@strawberry.type(description="The amount that the buyer agreed to is not the cart's total.")
class AmountMismatch(Error):
    agreed: Money = strawberry.field(description="The amount of the request.")
    total: Money = strawberry.field(description="The cart's total: ask the buyer to agree to it.")


@strawberry.type(description="There are fewer copies than wanted.")
class OutOfStock(Error):
    wanted: int = strawberry.field(description="How many copies were wanted.")
    available: int = strawberry.field(description="How many there are.")
    listing_id: strawberry.Private[UUID]

    @strawberry.field(description="The offer that is short.")
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.listing_id)

    @strawberry.field(
        description="Other offers of the same book, cheapest first, at most five.", metadata=at_most(ALTERNATIVES)
    )
    async def alternatives(self, info: Info) -> list[Offer]:
        return await find_other_offers(info, self.listing_id, ALTERNATIVES)


@strawberry.type(
    description="The price is no longer the one that was seen: set the cart's line again to accept the new one."
)
class PriceChanged(Error):
    seen: Money = strawberry.field(description="The price of a copy that the cart has.")
    current: Money = strawberry.field(description="The price of a copy now.")
    listing_id: strawberry.Private[UUID]

    @strawberry.field(description="The offer at its new price.")
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.listing_id)


@strawberry.type(description="The offer does not exist, or no more.")
class OfferGone(Error):
    offer_id: strawberry.ID = strawberry.field(description="The id that the offer has or had.")


@strawberry.type(description="Nobody buys their own books.")
class OwnBook(Error):
    listing_id: strawberry.Private[UUID]

    @strawberry.field(description="The viewer's own offer.")
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.listing_id)


@strawberry.type(description="The payment was not taken: try another way to pay.")
class PaymentDeclined(Error):
    reason_code: str = strawberry.field(description="Why, in the payment provider's own code.")


CheckoutProblem = Annotated[
    CartEmpty
    | AmountMismatch
    | OutOfStock
    | PriceChanged
    | OfferGone
    | OwnBook
    | PaymentDeclined
    | InvalidField
    | UnsupportedCurrency,
    strawberry.union("CheckoutProblem", description="What stands in the way of buying a cart."),
]


def show_problem(problem: Problem) -> CheckoutProblem:
    """A problem of the orders' domain as clients see it."""
    match problem:
        case orders.CartEmpty():
            return CartEmpty(**said(problem))
        case orders.AmountMismatch(agreed=agreed, total=total):
            return AmountMismatch(**said(problem), agreed=Money.of(agreed), total=Money.of(total))
        case orders.OutOfStock(listing_id=listing_id, wanted=wanted, available=available):
            return OutOfStock(**said(problem), listing_id=listing_id, wanted=wanted, available=available)
        case orders.PriceChanged(listing_id=listing_id, seen=seen, current=current):
            return PriceChanged(**said(problem), listing_id=listing_id, seen=Money.of(seen), current=Money.of(current))
        case orders.OfferGone(listing_id=listing_id):
            return OfferGone(**said(problem), offer_id=strawberry.ID(encode_id("Offer", listing_id)))
        case orders.OwnBook(listing_id=listing_id):
            return OwnBook(**said(problem), listing_id=listing_id)
        case orders.PaymentDeclined(reason_code=reason_code):
            return PaymentDeclined(**said(problem), reason_code=reason_code)
        case InvalidFieldProblem():
            return InvalidField(**said(problem))
        case UnsupportedCurrencyProblem():
            return UnsupportedCurrency.of(problem)
    raise TypeError(f"{type(problem).__name__} is no problem of a cart")


# --- the cart ---------------------------------------------------------------------------------------------------


@strawberry.type(description="Copies of one offer that the viewer means to buy.")
class CartLine:
    isbn: ISBN = strawberry.field(description="The book.")
    title: str | None = strawberry.field(description="The book's title, where it is known.")
    quantity: int = strawberry.field(description="How many copies.")
    unit_price: Money = strawberry.field(description="The price of a copy when the line was set: what will be paid.")
    total: Money = strawberry.field(description="The price of all copies of the line.")
    available: int = strawberry.field(description="How many copies can be bought now.")
    current_price: Money | None = strawberry.field(description="The price of a copy now; null when the offer is gone.")
    offer_id: strawberry.ID = strawberry.field(description="The offer's id, for `setCartLine`.")
    listing_id: strawberry.Private[UUID]

    @strawberry.field(description="The offer as it is now; null when it is gone.")
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.listing_id)

    @strawberry.field(description="The book's description.")
    async def book(self, info: Info) -> Book | None:
        return await find_book(info, self.isbn)

    @classmethod
    def of(cls, line: orders.CartLine) -> Self:
        """A line of a cart."""
        return cls(
            isbn=ISBN(line.isbn),
            title=line.title,
            quantity=line.quantity,
            unit_price=Money.of(line.unit_price),
            total=Money.of(line.unit_price * line.quantity),
            available=line.available,
            current_price=Money.maybe(line.price),
            offer_id=strawberry.ID(encode_id("Offer", line.listing_id)),
            listing_id=line.listing_id,
        )


@strawberry.type(description="What the viewer means to buy.")
class Cart:
    id: strawberry.ID = strawberry.field(description="The cart's own id; a viewer has one cart.")
    version: int = strawberry.field(description="Rises with every change.")
    lines: list[CartLine] = strawberry.field(description="What is in it.", metadata=at_most(orders.CART_LINES))
    total: Money = strawberry.field(
        description="What it costs, at the prices seen: the `amount` that `checkout` asks for."
    )
    problems: list[CheckoutProblem] = strawberry.field(
        description="What would keep it from being bought now.", metadata=about(PROBLEMS)
    )

    @classmethod
    def of(cls, cart: orders.Cart) -> Self:
        """A cart of the orders' domain."""
        return cls(
            id=strawberry.ID(encode_id("Cart", cart.buyer_id)),
            version=cart.version,
            lines=[CartLine.of(line) for line in cart.lines],
            total=Money.of(cart.total),
            problems=[show_problem(problem) for problem in cart.problems],
        )


@strawberry.type(description="The cart was left as it was: see what is wrong.")
class CartRejected(Error):
    problems: list[CheckoutProblem] = strawberry.field(
        description="Everything that is wrong.", metadata=about(PROBLEMS)
    )


CartResult = Annotated[
    Cart | CartRejected, strawberry.union("CartResult", description="The cart as it is now, or why it was left alone.")
]


@strawberry.input(description="Copies to put into the cart.")
class AddToCartInput:
    offer_id: strawberry.ID = strawberry.field(description="The offer to buy from.")
    quantity: int = strawberry.field(default=1, description="How many copies more, at least 1.")


@strawberry.input(description="How many copies of an offer the cart is to have.")
class SetCartLineInput:
    offer_id: strawberry.ID = strawberry.field(description="The offer to buy from.")
    quantity: int = strawberry.field(description="How many copies in all; 0 takes the line out.")


@strawberry.type
class CartMutation:
    @strawberry.mutation(description="Put copies of an offer into the cart, besides those that are in it.")
    async def add_to_cart(
        self, info: Info, input: Annotated[AddToCartInput, strawberry.argument(description="What to put in.")]
    ) -> CartResult | None:
        buyer_id = info.context.require_viewer().subject
        try:
            listing_id = decode_id(input.offer_id, "Offer")
        except NotAnId as error:
            return _rejected([not_an_id(error, "input", "offerId")])
        command = orders.AddToCart(buyer_id=buyer_id, listing_id=listing_id, quantity=input.quantity)
        return _show(await info.context.orders.add_to_cart(command))

    @strawberry.mutation(
        description="Have so many copies of an offer in the cart, at the price that it has now. 0 takes the line out."
    )
    async def set_cart_line(
        self, info: Info, input: Annotated[SetCartLineInput, strawberry.argument(description="What to have in it.")]
    ) -> CartResult | None:
        buyer_id = info.context.require_viewer().subject
        try:
            listing_id = decode_id(input.offer_id, "Offer")
        except NotAnId as error:
            return _rejected([not_an_id(error, "input", "offerId")])
        command = orders.SetCartLine(buyer_id=buyer_id, listing_id=listing_id, quantity=input.quantity)
        return _show(await info.context.orders.set_cart_line(command))

    @strawberry.mutation(description="Take everything out of the cart.")
    async def clear_cart(self, info: Info) -> CartResult | None:
        return Cart.of(await info.context.orders.clear_cart(info.context.require_viewer().subject))


def _show(outcome: orders.Cart | Sequence[Problem]) -> Cart | CartRejected:
    return Cart.of(outcome) if isinstance(outcome, orders.Cart) else _rejected(outcome)


def _rejected(problems: Sequence[Problem]) -> CartRejected:
    return CartRejected(**said(errors.CartRejected()), problems=[show_problem(problem) for problem in problems])
