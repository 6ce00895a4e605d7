"""Refunds by Stripe: once for each refund's id, whatever becomes of the answers."""

from __future__ import annotations

from datetime import timedelta

from app.payments.stripe import StripePayments
from app.payments.stripe_account import StripeAccount
from domains.orders import Captured, Prepared, Refunded, RefundRefused, Unknown
from kernel.clock import utc_now
from kernel.ids import new_id
from kernel.money import Money
from tests.payments.fake_stripe import FakeStripe, Fault
from tests.payments.stripe_books import DISPUTED, PENDING_REFUND, VISA, Fields

PRICE = Money(1000, "EUR")
PART = Money(400, "EUR")


async def bought(payments: StripePayments, method: str = VISA) -> str:
    """A charge that is taken."""
    prepared = await payments.prepare(new_id(), PRICE)
    assert isinstance(prepared, Prepared)
    assert isinstance(await payments.charge(prepared.reference, PRICE, method), Captured)
    return prepared.reference


def given_back(stripe: FakeStripe, charge: str) -> list[Fields]:
    """The refunds that Stripe has of a charge."""
    return [refund for refund in stripe.books.refunds.values() if refund["payment_intent"] == charge]


def code_of(answer: object) -> str:
    """The code of a refused refund."""
    assert isinstance(answer, RefundRefused), answer
    return answer.code


async def test_a_refund_is_made_once_however_often_it_is_asked_for(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    charge, refund = await bought(payments), new_id()
    for _ in range(3):
        assert await payments.refund(refund, charge, PART) == Refunded()
    [made] = given_back(stripe, charge)
    assert (made["amount"], made["metadata"]) == (400, {"refund_id": str(refund), "retry": "0"})


async def test_two_refunds_of_the_same_amount_are_two(stripe: FakeStripe, payments: StripePayments) -> None:
    charge = await bought(payments)
    assert await payments.refund(new_id(), charge, PART) == Refunded() == await payments.refund(new_id(), charge, PART)
    assert len(given_back(stripe, charge)) == 2


async def test_a_refund_whose_answer_was_lost_is_found(stripe: FakeStripe, payments: StripePayments) -> None:
    charge, refund = await bought(payments), new_id()
    stripe.fails("/refunds", Fault.BROKEN)
    stripe.fails("/refunds", Fault.LOST)
    assert await payments.refund(refund, charge, PART) == Refunded()
    assert len(given_back(stripe, charge)) == 1


async def test_an_old_refund_is_looked_for_and_not_sent_under_its_old_key(
    stripe: FakeStripe, account: StripeAccount, payments: StripePayments
) -> None:
    charge, made, never = await bought(payments), new_id(), new_id()
    await payments.refund(made, charge, PART)
    stripe.asked.clear()
    at_once, later = (
        StripePayments(account, clock=lambda hours=hours: utc_now() + timedelta(hours=hours)) for hours in (23.05, 24)
    )
    assert await at_once.refund(never, charge, PART) == Unknown()
    assert await later.refund(made, charge, PART) == Refunded() == await later.refund(never, charge, PART)
    assert [request.key for request in stripe.asked if request.method == "POST"] == [f"{never}:0:1"]
    assert len(given_back(stripe, charge)) == 2


async def test_no_more_goes_back_than_was_taken(payments: StripePayments) -> None:
    charge = await bought(payments)
    assert code_of(await payments.refund(new_id(), charge, Money(1001, "EUR"))) == "REFUND_TOO_HIGH"
    await payments.refund(new_id(), charge, PRICE)
    assert code_of(await payments.refund(new_id(), charge, PART)) == "REFUND_TOO_HIGH"


async def test_a_disputed_charge_is_not_refunded(payments: StripePayments) -> None:
    assert code_of(await payments.refund(new_id(), await bought(payments, DISPUTED), PART)) == "DISPUTED"


async def test_a_refund_that_was_refused_is_made_when_it_is_asked_for_again_and_nothing_is_in_its_way_any_more(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    charge, refund = await bought(payments, DISPUTED), new_id()
    for retry in (0, 0, 1):
        assert code_of(await payments.refund(refund, charge, PART, retry)) == "DISPUTED"
    stripe.books.end_dispute(charge)
    stripe.fails("/refunds", Fault.BROKEN)
    stripe.fails("/refunds", Fault.LOST)
    for _ in range(2):
        assert await payments.refund(refund, charge, PART, 2) == Refunded()
    assert len(given_back(stripe, charge)) == 1


async def test_a_refund_under_way_is_unknown_until_it_ends(stripe: FakeStripe, payments: StripePayments) -> None:
    charge, refund = await bought(payments, PENDING_REFUND), new_id()
    assert await payments.refund(refund, charge, PART) == Unknown() == await payments.refund(refund, charge, PART)
    [made] = given_back(stripe, charge)
    stripe.books.settle(made["id"], "succeeded")
    assert await payments.refund(refund, charge, PART) == Refunded()


async def test_a_refund_that_failed_has_failed_until_an_operator_has_it_tried_again(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    charge, refund = await bought(payments, PENDING_REFUND), new_id()
    for retry in range(2):
        assert await payments.refund(refund, charge, PART, retry) == Unknown()
        stripe.books.settle(given_back(stripe, charge)[-1]["id"], "failed", "lost_or_stolen_card")
        for _ in range(2):
            assert code_of(await payments.refund(refund, charge, PART, retry)) == "CARD_CLOSED"
    stripe.books.end_dispute(charge)
    for _ in range(2):
        assert await payments.refund(refund, charge, PART, 2) == Refunded()
    assert [made["status"] for made in given_back(stripe, charge)] == ["failed", "failed", "succeeded"]


async def test_a_retry_that_is_asked_for_too_early_makes_no_second_refund(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    charge, refund = await bought(payments), new_id()
    for retry in (0, 1, 2, 0):
        assert await payments.refund(refund, charge, PART, retry) == Refunded()
    assert len(given_back(stripe, charge)) == 1


async def test_a_refund_of_an_intent_of_another_account_is_unknown(payments: StripePayments) -> None:
    assert await payments.refund(new_id(), "pi_elsewhere", PART) == Unknown()
