"""Orders and carts: what they are, the states of an order, and what keeps a cart from being bought."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domains.orders.errors import OfferGone, OutOfStock, OwnBook, PriceChanged
from kernel.books import Grade
from kernel.errors import Problem
from kernel.money import Money

CART_LINES = 100
"""The most lines of a cart."""
LINE_QUANTITY = 99
"""The most copies of one line."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011", "- ")


class OrderStatus(StrEnum):
    """How far an order has come."""

    PENDING = "PENDING"
    PAID = "PAID"
    REJECTED = "REJECTED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class PaymentStatus(StrEnum):
    """Where the money of an order is."""

    PENDING = "PENDING"
    CAPTURED = "CAPTURED"
    FAILED = "FAILED"
    REFUND_PENDING = "REFUND_PENDING"
    PARTLY_REFUNDED = "PARTLY_REFUNDED"
    REFUNDED = "REFUNDED"
    REFUND_FAILED = "REFUND_FAILED"


UNPAID_ENDS = frozenset({OrderStatus.REJECTED, OrderStatus.PAYMENT_FAILED, OrderStatus.EXPIRED})
"""The states of an order that came to nothing."""


class OrderAction(StrEnum):
    """What the buyer may do with an order now."""

    CHECKOUT_AGAIN = "CHECKOUT_AGAIN"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an order goes; `country` is an ISO 3166 code of two letters."""

    name: str
    line1: str
    line2: str | None
    postal_code: str
    city: str
    region: str | None
    country: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Copies of one listing, as they were bought."""

    id: UUID
    listing_id: UUID
    isbn: str
    title: str
    seller_id: UUID
    seller_owner_id: str
    quantity: int
    unit_price: Money
    grade: Grade


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One step of an order's way, in whichever domain it was taken."""

    at: datetime
    event: str
    domain: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody bought, or tried to; `settled` when no domain has anything left to do for it."""

    id: UUID
    number: str
    buyer_id: str
    status: OrderStatus
    payment_status: PaymentStatus
    version: int
    settled: bool
    placed_at: datetime
    paid_at: datetime | None
    lines: tuple[OrderLine, ...]
    total: Money
    refunded: Money
    address: Address
    timeline: tuple[TimelineEntry, ...]
    cancel_reason: str | None = None
    can_cancel: bool = False
    """Whether its buyer could cancel it when it was read, by the database's clock."""

    @property
    def actions(self) -> tuple[OrderAction, ...]:
        """What the buyer may do now; the cart is as it was when an order came to nothing."""
        if self.can_cancel:
            return (OrderAction.CANCEL,)
        return (OrderAction.CHECKOUT_AGAIN,) if self.status in UNPAID_ENDS else ()


def new_number() -> str:
    """A fresh order number of 40 random bits, as `B-7K3Q-9F2M`."""
    letters = "".join(secrets.choice(_CROCKFORD) for _ in range(8))
    return f"B-{letters[:4]}-{letters[4:]}"


def read_number(text: str) -> str | None:
    """An order number as people type it, in the form of `new_number`; None where it is none."""
    letters = text.upper().translate(_MISREAD)
    if len(letters) != 9 or not set(letters) <= set(_CROCKFORD):
        return None
    return f"{letters[0]}-{letters[1:5]}-{letters[5:]}"


# --- the cart ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """A listing as it stands now: `available` copies at `price`; nothing can be bought of a withdrawn one."""

    listing_id: UUID
    isbn: str
    seller_id: UUID
    owner_id: str
    grade: Grade
    price: Money
    available: int
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class CartLine:
    """Copies that a buyer means to buy at `unit_price`, the price seen; `offer` is the listing now, None if unknown."""

    listing_id: UUID
    quantity: int
    isbn: str
    title: str | None
    unit_price: Money
    offer: Offer | None

    @property
    def available(self) -> int:
        """How many copies can be bought now."""
        return 0 if self.offer is None or self.offer.withdrawn else self.offer.available

    @property
    def price(self) -> Money | None:
        """What a copy costs now, None where the offer is gone."""
        return None if self.offer is None or self.offer.withdrawn else self.offer.price


@dataclass(frozen=True, slots=True)
class Cart:
    """What a buyer means to buy, at the prices seen, and what stands in the way."""

    buyer_id: str
    version: int
    lines: tuple[CartLine, ...]
    total: Money
    problems: tuple[Problem, ...] = ()


def problems_with(buyer_id: str, line: CartLine) -> list[Problem]:
    """What keeps a buyer from buying a line of the cart."""
    listing_id, offer = line.listing_id, line.offer
    if offer is None or offer.withdrawn:
        return [OfferGone(listing_id=listing_id)]
    problems: list[Problem] = []
    if offer.owner_id == buyer_id:
        problems.append(OwnBook(listing_id=listing_id))
    if offer.price != line.unit_price:
        problems.append(PriceChanged(listing_id=listing_id, seen=line.unit_price, current=offer.price))
    if offer.available < line.quantity:
        problems.append(OutOfStock(listing_id=listing_id, wanted=line.quantity, available=offer.available))
    return problems


# --- stock ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldLine:
    """Copies to hold of a listing, if they still cost `unit_price`."""

    listing_id: UUID
    quantity: int
    unit_price: Money


class ShortageReason(StrEnum):
    """Why copies could not be held."""

    SHORT = "SHORT"
    PRICE_CHANGED = "PRICE_CHANGED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Shortage:
    """A listing that could not be held; `price` is the current one, where there is one."""

    listing_id: UUID
    wanted: int
    available: int
    price: Money | None
    reason: ShortageReason


def problems_of(shortages: Sequence[Shortage], lines: Sequence[HoldLine]) -> tuple[Problem, ...]:
    """What the buyer is told of a hold that came to nothing."""
    seen = {line.listing_id: line.unit_price for line in lines}
    return tuple(_problem_of(shortage, seen[shortage.listing_id]) for shortage in shortages)


def _problem_of(shortage: Shortage, seen: Money) -> Problem:
    listing_id = shortage.listing_id
    if shortage.reason is ShortageReason.SHORT:
        return OutOfStock(listing_id=listing_id, wanted=shortage.wanted, available=shortage.available)
    if shortage.reason is ShortageReason.PRICE_CHANGED and shortage.price is not None:
        return PriceChanged(listing_id=listing_id, seen=seen, current=shortage.price)
    return OfferGone(listing_id=listing_id)
