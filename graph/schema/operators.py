"""The operators' desk: anybody's orders, refunds and deliveries that failed for good, and events that wait."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Self
from uuid import UUID

import strawberry

from domains import inventory, orders
from domains.orders import StuckReason
from graph import ports
from graph.auth import Role
from graph.context import Info
from graph.nodes import encode_id
from graph.schema.catalog import Offer, find_offer
from graph.schema.connections import After, Connection, First, connect, page_request
from graph.schema.errors import InvalidField, said
from graph.schema.orders import Order, OrderLookup, order_by, parts_asked
from graph.schema.refunds import Refund
from graph.schema.scalars import ISBN
from graph.sizes import at_most, sized_by
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.pages import encode_cursor, id_in

DOMAINS = 5
IDS_AT_ONCE = 100
LISTINGS_AT_ONCE = 500
NOTE_LENGTH = 500


@strawberry.type(description="A delivery of an event that failed until nobody tried again. Nothing of it is lost.")
class DeadLetter:
    id: strawberry.ID = strawberry.field(description="Its id, for `replayDeadLetters` and `discardDeadLetters`.")
    domain: str = strawberry.field(description="Which part of the marketplace could not take it.")
    event: str = strawberry.field(description="The event's name.")
    event_id: strawberry.ID = strawberry.field(description="The event's own id, as in the logs.")
    body: str = strawberry.field(description="The event as it was sent, in JSON.")
    attempts: int = strawberry.field(description="How often it was tried.")
    error: str = strawberry.field(description="What went wrong the last time.")
    failed_at: datetime = strawberry.field(description="When it was given up.")

    @classmethod
    def of(cls, letter: ports.DeadLetter) -> Self:
        """A dead letter as operators see it."""
        return cls(
            id=strawberry.ID(letter.id),
            domain=letter.domain,
            event=letter.event,
            event_id=strawberry.ID(str(letter.event_id)),
            body=letter.body,
            attempts=letter.attempts,
            error=letter.error,
            failed_at=letter.failed_at,
        )


@strawberry.type(description="Events of one part of the marketplace that wait to be published.")
class OutboxLag:
    domain: str = strawberry.field(description="Which part.")
    waiting: int = strawberry.field(description="How many wait.")
    oldest: datetime | None = strawberry.field(description="Since when the oldest waits; null when none does.")


@strawberry.type(description="An order that should have come to its end and did not. Nothing of it is lost.")
class StuckOrder:
    order: Order = strawberry.field(description="The order.")
    reason: StuckReason = strawberry.field(description="What of it is late.")
    since: datetime = strawberry.field(description="When the last thing happened to it.")
    missing: list[str] = strawberry.field(
        description="The reports that it waits for, as `StockDeducted` or `SaleRecorded:` with the id of a line."
    )

    @classmethod
    def of(cls, stuck: orders.StuckOrder) -> Self:
        """A stuck order of the orders' domain."""
        return cls(order=Order.of(stuck.order), reason=stuck.reason, since=stuck.since, missing=list(stuck.missing))


@strawberry.type(description="A listing whose counts are not what its movements and the live holds add up to.")
class StockDrift:
    isbn: ISBN = strawberry.field(description="The book.")
    on_hand: int = strawberry.field(description="How many copies are counted on the shelf.")
    moved: int = strawberry.field(description="How many its movements add up to.")
    held: int = strawberry.field(description="How many copies are counted as held.")
    live_holds: int = strawberry.field(description="How many the live holds add up to.")
    offer_id: strawberry.ID = strawberry.field(description="The id of its offer.")
    listing_id: strawberry.Private[UUID]

    @strawberry.field(description="The listing as buyers see it; null when it is withdrawn.")
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.listing_id)

    @classmethod
    def of(cls, drift: inventory.StockDrift) -> Self:
        """A drift of the inventory's domain."""
        return cls(
            isbn=ISBN(drift.isbn),
            on_hand=drift.on_hand,
            moved=drift.moved,
            held=drift.held,
            live_holds=drift.live,
            offer_id=strawberry.ID(encode_id("Offer", drift.listing_id)),
            listing_id=drift.listing_id,
        )


@strawberry.type(description="A part of all listings, and what does not add up among them.")
class StockCheck:
    checked: int = strawberry.field(description="How many listings were compared.")
    drifts: list[StockDrift] = strawberry.field(
        description="Those that do not add up.", metadata=at_most(LISTINGS_AT_ONCE)
    )
    next: str | None = strawberry.field(description="The `after` of the next part; null when this was the last one.")


