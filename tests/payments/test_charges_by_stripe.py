"""Charges by Stripe: every outcome, and what a lost answer does to none of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from app.payments.stripe import StripePayments
from app.payments.stripe_account import StripeAccount
from domains.orders import ActionRequired, Captured, NotCharged, Prepared, Refused, Unknown
from kernel.clock import utc_now
from kernel.ids import new_id
from kernel.money import Money
from tests.payments.fake_stripe import KEY, FakeStripe, Fault
from tests.payments.stripe_books import PROCESSING, THREE_D_SECURE, VISA

PRICE = Money(1250, "EUR")
DECLINED = "pm_card_chargeDeclined"


@pytest.fixture
async def hasty(stripe: FakeStripe) -> AsyncIterator[StripePayments]:
    """A provider that waits for no answer."""
    account = StripeAccount(KEY, url=stripe.url, answer_seconds=0.4)
    yield StripePayments(account)
    await account.close()


async def fresh(payments: StripePayments, order_id: UUID | None = None) -> str:
    """The name of a new order's charge."""
    prepared = await payments.prepare(order_id or new_id(), PRICE)
    assert isinstance(prepared, Prepared), prepared
    return prepared.reference


def code_of(answer: object) -> str:
    """The code of a refusal."""
    assert isinstance(answer, Refused), answer
    return answer.code


async def test_an_intent_is_made_without_money_and_then_confirmed(stripe: FakeStripe, payments: StripePayments) -> None:
    order_id = new_id()
    charge = await fresh(payments, order_id)
    intent = stripe.books.intents[charge]
    assert (intent["amount"], intent["currency"], intent["amount_received"]) == (1250, "eur", 0)
    assert intent["metadata"] == {"order_id": str(order_id)}
    assert await payments.lookup(charge) == NotCharged()
    assert await payments.charge(charge, PRICE, VISA) == Captured(charge) == await payments.lookup(charge)
    assert intent["amount_received"] == 1250


async def test_an_order_has_one_intent_however_often_it_is_prepared(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    order_id = new_id()
    assert await fresh(payments, order_id) == await fresh(payments, order_id)
    assert len(stripe.books.intents_of(order_id)) == 1


async def test_a_charge_is_made_once_however_often_it_is_asked_for(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    charge = await fresh(payments)
    for _ in range(3):
        assert await payments.charge(charge, PRICE, VISA) == Captured(charge)
    assert stripe.books.intents[charge]["amount_received"] == 1250


async def test_another_method_for_the_same_charge_does_not_charge_again(payments: StripePayments) -> None:
    charge = await fresh(payments)
    await payments.charge(charge, PRICE, DECLINED)
    assert await payments.charge(charge, PRICE, VISA) == Unknown()
    assert code_of(await payments.lookup(charge)) == "DECLINED"


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_chargeDeclined", "DECLINED"),
        ("pm_card_chargeDeclinedLostCard", "DECLINED"),
        ("pm_card_chargeDeclinedInsufficientFunds", "INSUFFICIENT_FUNDS"),
        ("pm_card_chargeDeclinedExpiredCard", "CARD_EXPIRED"),
        ("pm_card_chargeDeclinedIncorrectCvc", "INCORRECT_CVC"),
        ("pm_card_chargeDeclinedProcessingError", "TRY_AGAIN"),
        ("pm_nobody_knows", "UNKNOWN_METHOD"),
    ],
)
async def test_a_refused_charge_has_a_code_and_can_never_be_paid(
    stripe: FakeStripe, payments: StripePayments, method: str, code: str
) -> None:
    charge = await fresh(payments)
    assert code_of(await payments.charge(charge, PRICE, method)) == code
    assert stripe.books.intents[charge]["status"] == "canceled"


async def test_an_amount_that_stripe_does_not_take_is_refused(payments: StripePayments) -> None:
    assert code_of(await payments.prepare(new_id(), Money(10, "EUR"))) == "AMOUNT_TOO_SMALL"


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.BROKEN, Fault.BUSY])
@pytest.mark.parametrize("path", ["/payment_intents", "/confirm"])
async def test_a_request_without_an_answer_is_sent_again_under_its_key(
    stripe: FakeStripe, payments: StripePayments, path: str, fault: Fault
) -> None:
    order_id = new_id()
    stripe.fails(path, fault)
    charge = await fresh(payments, order_id)
    assert await payments.charge(charge, PRICE, VISA) == Captured(charge)
    assert [intent["amount_received"] for intent in stripe.books.intents_of(order_id)] == [1250]


async def test_a_charge_that_hangs_is_unknown_and_looked_up(
    stripe: FakeStripe, payments: StripePayments, hasty: StripePayments
) -> None:
    taken, lost = await fresh(payments), await fresh(payments)
    stripe.fails("/confirm", Fault.HANGS_DONE)
    assert await hasty.charge(taken, PRICE, VISA) == Unknown()
    assert await payments.lookup(taken) == Captured(taken)
    stripe.heal()
    stripe.fails("/confirm", Fault.HANGS)
    assert await hasty.charge(lost, PRICE, VISA) == Unknown()
    assert await payments.lookup(lost) == NotCharged() == await payments.void(lost)


