"""What an operator's refund comes to: how many copies and how much money of each line, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from domains.orders.errors import CannotRefund, RefundTooHigh
from domains.orders.model import OrderLine
from domains.orders.refund import Refund, RefundedLine, shares_of
from domains.orders.refund_commands import RefundOrder
from kernel.errors import InvalidField
from kernel.money import Money

_NOTHING_LEFT = CannotRefund(reason="All of the order's money is back or on its way back.")
_COSTS_NOTHING = CannotRefund(reason="These lines cost nothing.")


@dataclass(frozen=True, slots=True)
class LineLeft:
    """What of an order's line was not given back yet: copies, and minor units."""

    id: UUID
    unit_price: int
    quantity: int
    amount: int


def lines_left(lines: Iterable[OrderLine], refunds: Iterable[Refund]) -> list[LineLeft]:
    """The lines without what these refunds took of them; a refund that failed keeps what it reserved."""
    taken = [share for refund in refunds for share in refund.lines]
    left = []
    for line in lines:
        shares = [share for share in taken if share.order_line_id == line.id]
        quantity = line.quantity - sum(share.quantity for share in shares)
        amount = line.unit_price.minor * line.quantity - sum(share.amount.minor for share in shares)
        left.append(LineLeft(line.id, line.unit_price.minor, quantity, amount))
    return left


def plan(
    command: RefundOrder, left: Sequence[LineLeft], currency: str
) -> tuple[RefundedLine, ...] | CannotRefund | RefundTooHigh | InvalidField:
    """Each line's share of a refund that has no problem of its own."""
    if not any(line.amount for line in left):
        return _NOTHING_LEFT
    by_id = {line.id: line for line in left}
    for place, line in enumerate(command.lines):
        if line.order_line_id not in by_id:
            path = ("input", "lines", str(place), "lineId")
            return InvalidField(path=path, reason="The order has no such line.")
    chosen = [by_id[line.order_line_id] for line in command.lines] or list(left)
    available = sum(line.amount for line in chosen)
    if isinstance(command.amount, Money) and command.amount.minor > available:
        return RefundTooHigh(asked=command.amount, left=Money(available, currency))
    shares = _shares(command, chosen)
    for share, line in zip(shares, chosen, strict=True):
        if share > line.amount:
            return RefundTooHigh(asked=Money(share, currency), left=Money(line.amount, currency))
    for place, line in enumerate(command.lines):
        if line.quantity > (copies := by_id[line.order_line_id].quantity):
            path = ("input", "lines", str(place), "quantity")
            return InvalidField(path=path, reason=f"Of this line {copies} of its copies can still be given back.")
    if not sum(shares):
        return _COSTS_NOTHING
    returned = [
        RefundedLine(line.id, quantity, Money(share, currency), restock=command.restock and quantity > 0)
        for line, quantity, share in zip(chosen, _quantities(command, chosen), shares, strict=True)
    ]
    return tuple(line for line in returned if line.quantity or line.amount.minor)


def _shares(command: RefundOrder, chosen: Sequence[LineLeft]) -> list[int]:
    if isinstance(command.amount, Money):
        return shares_of(command.amount.minor, [line.amount for line in chosen])
    if command.lines:
        return [line.unit_price * wanted.quantity for line, wanted in zip(chosen, command.lines, strict=True)]
    return [line.amount for line in chosen]


def _quantities(command: RefundOrder, chosen: Sequence[LineLeft]) -> list[int]:
    """Copies are given back of the named lines, or of all when all the money goes back."""
    if command.lines:
        return [line.quantity for line in command.lines]
    return [0 if command.amount else line.quantity for line in chosen]
