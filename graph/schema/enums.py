"""The domains' enums as clients see them: the same members, each with its description."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

import strawberry

from domains.catalog import BookOrder
from domains.notifications import DeliveryStatus, NotificationChannel, NotificationKind, NotificationStatus
from domains.orders import OrderAction, OrderStatus, PaymentStatus, RefundCause, RefundStatus, StuckReason
from graph.auth import Role
from kernel.books import Grade

E = TypeVar("E", bound=type[Enum])


def _show(enum: E, description: str, *, name: str | None = None, **values: str) -> E:
    """Put an enum into the schema; raises ValueError unless exactly its members are described."""
    strawberry.enum(enum, name=name, description=description)
    shown = {value.name: value for value in enum.__strawberry_definition__.values}  # pyright: ignore[reportAttributeAccessIssue]
    if shown.keys() != values.keys():
        raise ValueError(f"{enum.__name__}: members and descriptions differ: {shown.keys() ^ values.keys()}")
    for member, text in values.items():
        shown[member].description = text
    return enum


_show(
    Role,
    "What a viewer may do.",
    BUYER="Buy books. Everybody may.",
    SELLER="Offer books.",
    OPERATOR="Look after the marketplace: add books, see and replay what failed.",
)
_show(
    Grade,
    "The condition of a copy, best first.",
    name="Condition",
    NEW="Never owned.",
    LIKE_NEW="Read once at most, without a trace of it.",
    VERY_GOOD="Read with care; small signs of use.",
    GOOD="Well read; whole and clean.",
    ACCEPTABLE="Worn or marked, but complete and readable.",
)
_show(
    BookOrder,
    "How books are sorted.",
    RELEVANCE="Best match first; without a search, best rated first.",
    TITLE="By title, A to Z.",
    YEAR="Newest first; books of unknown year last.",
    RATING="Best rated first; unrated books last.",
    PRICE="Cheapest offer first; books without an offer last.",
)
_show(
    OrderStatus,
    "How far an order has come.",
    PENDING="The stock is held or about to be, and the payment has no outcome yet.",
    PAID="Paid: the books are the buyer's.",
    REJECTED="Something was out of stock, gone or changed its price. Nothing was charged.",
    PAYMENT_FAILED="The payment was refused. Nothing was charged and nothing is held.",
    EXPIRED="Never paid and given up. Nothing was charged and nothing is held.",
    CANCELLED="Paid and then undone: the books go back and so does the money.",
)
_show(
    PaymentStatus,
    "Where the money of an order is.",
    PENDING="Not taken yet, or its outcome is not known yet.",
    CAPTURED="Taken.",
    FAILED="Not taken.",
    REFUND_PENDING="On its way back to the buyer.",
    PARTLY_REFUNDED="A part of it went back to the buyer.",
    REFUNDED="All of it went back to the buyer.",
    REFUND_FAILED="It should go back and could not; an operator looks after it.",
)
_show(
    OrderAction,
    "What the viewer may do with an order now.",
    CHECKOUT_AGAIN="Try to buy the cart again: it is as it was.",
    CANCEL="Have it undone: the money goes back.",
)
_show(
    StuckReason,
    "What of an order is late.",
    PAYMENT="Its payment has no outcome though its time is over: the payment provider does not say, or nobody asks it.",
    HOLD="It came to nothing, and the copies that it holds are not given back.",
    REPORTS="It has ended, and another part of the marketplace has not reported what it did about it.",
)
_show(
    RefundCause,
    "What money goes back for.",
    CANCELLATION="The order was cancelled.",
    LATE_CHARGE="The money came after the order had ended without it.",
    OPERATOR="An operator gave it back.",
)
_show(
    RefundStatus,
    "Whether the money of a refund is back.",
    PENDING="The payment provider is about to be asked, or will be asked again.",
    DONE="It is on its way to the buyer.",
    FAILED="The payment provider will not do it; an operator looks after it.",
)
_show(
    NotificationKind,
    "Why somebody is written to.",
    ORDER_PAID="To the buyer: the order is paid.",
    PAYMENT_FAILED="To the buyer: the payment was refused.",
    ORDER_CANCELLED="To the buyer: the order is cancelled.",
    ORDER_REFUNDED="To the buyer: money went back.",
    COPY_SOLD="To the seller: copies were sold.",
    SALE_CANCELLED="To the seller: a sale was undone.",
    LISTING_SOLD_OUT="To the seller: the last copy of a listing was sold.",
)
_show(
    NotificationChannel,
    "How a message reaches somebody.",
    IN_APP="Within the marketplace: the list of notifications and the subscription.",
    MAIL="By e-mail.",
)
_show(
    DeliveryStatus,
    "What became of a message on one channel.",
    PENDING="It is about to be handed over, or will be tried again.",
    SENT="It was handed over.",
    FAILED="It could not be handed over and will not be tried again.",
)
_show(
    NotificationStatus,
    "What became of a message over all its channels.",
    PENDING="A channel is still to come.",
    SENT="Every channel took it.",
    FAILED="A channel could not take it.",
)