async def test_a_busy_or_broken_stripe_knows_nothing(stripe: FakeStripe, payments: StripePayments) -> None:
    charge = await fresh(payments)
    stripe.fails("", Fault.BUSY, times=100)
    assert await payments.prepare(new_id(), PRICE) == Unknown()
    assert await payments.charge(charge, PRICE, VISA) == Unknown()
    assert await payments.lookup(charge) == Unknown() == await payments.void(charge)
    assert await payments.refund(new_id(), charge, PRICE) == Unknown()


async def test_a_wrong_key_charges_nobody_and_refuses_nobody(stripe: FakeStripe) -> None:
    account = StripeAccount("sk_test_other", url=stripe.url, answer_seconds=5)
    payments = StripePayments(account)
    assert await payments.prepare(new_id(), PRICE) == Unknown()
    assert await payments.charge("pi_1", PRICE, VISA) == Unknown() == await payments.lookup("pi_1")
    assert await payments.void("pi_1") == Unknown() == await payments.refund(new_id(), "pi_1", PRICE)
    await account.close()


async def test_an_intent_of_another_account_is_unknown(payments: StripePayments) -> None:
    assert await payments.charge("pi_elsewhere", PRICE, VISA) == Unknown() == await payments.lookup("pi_elsewhere")
    assert await payments.void("pi_elsewhere") == Unknown()


async def test_three_d_secure_waits_for_the_buyer(stripe: FakeStripe, payments: StripePayments) -> None:
    charge = await fresh(payments)
    waiting = await payments.charge(charge, PRICE, THREE_D_SECURE)
    assert waiting == ActionRequired(stripe.books.intents[charge]["client_secret"]) == await payments.lookup(charge)
    stripe.books.authenticate(charge, approved=True)
    assert await payments.lookup(charge) == Captured(charge)


async def test_three_d_secure_has_a_page_where_there_is_a_way_back(stripe: FakeStripe, account: StripeAccount) -> None:
    payments = StripePayments(account, return_url="https://shop.example/paid")
    charge = await fresh(payments)
    waiting = await payments.charge(charge, PRICE, THREE_D_SECURE)
    assert isinstance(waiting, ActionRequired)
    assert waiting.url == f"{stripe.url}/bank/{charge}"


async def test_a_buyer_whom_the_bank_does_not_know_is_refused(stripe: FakeStripe, payments: StripePayments) -> None:
    charge = await fresh(payments)
    await payments.charge(charge, PRICE, THREE_D_SECURE)
    stripe.books.authenticate(charge, approved=False)
    assert code_of(await payments.lookup(charge)) == "AUTHENTICATION_FAILED"
    assert stripe.books.intents[charge]["status"] == "canceled"


@pytest.mark.parametrize("approved", [True, False])
async def test_a_refusal_is_not_told_before_the_charge_is_closed(
    stripe: FakeStripe, payments: StripePayments, approved: bool
) -> None:
    charge = await fresh(payments)
    await payments.charge(charge, PRICE, THREE_D_SECURE)
    stripe.books.authenticate(charge, approved=False)
    stripe.fails("/cancel", Fault.BROKEN, times=3)
    assert await payments.lookup(charge) == Unknown()
    if approved:  # the buyer's browser tries another card meanwhile
        stripe.books.confirm(charge, {"payment_method": VISA})
        assert await payments.lookup(charge) == Captured(charge)
    else:
        assert code_of(await payments.lookup(charge)) == "AUTHENTICATION_FAILED"
        assert stripe.books.intents[charge]["status"] == "canceled"


async def test_a_void_ends_what_waits_and_tells_of_what_is_taken(payments: StripePayments) -> None:
    waiting, taken, unpaid = await fresh(payments), await fresh(payments), await fresh(payments)
    await payments.charge(waiting, PRICE, THREE_D_SECURE)
    await payments.charge(taken, PRICE, VISA)
    for charge in (waiting, unpaid):
        assert await payments.void(charge) == NotCharged() == await payments.void(charge)
        assert await payments.lookup(charge) == NotCharged()
        assert await payments.charge(charge, PRICE, VISA) == Unknown()
    assert await payments.void(taken) == Captured(taken)


async def test_what_the_bank_has_not_decided_is_neither_taken_nor_voided(payments: StripePayments) -> None:
    charge = await fresh(payments)
    assert await payments.charge(charge, PRICE, PROCESSING) == Unknown() == await payments.lookup(charge)
    assert await payments.void(charge) == Unknown()


async def test_the_key_of_an_old_order_is_not_sent(stripe: FakeStripe, account: StripeAccount) -> None:
    order_id = new_id()
    late = StripePayments(account, clock=lambda: utc_now() + timedelta(hours=24))
    assert await late.prepare(order_id, PRICE) == Unknown()
    assert stripe.books.intents_of(order_id) == []


async def test_no_line_of_the_log_has_a_secret_or_a_card(
    stripe: FakeStripe, payments: StripePayments, capfd: pytest.CaptureFixture[str]
) -> None:
    charge = await fresh(payments)
    stripe.fails("/confirm", Fault.BUSY)
    await payments.charge(charge, PRICE, "4242424242424242")
    await payments.charge(charge, PRICE, "4242424242424242")
    await payments.charge("pi_elsewhere", PRICE, VISA)
    said = "".join(capfd.readouterr())
    assert "pi_elsewhere" in said
    assert not any(secret in said for secret in (KEY, "4242", stripe.books.intents[charge]["client_secret"]))
