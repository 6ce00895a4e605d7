"""What can become of paying for an order, and what that does to the order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domains.orders.model import UNPAID_ENDS, OrderStatus
from kernel.errors import Problem


@dataclass(frozen=True, slots=True)
class Captured:
    """The provider has the money; `reference` is its own name of the charge."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will not take the money: a stable code, and a sentence for logs."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows yet whether the money is taken: ask again later."""


@dataclass(frozen=True, slots=True)
class NotCharged:
    """The provider knows no charge of the order; after a void it never will."""


@dataclass(frozen=True, slots=True)
class NotHeld:
    """The stock could not be held, so nothing was charged."""

    problems: tuple[Problem, ...]


Outcome = Captured | Refused | Unknown | NotCharged | NotHeld
"""What became of paying for an order."""


class Decision(StrEnum):
    """What an outcome does to an order."""

    PAY = "PAY"
    END = "END"
    REFUND = "REFUND"
    KEEP = "KEEP"


def decide(status: OrderStatus, outcome: Outcome) -> Decision:
    """The one table of what an outcome does to an order in a state; outcomes may come late and twice."""
    if isinstance(outcome, Unknown):
        return Decision.KEEP
    if status is OrderStatus.PENDING:
        return Decision.PAY if isinstance(outcome, Captured) else Decision.END
    if status in UNPAID_ENDS and isinstance(outcome, Captured):
        return Decision.REFUND
    return Decision.KEEP


def end_of(outcome: Refused | NotCharged | NotHeld, *, charging: bool) -> OrderStatus:
    """Where a PENDING order ends without money; `charging` when the provider may have been asked for it."""
    if isinstance(outcome, NotHeld):
        return OrderStatus.REJECTED
    if isinstance(outcome, NotCharged) and not charging:
        return OrderStatus.EXPIRED
    return OrderStatus.PAYMENT_FAILED
