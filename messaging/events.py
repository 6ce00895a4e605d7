"""Every integration event, in sections by the domain that owns it.

Field names are snake_case here and PascalCase on the wire (`order_id` is `OrderId`). Fields are only ever added, with a
default; a breaking change is a new event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import model_validator

from kernel.books import Grade
from messaging.event import Amount, Event, Moment, Part

# --- shared parts -----------------------------------------------------------------------------------------------


class _Graded(Part):
    """A copy's condition: `New` or `Used` for readers of the first wire format, and the exact `Grade`.

    The grade decides; a payload that has the condition alone is read as the grade that fits it best.
    """

    grade: Grade = Grade.GOOD
    condition: Literal["New", "Used"] = "Used"

    @model_validator(mode="before")
    @classmethod
    def _grade_and_condition_agree(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        grade = data.get("grade") or data.get("Grade") or (Grade.NEW if data.get("Condition") == "New" else Grade.GOOD)
        rest = {name: value for name, value in data.items() if name not in {"Grade", "Condition"}}
        return {**rest, "grade": grade, "condition": "New" if grade == Grade.NEW else "Used"}


class OrderItem(_Graded):
    """One line of an order as it was bought."""

    order_item_id: UUID
    book_isbn: str
    seller_id: UUID
    quantity: int
    unit_price: Amount
    listing_id: UUID
    title: str = ""


# --- orders -----------------------------------------------------------------------------------------------------


class OrderCreated(Event, owner="orders", aggregate="order_id"):
    """An order was paid and so exists for the outside world."""

    order_id: UUID
    customer_id: str
    order_date: Moment
    total_amount: Amount
    payment_status: str
    paid_date: Moment | None
    order_items: tuple[OrderItem, ...]
    currency: str = "EUR"
    number: str = ""


class OrderPaid(Event, owner="orders", aggregate="order_id"):
    """The buyer's money is taken: held stock may leave the shelf."""

    order_id: UUID
    customer_id: str
    total_amount: Amount
    paid_date: Moment
    order_items: tuple[OrderItem, ...]
    currency: str = "EUR"
    number: str = ""
    customer_email: str | None = None


class OrderPaymentFailed(Event, owner="orders", aggregate="order_id"):
    """The payment provider refused the charge; nothing is held any more."""

    order_id: UUID
    customer_id: str
    customer_email: str | None = None
    number: str = ""
    reason: str = ""


class LostLine(Part):
    """Copies of a cancelled order that are not for sale again: they were refunded before, and not put back."""

    listing_id: UUID
    quantity: int


class OrderCancelled(Event, owner="orders", aggregate="order_id"):
    """A paid order is undone: stock goes back, sales are reversed, the money is returned."""

    order_id: UUID
    customer_id: str
    customer_email: str | None = None
    number: str = ""
    reason: str = ""
    order_items: tuple[OrderItem, ...]
    refund_amount: Amount
    currency: str = "EUR"
    lost: tuple[LostLine, ...] = ()


class RefundedLine(Part):
    """What was returned for one line of an order; `restock` puts its quantity back on the shelf."""

    order_item_id: UUID
    listing_id: UUID
    seller_id: UUID
    quantity: int
    amount: Amount
    restock: bool = False


class OrderRefunded(Event, owner="orders", aggregate="order_id"):
    """Money of a paid order went back to the buyer."""

    order_id: UUID
    customer_id: str
    customer_email: str | None = None
    number: str = ""
    refund_id: UUID
    amount: Amount
    currency: str = "EUR"
    lines: tuple[RefundedLine, ...] = ()


class TimelineEntry(Part):
    """One step of an order's way: when, what, in which domain, and a detail for people."""

    at: Moment
    event: str
    domain: str
    detail: str | None = None


class OrderUpdated(Event, owner="orders", aggregate="order_id"):
    """Anything about an order changed; for those who watch it."""

    order_id: UUID
    customer_id: str
    seller_ids: tuple[UUID, ...] = ()
    version: int
    status: str
    payment_status: str
    settled: bool
    entry: TimelineEntry | None = None


# --- inventory --------------------------------------------------------------------------------------------------


class StockOfSeller(_Graded):
    """One listing of a book that can be bought: `quantity` counts copies that are neither sold nor held."""

    seller_id: UUID
    price: Amount
    quantity: int
    location: str = ""
    listing_id: UUID


class BookStockUpdated(Event, owner="inventory", aggregate="book_isbn"):
    """What can be bought of a book, over all sellers; prices are null when nothing is left."""

    book_isbn: str
    total_stock: int
    available_sellers: int
    min_price: Amount | None = None
    max_price: Amount | None = None
    average_price: Amount | None = None
    updated_at: Moment
    sellers: tuple[StockOfSeller, ...] = ()
    version: int
    currency: str = "EUR"


class StockItemChanged(Event, owner="inventory", aggregate="listing_id"):
    """A listing's count changed: `available` is on hand minus held, 0 when withdrawn."""

    listing_id: UUID
    book_isbn: str
    seller_id: UUID
    on_hand: int
    held: int
    available: int
    version: int
    cause: str = ""


