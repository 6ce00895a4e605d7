"""Refunds: what they are, how much each line's share is, and where they leave the money of an order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domains.orders.model import PaymentStatus
from kernel.money import Money

FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3600


class RefundCause(StrEnum):
    """Why money goes back."""

    CANCELLATION = "CANCELLATION"
    LATE_CHARGE = "LATE_CHARGE"
    OPERATOR = "OPERATOR"


class RefundStatus(StrEnum):
    """How far a refund has come."""

    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """A refund's share of one line: `quantity` copies are given back, 0 where only their price is reduced."""

    order_line_id: UUID
    quantity: int
    amount: Money
    restock: bool


@dataclass(frozen=True, slots=True)
class Refund:
    """Money of an order on its way back; a FAILED one keeps its amount until an operator has it tried again.

    `lines` are those of an operator's refund: a cancellation and a late charge concern the whole order.
    """

    id: UUID
    order_id: UUID
    cause: RefundCause
    status: RefundStatus
    amount: Money
    reason: str
    asked_at: datetime
    done_at: datetime | None
    failure_code: str | None
    attempts: int
    lines: tuple[RefundedLine, ...] = ()
    retries: int = 0
    """How often an operator had it tried again."""


def shares_of(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount in shares by weight, the largest remainders rounded up; no share exceeds its weight if the amount
    does not exceed their sum.
    """
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in by_remainder[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def payment_status_of(refunds: Iterable[RefundStatus], *, captured: int, refunded: int) -> PaymentStatus:
    """Where the money of an order with these refunds is."""
    known = set(refunds)
    if RefundStatus.FAILED in known:
        return PaymentStatus.REFUND_FAILED
    if RefundStatus.PENDING in known:
        return PaymentStatus.REFUND_PENDING
    if not known:
        return PaymentStatus.CAPTURED
    return PaymentStatus.REFUNDED if refunded == captured else PaymentStatus.PARTLY_REFUNDED


def pause_seconds(attempts: int, luck: float) -> int:
    """How long after so many attempts a refund is tried again; `luck` (0 to 1) spreads them."""
    longest = min(FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)
    return round(longest * (0.5 + luck / 2))
