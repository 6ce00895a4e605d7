"""What can stand in the way of filling a cart, of buying what is in it, and of undoing that."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from kernel.errors import Problem
from kernel.money import Money


class CartEmpty(Problem):
    """There is nothing in the cart."""

    code = "CART_EMPTY"


class AmountMismatch(Problem):
    """The amount that the buyer agreed to is not the cart's total."""

    code = "AMOUNT_MISMATCH"
    path: tuple[str, ...] = ("input", "amount")
    agreed: Money
    total: Money


class OutOfStock(Problem):
    """There are fewer copies than wanted."""

    code = "OUT_OF_STOCK"
    listing_id: UUID
    wanted: int
    available: int


class PriceChanged(Problem):
    """The price is no longer the one that was seen: set the cart's line again to accept the new one."""

    code = "PRICE_CHANGED"
    listing_id: UUID
    seen: Money
    current: Money


class OfferGone(Problem):
    """The offer does not exist, or no more."""

    code = "OFFER_GONE"
    listing_id: UUID


class OwnBook(Problem):
    """Nobody buys their own books."""

    code = "OWN_BOOK"
    listing_id: UUID


class PaymentDeclined(Problem):
    """The payment was not taken: choose another way to pay, or try again."""

    code = "PAYMENT_DECLINED"
    path: tuple[str, ...] = ("input", "paymentMethod")
    reason_code: str


class OrderNotFound(Problem):
    """There is no such order."""

    code = "ORDER_NOT_FOUND"
    path: tuple[str, ...] = ("input", "orderId")


class CannotCancel(Problem):
    """The order cannot be cancelled."""

    code = "CANNOT_CANCEL"
    path: tuple[str, ...] = ("input", "orderId")
    reason: str

    @property
    def message(self) -> str:
        return self.reason


class CannotRefund(Problem):
    """There is no money of this order to give back."""

    code = "CANNOT_REFUND"
    path: tuple[str, ...] = ("input", "orderId")
    reason: str

    @property
    def message(self) -> str:
        return self.reason


class RefundTooHigh(Problem):
    """More is asked for than is left of what was paid."""

    code = "REFUND_TOO_HIGH"
    path: tuple[str, ...] = ("input",)
    asked: Money
    left: Money


class RefundNotFound(Problem):
    """There is no such refund."""

    code = "REFUND_NOT_FOUND"
    path: tuple[str, ...] = ("input", "refundId")


_STORED: dict[str, TypeAdapter[Any]] = {
    kind.code: TypeAdapter(kind) for kind in (OutOfStock, PriceChanged, OfferGone, PaymentDeclined)
}
"""What can stand in the way after an order was placed, and so belongs to the stored answer of an attempt."""


def to_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Problems as they are stored."""
    return [{"code": one.code, **_STORED[one.code].dump_python(one, mode="json")} for one in problems]


def from_json(stored: Iterable[dict[str, Any]]) -> tuple[Problem, ...]:
    """Stored problems as they were."""
    return tuple(_STORED[one["code"]].validate_python(one) for one in stored)
