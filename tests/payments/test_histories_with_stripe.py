"""Whatever is asked of Stripe, and whatever becomes of its answers: the money of an order moves once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.payments.stripe import StripePayments
from app.payments.stripe_account import StripeAccount
from domains.orders import Captured, NotCharged, Prepared, Refunded, Refused
from kernel.ids import new_id
from kernel.money import Money
from tests.payments.fake_stripe import KEY, FakeStripe, Fault
from tests.payments.stripe_books import THREE_D_SECURE, VISA

PRICE = Money(1000, "EUR")
HASTE_SECONDS = 0.15
METHODS = [VISA, THREE_D_SECURE, "pm_card_chargeDeclined"]


class Step(NamedTuple):
    """A question to the provider, and what goes wrong with its requests."""

    ask: str
    fault: Fault | None
    which: int


steps = st.builds(
    Step,
    st.sampled_from(["prepare", "charge", "charge", "lookup", "void", "refund", "refund", "approve"]),
    st.sampled_from([None, None, None, Fault.BUSY, Fault.HANGS, Fault.HANGS_DONE]),
    st.integers(0, 2),
)


@pytest.fixture(scope="module")
async def hasty(stripe_server: FakeStripe) -> AsyncIterator[StripePayments]:
    """A provider that hardly waits: what it gave up on may still be done while it asks for the next."""
    account = StripeAccount(KEY, url=stripe_server.url, answer_seconds=HASTE_SECONDS, pause_seconds=0.001)
    yield StripePayments(account)
    await account.close()


async def asked(
    payments: StripePayments, stripe: FakeStripe, charge: str, step: Step, refunds: Sequence[UUID]
) -> object:
    """Takes a step; what the provider answers."""
    match step.ask:
        case "prepare":
            order_id = UUID(stripe.books.intents[charge]["metadata"]["order_id"])
            return await payments.prepare(order_id, PRICE)
        case "charge":
            return await payments.charge(charge, PRICE, METHODS[step.which])
        case "lookup":
            return await payments.lookup(charge)
        case "void":
            return await payments.void(charge)
        case "refund":
            return await payments.refund(refunds[step.which], charge, Money(400, "EUR"))
        case _:
            if stripe.books.intents[charge]["status"] == "requires_action":
                stripe.books.authenticate(charge, approved=True)
            return None


@settings(max_examples=25)
@given(history=st.lists(steps, min_size=1, max_size=8))
async def test_money_moves_once_whatever_becomes_of_the_answers(
    hasty: StripePayments, account: StripeAccount, stripe_server: FakeStripe, history: Sequence[Step]
) -> None:
    stripe, order_id, refunds = stripe_server, new_id(), [new_id() for _ in range(3)]
    stripe.heal()
    prepared = await StripePayments(account).prepare(order_id, PRICE)
    assert isinstance(prepared, Prepared)
    charge, answers = prepared.reference, list[tuple[Step, object]]()
    for step in history:
        if step.fault:
            stripe.fails("", step.fault, times=3 if step.fault is Fault.BUSY else 1)
        answers.append((step, await asked(hasty, stripe, charge, step, refunds)))
        stripe.heal()

    [intent] = stripe.books.intents_of(order_id)
    back = [refund for refund in stripe.books.refunds.values() if refund["payment_intent"] == charge]
    named = [refund["metadata"]["refund_id"] for refund in back]
    assert intent["amount_received"] in (0, 1000)
    assert sum(refund["amount"] for refund in back) <= intent["amount_received"]
    assert len(named) == len(set(named))
    for step, answer in answers:
        if isinstance(answer, Captured):
            assert intent["amount_received"] == 1000
        if isinstance(answer, Refused) or (step.ask == "void" and answer == NotCharged()):
            assert intent["amount_received"] == 0
        if isinstance(answer, Refunded):
            assert str(refunds[step.which]) in named
