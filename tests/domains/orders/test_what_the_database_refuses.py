"""Whatever the program did wrong, the database itself refuses orders and money that cannot be."""

import pytest
from sqlalchemy import literal, select, text, update

from domains.orders import OrderStatus, PaymentStatus, RefundStatus
from domains.orders.tables import orders, payments, refund_lines, refunds
from kernel.columns import in_seconds, now
from kernel.database import ConstraintViolated, Statement
from kernel.ids import new_id
from tests.domains.orders.shop import Shop, euros

MONEY = payments.c
CANCELLATION = refunds.c.cause == "CANCELLATION"


def again(**changes: object) -> Statement[None]:
    """The cancellation's refund a second time, but for these changes."""
    columns = [column for column in refunds.columns if column.name != "id"]
    values = [changes.get(column.name, column) for column in columns]
    return Statement(
        refunds.insert().from_select(
            ["id", *(column.name for column in columns)],
            select(literal(new_id(), refunds.c.id.type), *values).where(CANCELLATION),
        )
    )


WRONG: dict[str, tuple[Statement[None], str]] = {
    "more on its way back than was taken": (
        Statement(update(payments).values(refunding=MONEY.captured + 1)),
        "ck_payments_refunds",
    ),
    "more back than was taken": (
        Statement(update(payments).values(refunding=0, refunded=MONEY.captured + 1)),
        "ck_payments_refunds",
    ),
    "less back than nothing": (Statement(update(payments).values(refunded=-1)), "ck_payments_refunds"),
    "a refund of nothing": (Statement(update(refunds).values(amount=0)), "ck_refunds_amount"),
    "a done refund without its time": (
        Statement(update(refunds).values(status=RefundStatus.DONE, next_at=None)),
        "ck_refunds_done",
    ),
    "a failed refund without a code": (
        Statement(update(refunds).values(status=RefundStatus.FAILED, next_at=None)),
        "ck_refunds_failed",
    ),
    "a refund that waits for nothing": (Statement(update(refunds).values(next_at=None)), "ck_refunds_pending"),
    "a done refund that is due": (
        Statement(update(refunds).values(status=RefundStatus.DONE, done_at=now())),
        "ck_refunds_pending",
    ),
    "an operator's refund of nobody": (
        Statement(update(refunds).where(CANCELLATION).values(cause="OPERATOR")),
        "ck_refunds_operator",
    ),
    "a second cancellation": (again(), "uq_refunds_once"),
    "a share of less than nothing": (Statement(update(refund_lines).values(amount=-1)), "ck_refund_lines_share"),
    "a paid order without a time": (Statement(update(orders).values(paid_at=None)), "ck_orders_paid"),
    "a cancelled order without a reason": (
        Statement(update(orders).values(cancel_reason=None)),
        "ck_orders_cancelled",
    ),
    "an unpaid order whose money is taken": (
        Statement(update(orders).values(status=OrderStatus.PENDING, paid_at=None)),
        "ck_orders_pending",
    ),
    "a paid order whose payment is open": (
        Statement(update(orders).values(payment_status=PaymentStatus.PENDING)),
        "ck_orders_pending",
    ),
    "an action for a payment that is made": (
        Statement(update(orders).values(next_action={"url": None}, action_deadline=in_seconds(60))),
        "ck_orders_next_action",
    ),
    "copies to release of a paid order": (
        Statement(update(orders).values(release_reason="EXPIRED")),
        "ck_orders_release",
    ),
    "an order for less than nothing": (Statement(update(orders).values(total=-1)), "ck_orders_total"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_cannot_be_is_refused(shop: Shop, wrong: str) -> None:
    order = await shop.paid_order()
    await shop.refund(order, amount=euros(100))
    await shop.cancel(order)
    statement, constraint = WRONG[wrong]
    with pytest.raises(ConstraintViolated) as refusal:
        await shop.database.write(statement)
    assert refusal.value.constraint.startswith(constraint)
    assert await shop.money(order) == (1250, 1250, 0)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE orders SET status = 'LOST'", "ck_orders_"),
        ("UPDATE orders SET payment_status = 'LOST'", "ck_orders_"),
        ("UPDATE refunds SET cause = 'WHIM'", "ck_refunds_cause"),
        ("UPDATE refunds SET status = 'LOST'", "ck_refunds_"),
    ],
)
async def test_states_that_do_not_exist_are_refused(shop: Shop, statement: str, constraint: str) -> None:
    await shop.cancel(await shop.paid_order())
    with pytest.raises(ConstraintViolated) as refusal:
        await shop.database.write(Statement(text(statement)))
    assert refusal.value.constraint.startswith(constraint)
