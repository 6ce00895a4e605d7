"""Undoing purchases: a buyer cancels, an operator gives money back and tries again what failed."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domains import orders
from graph.auth import Role
from graph.context import Info
from graph.nodes import NotAnId, decode_id
from graph.schema.errors import Error, IdempotencyKeyReused, InvalidField, not_an_id, said
from graph.schema.orders import Order
from graph.schema.refunds import Refund
from graph.schema.scalars import Money, MoneyInput
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.errors import Problem


@strawberry.type(
    description="The order is undone. A paid one is CANCELLED; copies, sales and money go back, and `orderUpdates` "
    "tells of it. One whose payment waited for the buyer is EXPIRED."
)
class OrderCancelled:
    order: Order = strawberry.field(description="The order.")


@strawberry.type(description="A refund is written down; `orderUpdates` tells when its money is back.")
class RefundRequested:
    refund: Refund = strawberry.field(description="The refund.")
    order: Order | None = strawberry.field(description="Its order.")


@strawberry.type(description="There is no such order, or it is not the viewer's.")
class OrderNotFound(Error):
    pass


@strawberry.type(description="The order cannot be cancelled; `message` says why.")
class CannotCancel(Error):
    pass


@strawberry.type(description="There is no money of the order to give back; `message` says why.")
class CannotRefund(Error):
    pass


@strawberry.type(description="More than what is left of the order's money, or of a line's copies.")
class RefundTooHigh(Error):
    asked: Money = strawberry.field(description="How much was asked for.")
    left: Money = strawberry.field(description="How much is left of it.")


@strawberry.type(description="There is no such refund.")
class RefundNotFound(Error):
    pass


CancelOrderResult = Annotated[
    OrderCancelled | OrderNotFound | CannotCancel | InvalidField,
    strawberry.union("CancelOrderResult", description="The cancelled order, or why it stands."),
]
RefundOrderResult = Annotated[
    RefundRequested | OrderNotFound | CannotRefund | RefundTooHigh | IdempotencyKeyReused | InvalidField,
    strawberry.union("RefundOrderResult", description="The refund, or why there is none."),
]
RetryRefundResult = Annotated[
    RefundRequested | RefundNotFound | InvalidField,
    strawberry.union("RetryRefundResult", description="The refund as it is now, or that there is none."),
]


@strawberry.input(description="Which order to cancel.")
class CancelOrderInput:
    order_id: strawberry.ID = strawberry.field(description="The order's global id.")
    reason: str = strawberry.field(
        default="", description="Why, for the order's timeline and for whoever is told. Operators have to give one."
    )


@strawberry.input(description="Copies of one line of an order.")
class RefundLineInput:
    line_id: strawberry.ID = strawberry.field(description="The id of the order's line.")
    quantity: int = strawberry.field(description="How many of its copies.")


@strawberry.input(
    description="What to give back. Without `lines` and `amount` it is all that is left; with `lines` alone it is what "
    "those copies cost."
)
class RefundOrderInput:
    idempotency_key: strawberry.ID = strawberry.field(
        description="A text of your choice for this refund: the same one refunds once, however often it is sent."
    )
    order_id: strawberry.ID = strawberry.field(description="The order's global id.")
    reason: str = strawberry.field(description="Why, for the order's timeline.")
    lines: list[RefundLineInput] | None = strawberry.field(
        default=None, description="For which copies; all if left out."
    )
    amount: MoneyInput | None = strawberry.field(
        default=None, description="How much, where it is not what the copies cost."
    )
    restock: bool = strawberry.field(default=False, description="Whether the copies can be bought again.")


@strawberry.input(description="Which refund to try again.")
class RetryRefundInput:
    refund_id: strawberry.ID = strawberry.field(description="The refund's id.")


@strawberry.type
class UndoingMutation:
    @strawberry.mutation(
        description="Undo an order of the viewer, as long as its `actions` have CANCEL; with the role OPERATOR any "
        "paid order at any time. A cancelled order is answered as it is."
    )
    async def cancel_order(
        self, info: Info, input: Annotated[CancelOrderInput, strawberry.argument(description="Which one.")]
    ) -> CancelOrderResult | None:
        viewer = info.context.require_viewer()
        try:
            order_id = decode_id(input.order_id, "Order")
        except NotAnId as error:
            return InvalidField(**said(not_an_id(error, "input", "orderId")))
        command = orders.CancelOrder(
            viewer_id=viewer.subject, order_id=order_id, reason=input.reason, operator=Role.OPERATOR in viewer.roles
        )
        match await info.context.orders.cancel_order(command):
            case orders.Order() as order:
                return OrderCancelled(order=Order.of(order))
            case orders.CannotCancel() as problem:
                return CannotCancel(**said(problem))
            case orders.OrderNotFound() as problem:
                return OrderNotFound(**said(problem))
            case InvalidFieldProblem() as problem:
                return InvalidField(**said(problem))

    @strawberry.mutation(
        description="Give back money of an order, whole or in part. Needs the role OPERATOR. The refund is carried out "
        "right after the answer, and tried again until the payment provider has taken or refused it."
    )
    async def refund_order(
        self, info: Info, input: Annotated[RefundOrderInput, strawberry.argument(description="What to give back.")]
    ) -> RefundOrderResult | None:
        operator = info.context.require_role(Role.OPERATOR)
        command = _refund_command(operator.subject, input)
        if isinstance(command, InvalidFieldProblem):
            return InvalidField(**said(command))
        outcome = await info.context.orders.refund_order(command)
        return await _requested(info, outcome) if isinstance(outcome, orders.Refund) else _not_refunded(outcome)

    @strawberry.mutation(
        description="Try a refund again that the payment provider refused; any other is left as it is. Needs the role "
        "OPERATOR."
    )
    async def retry_refund(
        self, info: Info, input: Annotated[RetryRefundInput, strawberry.argument(description="Which one.")]
    ) -> RetryRefundResult | None:
        operator = info.context.require_role(Role.OPERATOR)
        try:
            refund_id = decode_id(input.refund_id, "Refund")
        except NotAnId as error:
            return InvalidField(**said(not_an_id(error, "input", "refundId")))
        command = orders.RetryRefund(operator_id=operator.subject, refund_id=refund_id)
        outcome = await info.context.orders.retry_refund(command)
        if isinstance(outcome, orders.Refund):
            return await _requested(info, outcome)
        return RefundNotFound(**said(outcome))


def _refund_command(operator_id: str, input: RefundOrderInput) -> orders.RefundOrder | InvalidFieldProblem:
    """What is asked for, or what of the input names nothing."""
    path = ("input", "orderId")
    lines = list[orders.RefundLine]()
    try:
        order_id = decode_id(input.order_id, "Order")
        for place, line in enumerate(input.lines or ()):
            path = ("input", "lines", str(place), "lineId")
            lines.append(orders.RefundLine(order_line_id=decode_id(line.line_id, "OrderLine"), quantity=line.quantity))
    except NotAnId as error:
        return not_an_id(error, *path)
    if input.lines == []:
        # To the domain no lines are all of them, and a form in which nothing was ticked does not mean that.
        return InvalidFieldProblem(path=("input", "lines"), reason="Name lines, or leave them out to mean all.")
    return orders.RefundOrder(
        operator_id=operator_id,
        order_id=order_id,
        idempotency_key=input.idempotency_key,
        reason=input.reason,
        lines=tuple(lines),
        amount=None if input.amount is None else input.amount.read("input", "amount"),
        restock=input.restock,
    )


async def _requested(info: Info, refund: orders.Refund) -> RefundRequested:
    order = await info.context.orders.find_any_order(id=refund.order_id)
    return RefundRequested(refund=Refund.of(refund), order=None if order is None else Order.of(order))


def _not_refunded(
    problem: Problem,
) -> OrderNotFound | CannotRefund | RefundTooHigh | IdempotencyKeyReused | InvalidField:
    match problem:
        case orders.OrderNotFound():
            return OrderNotFound(**said(problem))
        case orders.CannotRefund():
            return CannotRefund(**said(problem))
        case orders.RefundTooHigh(asked=asked, left=left):
            return RefundTooHigh(**said(problem), asked=Money.of(asked), left=Money.of(left))
        case orders.IdempotencyKeyReused():
            return IdempotencyKeyReused(**said(problem))
        case InvalidFieldProblem():
            return InvalidField(**said(problem))
    raise TypeError(f"{type(problem).__name__} is no problem of a refund")
