"""Refunds that operators ask for, once for each idempotency key, and have tried again."""

from __future__ import annotations

from domains.orders import refund_repository, refunds, repository, views
from domains.orders.errors import CannotRefund, OrderNotFound, RefundNotFound, RefundTooHigh
from domains.orders.model import OrderStatus
from domains.orders.refund import Refund, RefundCause
from domains.orders.refund_commands import RefundOrder, RetryRefund, refund_problem
from domains.orders.refund_rules import lines_left, plan
from domains.orders.refunds import WantedRefund
from domains.orders.repository import OrderHead
from kernel.database import Database, Reader, Transaction
from kernel.errors import IdempotencyKeyReused, InvalidField
from kernel.ids import new_id

Refusal = OrderNotFound | CannotRefund | RefundTooHigh | IdempotencyKeyReused | InvalidField

_NOT_PAID = CannotRefund(reason="Nothing was paid for this order.")
_UNDONE = CannotRefund(reason="The order was undone: all of its money is back or on its way back.")


class OperatorRefunds:
    """Gives money of paid orders back."""

    def __init__(self, database: Database, *, currency: str) -> None:
        self._database = database
        self._currency = currency

    async def refund(self, command: RefundOrder) -> Refund | Refusal:
        """Reserve and write down what is asked for, or tell what was written down under the key before."""
        if problem := refund_problem(command, currency=self._currency):
            return problem
        answer = await _earlier(self._database.read(), command)
        answer = answer or await self._database.transact(lambda tx: _ask(tx, command))
        # Nothing was written, but by a twin of the request.
        answer = answer or await _earlier(self._database.read(), command)
        if answer is None:
            raise LookupError("a refund is there and is not")
        return answer

    async def retry(self, command: RetryRefund) -> Refund | RefundNotFound:
        """Have a FAILED refund tried again; any other is told as it is."""
        try:
            await self._database.transact(lambda tx: refunds.try_again(tx, command.refund_id))
        except LookupError:
            return RefundNotFound()
        return await refund_repository.find_refund(self._database.read(), command.refund_id) or RefundNotFound()


async def _earlier(reader: Reader, command: RefundOrder) -> Refund | IdempotencyKeyReused | None:
    """What the operator asked for under this key before."""
    row = await reader.one(refund_repository.FIND_BY_KEY, operator_id=command.operator_id, key=command.key)
    if row is None:
        return None
    if row.fingerprint != command.fingerprint:
        return IdempotencyKeyReused()
    return await refund_repository.find_refund(reader, row.id)


async def _ask(tx: Transaction, command: RefundOrder) -> Refund | Refusal | None:
    head = await repository.lock_order(tx, command.order_id)
    if head is None:
        return OrderNotFound()
    # A twin may have come first while this one waited for the order: what it took is not in the way.
    if answer := await _earlier(tx, command):
        return answer
    if head.status is not OrderStatus.PAID:
        return _UNDONE if (await refund_repository.payment_of(tx, head.id)).captured else _NOT_PAID
    return await _refund(tx, head, command)


async def _refund(tx: Transaction, head: OrderHead, command: RefundOrder) -> Refund | Refusal | None:
    """None if the key was used meanwhile, for another order."""
    before = (await refund_repository.refunds_of(tx, [head.id])).get(head.id, ())
    left = lines_left(await views.lines_of(tx, head.id, head.currency), before)
    shares = plan(command, left, head.currency)
    if not isinstance(shares, tuple):
        return shares
    wanted = WantedRefund(
        id=new_id(),
        cause=RefundCause.OPERATOR,
        amount=sum(share.amount.minor for share in shares),
        reason=command.reason.strip(),
        operator_id=command.operator_id,
        key=command.key,
        fingerprint=command.fingerprint,
        lines=shares,
    )
    written = await refunds.ask_for(tx, head, wanted)
    return await refund_repository.find_refund(tx, wanted.id) if written else None
