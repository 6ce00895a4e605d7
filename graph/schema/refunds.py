"""Refunds: money of an order that goes back, or should, and what it was given back for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from domains import orders
from domains.orders import RefundCause, RefundStatus
from graph.context import Info
from graph.loaders import OrderKey
from graph.nodes import encode_id
from graph.schema.scalars import Money
from graph.sizes import LINES, about

if TYPE_CHECKING:
    from graph.schema.orders import Order


@strawberry.type(description="What a refund gives back for one line of its order.")
class RefundedLine:
    line_id: strawberry.ID = strawberry.field(description="The id of the order's line.")
    quantity: int = strawberry.field(
        description="How many of its copies; 0 where money alone goes back and the buyer keeps them."
    )
    amount: Money = strawberry.field(description="How much of the refund's amount.")
    restock: bool = strawberry.field(description="Whether the copies can be bought again.")

    @classmethod
    def of(cls, line: orders.RefundedLine) -> Self:
        """A line of a refund."""
        return cls(
            line_id=strawberry.ID(encode_id("OrderLine", line.order_line_id)),
            quantity=line.quantity,
            amount=Money.of(line.amount),
            restock=line.restock,
        )


@strawberry.type(description="Money of an order that goes back to its buyer.")
class Refund:
    id: strawberry.ID = strawberry.field(description="Its id, for `retryRefund`.")
    cause: RefundCause = strawberry.field(description="What it goes back for.")
    status: RefundStatus = strawberry.field(description="Whether it is back.")
    amount: Money = strawberry.field(description="How much.")
    reason: str | None = strawberry.field(description="Why, in the words of whoever asked for it.")
    asked_at: datetime = strawberry.field(description="When it was asked for.")
    done_at: datetime | None = strawberry.field(description="When the money was on its way; null until then.")
    attempts: int = strawberry.field(description="How often the payment provider was asked.")
    failure_code: str | None = strawberry.field(
        description="Why the payment provider will not do it, in its own code; null unless it failed."
    )
    lines: list[RefundedLine] = strawberry.field(
        description="Line by line; empty where the whole order is undone.", metadata=about(LINES)
    )
    refund: strawberry.Private[orders.Refund]

    @strawberry.field(description="The order that it belongs to.")
    async def order(self, info: Info) -> Annotated[Order, strawberry.lazy("graph.schema.orders")] | None:
        from graph.schema.orders import Order, parts_asked

        order = await info.context.loaders.orders.load(OrderKey(self.refund.order_id, parts_asked(info)))
        return None if order is None else Order.of(order)

    @classmethod
    def of(cls, refund: orders.Refund) -> Self:
        """A refund of the orders' domain."""
        return cls(
            id=strawberry.ID(encode_id("Refund", refund.id)),
            cause=refund.cause,
            status=refund.status,
            amount=Money.of(refund.amount),
            reason=refund.reason or None,
            asked_at=refund.asked_at,
            done_at=refund.done_at,
            attempts=refund.attempts,
            failure_code=refund.failure_code,
            lines=[RefundedLine.of(line) for line in refund.lines],
            refund=refund,
        )
