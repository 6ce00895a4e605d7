"""What can become of paying for an order, and what that does to the order."""

from __future__ import annotations

from collections.abc import Mapping
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
class ActionRequired:
    """The buyer has to do something first (3-D Secure): with the secret in the provider's script, or at `url`."""

    client_secret: str | None = None
    url: str | None = None


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


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Somebody gave the order up before it was paid, and the provider has promised to take nothing for it."""

    reason: str


Outcome = Captured | Refused | ActionRequired | Unknown | NotCharged | NotHeld | GivenUp
"""What became of paying for an order."""
Ending = Refused | NotCharged | NotHeld | GivenUp
"""What ends a PENDING order without money."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The provider can be asked for the money by this reference, its own name of the charge; none is taken yet."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """The money of a refund is on its way back to the buyer."""


@dataclass(frozen=True, slots=True)
class RefundRefused:
    """The provider will not give the money back, now or later: a stable code, and a sentence for logs."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RefundReturned:
    """The money of a refund came back, also after it was done: a stable code, and a sentence for logs.

    For whoever has just looked the refund up at the provider: unlike a refusal, which may be old, it undoes what is
    done. `retry` is the one at which the refund was made that came back.
    """

    code: str
    message: str
    retry: int = 0


RefundOutcome = Refunded | RefundRefused | RefundReturned
"""What became of a refund."""


class Decision(StrEnum):
    """What an outcome does to an order."""

    PAY = "PAY"
    END = "END"
    REFUND = "REFUND"
    WAIT = "WAIT"
    KEEP = "KEEP"


def decide(status: OrderStatus, outcome: Outcome) -> Decision:
    """The one table of what an outcome does to an order in a state; outcomes may come late and twice."""
    if isinstance(outcome, Unknown):
        return Decision.KEEP
    if status is OrderStatus.PENDING:
        return _OF_PENDING.get(type(outcome), Decision.END)
    if status in UNPAID_ENDS and isinstance(outcome, Captured):
        return Decision.REFUND
    return Decision.KEEP


_OF_PENDING: Mapping[type[Outcome], Decision] = {Captured: Decision.PAY, ActionRequired: Decision.WAIT}
"""What ends no PENDING order."""


def end_of(outcome: Ending, *, charging: bool) -> OrderStatus:
    """Where a PENDING order ends without money; `charging` when the provider may have been asked for it."""
    if isinstance(outcome, NotHeld):
        return OrderStatus.REJECTED
    if isinstance(outcome, GivenUp):
        return OrderStatus.EXPIRED
    if isinstance(outcome, NotCharged) and not charging:
        return OrderStatus.EXPIRED
    return OrderStatus.PAYMENT_FAILED
