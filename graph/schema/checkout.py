"""The checkout: one mutation that buys the viewer's cart."""

from __future__ import annotations

from typing import Annotated, Self

import strawberry

from domains import orders
from graph.context import Info
from graph.schema.cart import Cart, CheckoutProblem, show_problem
from graph.schema.errors import Error, IdempotencyKeyReused, said
from graph.schema.orders import Order
from graph.schema.scalars import MoneyInput
from graph.sizes import PROBLEMS, about


@strawberry.type(description="What the buyer has to do before the payment goes on, such as 3-D Secure.")
class PaymentAction:
    client_secret: str | None = strawberry.field(description="What the payment provider's own script asks for.")
    url: str | None = strawberry.field(
        description="Where to send the buyer, from the address of this endpoint on where it has none of its own."
    )

    @classmethod
    def maybe(cls, action: orders.ActionRequired | None) -> Self | None:
        """What the payment provider requires, if it does."""
        return None if action is None else cls(client_secret=action.client_secret, url=action.url)


@strawberry.type(description="The order is paid.")
class CheckoutCompleted:
    order: Order = strawberry.field(description="The order.")
    replayed: bool = strawberry.field(description="Whether an earlier request with the same key did it.")


@strawberry.type(description="What became of the payment is not known yet: watch `orderUpdates`.")
class CheckoutPending:
    order: Order = strawberry.field(description="The order.")
    next_action: PaymentAction | None = strawberry.field(
        description="What the buyer has to do for the payment to go on; null if there is nothing but to wait."
    )


@strawberry.type(description="Another checkout of this buyer has no outcome yet: watch its order.")
class CheckoutInProgress(Error):
    order: Order = strawberry.field(description="The order of the other checkout.")


@strawberry.type(
    description="The cart cannot be bought as it is, or the payment was refused. Nothing is charged, nothing is held."
)
class CheckoutRejected(Error):
    problems: list[CheckoutProblem] = strawberry.field(
        description="Everything that stands in the way.", metadata=about(PROBLEMS)
    )
    cart: Cart = strawberry.field(description="The cart as it is now.")
    # Not `order`: that one is never null in the other members, and a client could not ask for both.
    failed_order: Order | None = strawberry.field(
        description="The order that came to nothing; null where it did not even come to one."
    )


CheckoutResult = Annotated[
    CheckoutCompleted | CheckoutPending | CheckoutInProgress | CheckoutRejected | IdempotencyKeyReused,
    strawberry.union("CheckoutResult", description="What became of a checkout."),
]


@strawberry.input(description="Where an order goes. What is missing is answered with an InvalidField each.")
class AddressInput:
    name: str | None = strawberry.field(default=None, description="Who receives it. Required.")
    line1: str | None = strawberry.field(default=None, description="Street and number. Required.")
    line2: str | None = strawberry.field(default=None, description="What else the street needs.")
    postal_code: str | None = strawberry.field(default=None, description="The postal code. Required.")
    city: str | None = strawberry.field(default=None, description="The city. Required.")
    region: str | None = strawberry.field(default=None, description="State, province or region.")
    country: str | None = strawberry.field(
        default=None, description="The country's ISO 3166 code of two letters. Required."
    )


@strawberry.input(description="How to buy the cart.")
class CheckoutInput:
    idempotency_key: strawberry.ID = strawberry.field(
        description="A text of your choice for this purchase, such as a UUID: the same one buys once, however often it "
        "is sent, so send it again when an answer was lost."
    )
    delivery_address: AddressInput = strawberry.field(description="Where the order goes.")
    amount: MoneyInput = strawberry.field(description="What the buyer agreed to pay: the cart's total.")
    payment_method: str = strawberry.field(
        default="card",
        description="The payment provider's token of how to pay. The sample provider knows `card`, and others that "
        "fail in every way; docs/payments.md has them.",
    )


@strawberry.type
class CheckoutQuery:
    @strawberry.field(
        description="What became of a checkout whose answer was lost; null if no checkout of the viewer has this key."
    )
    async def checkout_attempt(
        self,
        info: Info,
        idempotency_key: Annotated[strawberry.ID, strawberry.argument(description="The key of the checkout.")],
    ) -> CheckoutResult | None:
        buyer_id = info.context.require_viewer().subject
        outcome = await info.context.orders.checkout_attempt(buyer_id, idempotency_key)
        return None if outcome is None else _show(outcome)


@strawberry.type
class CheckoutMutation:
    @strawberry.mutation(
        description="Buy what is in the viewer's cart. The answer is final unless it is CheckoutPending; stock, "
        "sellers' statistics and notifications follow, and `orderUpdates` tells of each."
    )
    async def checkout(
        self, info: Info, input: Annotated[CheckoutInput, strawberry.argument(description="How to buy it.")]
    ) -> CheckoutResult | None:
        viewer, address = info.context.require_viewer(), input.delivery_address
        command = orders.Checkout(
            buyer_id=viewer.subject,
            buyer_email=viewer.email,
            idempotency_key=input.idempotency_key,
            address=orders.AddressParts(
                name=address.name,
                line1=address.line1,
                line2=address.line2,
                postal_code=address.postal_code,
                city=address.city,
                region=address.region,
                country=address.country,
            ),
            amount=input.amount.read("input", "amount"),
            payment_method=input.payment_method,
        )
        outcome = await info.context.orders.checkout(command)
        replayed = isinstance(outcome, orders.CheckoutCompleted) and outcome.replayed
        info.context.meter.checkout("Replayed" if replayed else type(outcome).__name__)
        return _show(outcome)


def _show(
    outcome: orders.CheckoutCompleted
    | orders.CheckoutPending
    | orders.CheckoutInProgress
    | orders.CheckoutRejected
    | orders.IdempotencyKeyReused,
) -> CheckoutCompleted | CheckoutPending | CheckoutInProgress | CheckoutRejected | IdempotencyKeyReused:
    match outcome:
        case orders.CheckoutCompleted(order=order, replayed=replayed):
            return CheckoutCompleted(order=Order.of(order), replayed=replayed)
        case orders.CheckoutPending(order=order, next_action=action):
            return CheckoutPending(order=Order.of(order), next_action=PaymentAction.maybe(action))
        case orders.CheckoutInProgress(order=order):
            return CheckoutInProgress(**said(outcome), order=Order.of(order))
        case orders.CheckoutRejected(problems=problems, cart=cart, order=order):
            return CheckoutRejected(
                **said(outcome),
                problems=[show_problem(problem) for problem in problems],
                cart=Cart.of(cart),
                failed_order=None if order is None else Order.of(order),
            )
        case orders.IdempotencyKeyReused():
            return IdempotencyKeyReused(**said(outcome))