@strawberry.type(description="What an operator sees and nobody else.")
class OperatorDesk:
    @strawberry.field(description="Deliveries that failed for good, newest first.")
    async def dead_letters(
        self,
        info: Info,
        domain: Annotated[
            str | None, strawberry.argument(description="Only of this part of the marketplace, as `orders`.")
        ] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[DeadLetter]:
        request = page_request(first, after)
        return connect(await info.context.desk.dead_letters(domain=domain, page=request), request, DeadLetter.of)

    @strawberry.field(description="Anybody's order; null if there is no such order.")
    async def order(
        self, info: Info, by: Annotated[OrderLookup, strawberry.argument(description="Which one.")]
    ) -> Order | None:
        return await order_by(by, partial(info.context.orders.find_any_order, parts=parts_asked(info)))

    @strawberry.field(description="Orders that should have come to their end and did not, oldest first.")
    async def stuck_orders(self, info: Info, first: First = 20, after: After = None) -> Connection[StuckOrder]:
        request = page_request(first, after)
        return connect(await info.context.orders.stuck_orders(request, parts_asked(info)), request, StuckOrder.of)

    @strawberry.field(
        description="Compare the stock of the next 500 listings with their movements and live holds. Ask again with "
        "the `next` of each part until it is null; `bookstall audit` compares everything at once."
    )
    async def stock_check(
        self,
        info: Info,
        after: Annotated[
            str | None, strawberry.argument(description="The `next` of the part before; the first part if left out.")
        ] = None,
    ) -> StockCheck:
        check = await info.context.inventory.check_stock(None if after is None else id_in(after), LISTINGS_AT_ONCE)
        return StockCheck(
            checked=check.checked,
            drifts=[StockDrift.of(drift) for drift in check.drifts],
            next=None if check.last is None else encode_cursor(str(check.last)),
        )

    @strawberry.field(description="Refunds that the payment provider will not make, oldest first.")
    async def failed_refunds(self, info: Info, first: First = 20, after: After = None) -> Connection[Refund]:
        request = page_request(first, after)
        return connect(await info.context.orders.failed_refunds(request), request, Refund.of)

    @strawberry.field(description="What waits to be published, part by part.", metadata=at_most(DOMAINS))
    async def outbox_lag(self, info: Info) -> list[OutboxLag]:
        lags = await info.context.desk.outbox_lag()
        return [OutboxLag(domain=lag.domain, waiting=lag.waiting, oldest=lag.oldest) for lag in lags]


@strawberry.type(description="Dead letters were handed to their handlers again; those that fail again come back.")
class DeadLettersReplayed:
    count: int = strawberry.field(description="How many of them were dead.")


@strawberry.type(description="Dead letters were given up.")
class DeadLettersDiscarded:
    count: int = strawberry.field(description="How many of them were dead.")


ReplayDeadLettersResult = Annotated[
    DeadLettersReplayed | InvalidField,
    strawberry.union("ReplayDeadLettersResult", description="What was replayed, or why nothing was."),
]
DiscardDeadLettersResult = Annotated[
    DeadLettersDiscarded | InvalidField,
    strawberry.union("DiscardDeadLettersResult", description="What was discarded, or why nothing was."),
]


@strawberry.input(description="Which dead letters to try again.")
class ReplayDeadLettersInput:
    ids: list[strawberry.ID] = strawberry.field(description="Their ids, 1 to 100.")


@strawberry.input(description="Which dead letters to give up, and why.")
class DiscardDeadLettersInput:
    ids: list[strawberry.ID] = strawberry.field(description="Their ids, 1 to 100.")
    note: str = strawberry.field(description="Why, in up to 500 characters, for those who look later.")


@strawberry.type
class OperatorsMutation:
    @strawberry.mutation(
        description="Try dead letters again. It is always safe. Needs the role OPERATOR.",
        metadata=sized_by("input", "ids"),
    )
    async def replay_dead_letters(
        self, info: Info, input: Annotated[ReplayDeadLettersInput, strawberry.argument(description="Which ones.")]
    ) -> ReplayDeadLettersResult | None:
        info.context.require_role(Role.OPERATOR)
        if not 1 <= len(input.ids) <= IDS_AT_ONCE:
            return _invalid("ids", f"Name between 1 and {IDS_AT_ONCE} dead letters.")
        return DeadLettersReplayed(count=await info.context.desk.replay(input.ids))

    @strawberry.mutation(
        description="Give dead letters up for good. Needs the role OPERATOR.", metadata=sized_by("input", "ids")
    )
    async def discard_dead_letters(
        self, info: Info, input: Annotated[DiscardDeadLettersInput, strawberry.argument(description="Which ones.")]
    ) -> DiscardDeadLettersResult | None:
        info.context.require_role(Role.OPERATOR)
        note = input.note.strip()
        if not 1 <= len(input.ids) <= IDS_AT_ONCE:
            return _invalid("ids", f"Name between 1 and {IDS_AT_ONCE} dead letters.")
        if not 1 <= len(note) <= NOTE_LENGTH or not note.isprintable():
            return _invalid("note", f"A note has 1 to {NOTE_LENGTH} characters and no control characters.")
        return DeadLettersDiscarded(count=await info.context.desk.discard(input.ids, note))


def _invalid(name: str, reason: str) -> InvalidField:
    return InvalidField(**said(InvalidFieldProblem(path=("input", name), reason=reason)))