class DeductedLine(Part):
    """Copies that left the shelf, and how many of the listing are left on it."""

    listing_id: UUID
    quantity: int
    remaining_on_hand: int


class StockDeducted(Event, owner="inventory", aggregate="order_id"):
    """An order's copies left the shelf for good."""

    order_id: UUID
    lines: tuple[DeductedLine, ...]


class StockShortage(Part):
    """How many copies were wanted of a listing and how many there are."""

    listing_id: UUID
    wanted: int
    available: int


class StockDeductionFailed(Event, owner="inventory", aggregate="order_id"):
    """A paid order's copies are gone: the order has to be undone."""

    order_id: UUID
    shortages: tuple[StockShortage, ...]


class ReleasedLine(Part):
    """Copies that went back on the shelf."""

    listing_id: UUID
    quantity: int


class StockReleased(Event, owner="inventory", aggregate="order_id"):
    """An order keeps no copy any more; `lines` are those that went back, none where there were none."""

    order_id: UUID
    lines: tuple[ReleasedLine, ...] = ()
    reason: str = ""


# --- sellers ----------------------------------------------------------------------------------------------------


class _SellerState(Event, aggregate="seller_id"):
    """A seller's full public state and statistics."""

    seller_id: UUID
    owner_id: str = ""
    display_name: str
    email: str | None = None
    books_sold: int = 0
    revenue: Amount = 0
    currency: str = "EUR"
    rating: float | None = None
    version: int


class SellerRegistered(_SellerState, owner="sellers", aggregate="seller_id"):
    """Somebody opened a stall."""


class SellerUpdated(_SellerState, owner="sellers", aggregate="seller_id"):
    """A seller's profile or statistics changed."""


class _ListingState(_Graded, Event, aggregate="listing_id"):
    """A listing's full state."""

    listing_id: UUID
    seller_id: UUID
    owner_id: str
    book_isbn: str
    price: Amount
    currency: str = "EUR"
    location: str = ""
    withdrawn: bool = False
    version: int


class ListingPublished(_ListingState, owner="sellers", aggregate="listing_id"):
    """A seller offers copies of a book."""

    quantity: int


class ListingChanged(_ListingState, owner="sellers", aggregate="listing_id"):
    """A listing's price, grade or location changed."""


class ListingWithdrawn(_ListingState, owner="sellers", aggregate="listing_id"):
    """A listing takes no new buyers; copies that are held are still honoured."""


class _Sale(Event, aggregate="order_id"):
    """One line of an order in its seller's books."""

    order_id: UUID
    seller_id: UUID
    order_item_id: UUID
    quantity: int
    amount: Amount
    currency: str = "EUR"


class SaleRecorded(_Sale, owner="sellers", aggregate="order_id"):
    """A seller's statistics count this line."""


class SaleReversed(_Sale, owner="sellers", aggregate="order_id"):
    """A seller's statistics no longer count this line."""


class BookSold(Event, owner="sellers", aggregate="listing_id"):
    """The last copy of a listing was sold."""

    listing_id: UUID
    seller_id: UUID
    book_isbn: str
    order_id: UUID
    buyer_id: str
    sold_date: Moment


# --- catalog ----------------------------------------------------------------------------------------------------


class _BookState(Event, aggregate="book_isbn"):
    """A book's full bibliographic state."""

    book_isbn: str
    title: str
    authors: tuple[str, ...]
    year: int | None = None
    language: str | None = None
    version: int


class BookAdded(_BookState, owner="catalog", aggregate="book_isbn"):
    """A book is known to the catalogue, so it can be listed."""


class BookChanged(_BookState, owner="catalog", aggregate="book_isbn"):
    """A book's title, authors, year or language were corrected."""


# --- notifications ----------------------------------------------------------------------------------------------


class NotificationKind(StrEnum):
    """Why somebody is written to."""

    ORDER_PAID = "ORDER_PAID"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_REFUNDED = "ORDER_REFUNDED"
    COPY_SOLD = "COPY_SOLD"
    SALE_CANCELLED = "SALE_CANCELLED"
    LISTING_SOLD_OUT = "LISTING_SOLD_OUT"


class _Notice(Event, aggregate="notification_id"):
    """A message to one recipient; `sequence` counts a recipient's messages without gaps."""

    notification_id: UUID
    recipient_id: str
    kind: NotificationKind
    subject: str = ""
    order_id: UUID | None = None
    sequence: int = 0


class NotificationCreated(_Notice, owner="notifications", aggregate="notification_id"):
    """A message was written and can be read; its mail follows."""


class NotificationSkipped(_Notice, owner="notifications", aggregate="notification_id"):
    """The recipient wants no such message on any channel."""


class _Delivery(Event, aggregate="notification_id"):
    """What became of a message on one channel."""

    notification_id: UUID
    recipient_id: str
    kind: NotificationKind
    channel: str
    order_id: UUID | None = None
    reason: str | None = None


class NotificationSent(_Delivery, owner="notifications", aggregate="notification_id"):
    """A message was handed to its channel."""


class NotificationFailed(_Delivery, owner="notifications", aggregate="notification_id"):
    """A message could not be handed to its channel and will not be tried again."""
