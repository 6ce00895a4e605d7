"""What may be asked for once an order is placed: to cancel it, to give money back, to try that again."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from domains.orders.commands import KEY_LENGTH, fault_of, stored_key
from domains.orders.model import LINE_QUANTITY
from kernel.errors import InvalidField
from kernel.money import Money

REASON_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Undo an order: its buyer's wish, or an operator's, who may do so later and says why."""

    viewer_id: str
    order_id: UUID
    reason: str = ""
    operator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLine:
    """So many copies of one line of an order."""

    order_line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Give money of a paid order back: all that is left; the price of these lines; or an amount, shared over them.

    `restock` puts the copies back on the shelf: of these lines, or of the whole order.
    """

    operator_id: str
    order_id: UUID
    idempotency_key: str
    reason: str
    lines: tuple[RefundLine, ...] = ()
    amount: Money | InvalidField | None = None
    restock: bool = False

    @property
    def key(self) -> str:
        """The idempotency key as it is stored."""
        return stored_key(self.idempotency_key)

    @property
    def fingerprint(self) -> str:
        """The same for the same request, whatever its key: a SHA-256 in hex."""
        lines = sorted((str(line.order_line_id), line.quantity) for line in self.lines)
        amount = (self.amount.minor, self.amount.currency) if isinstance(self.amount, Money) else None
        request = (str(self.order_id), self.reason.strip(), lines, amount, self.restock)
        return sha256(repr(request).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRefund:
    """Try a refund again that the provider would not make."""

    operator_id: str
    refund_id: UUID


def cancellation_problem(command: CancelOrder) -> InvalidField | None:
    """What is wrong with a cancellation, whatever the order is."""
    return _reason_problem(command.reason, required=command.operator)


def refund_problem(command: RefundOrder, *, currency: str) -> InvalidField | None:
    """What is wrong with a refund, whatever the order is."""
    if fault := fault_of(command.idempotency_key, KEY_LENGTH):
        return InvalidField(path=("input", "idempotencyKey"), reason=f"The idempotency key {fault}.")
    if problem := _reason_problem(command.reason, required=True):
        return problem
    named = [line.order_line_id for line in command.lines]
    for place, line in enumerate(command.lines):
        path = ("input", "lines", str(place))
        if not 1 <= line.quantity <= LINE_QUANTITY:
            return InvalidField(path=(*path, "quantity"), reason=f"The quantity is not between 1 and {LINE_QUANTITY}.")
        if line.order_line_id in named[:place]:
            return InvalidField(path=(*path, "lineId"), reason="This line is named twice.")
    return _amount_problem(command, currency)


def _amount_problem(command: RefundOrder, currency: str) -> InvalidField | None:
    amount = command.amount
    if isinstance(amount, InvalidField):
        return amount
    if amount is None:
        return None
    if amount.currency != currency:
        path = ("input", "amount", "currency")
        return InvalidField(path=path, reason=f"This marketplace trades in {currency} alone.")
    if amount.minor <= 0:
        return InvalidField(path=("input", "amount"), reason="The amount is not more than 0.")
    if command.restock and not command.lines:
        return InvalidField(path=("input", "restock"), reason="Say of which lines the copies go back on the shelf.")
    return None


def _reason_problem(reason: str, *, required: bool) -> InvalidField | None:
    fault = fault_of(reason, REASON_LENGTH, required=required)
    return InvalidField(path=("input", "reason"), reason=f"The reason {fault}.") if fault else None
