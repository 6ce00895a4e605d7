"""The mock provider: what each method does, and what its ledger remembers."""

import asyncio
from pathlib import Path

import pytest

from app.payments import LedgerEntry, MockPayments, Verdict, read_ledger
from domains.orders import ActionRequired, Captured, NotCharged, Prepared, Refused, Unknown
from kernel.ids import new_id
from kernel.money import Money

PRICE = Money(1250, "EUR")


async def fresh(payments: MockPayments) -> str:
    """The name of a new order's charge."""
    prepared = await payments.prepare(new_id(), PRICE)
    assert isinstance(prepared, Prepared)
    return prepared.reference


def code_of(answer: object) -> str:
    """The code of a refusal."""
    assert isinstance(answer, Refused), answer
    return answer.code


async def test_a_card_is_charged() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    assert await payments.lookup(charge) == NotCharged()
    assert await payments.charge(charge, PRICE, "card") == Captured(charge) == await payments.lookup(charge)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("card-declined", "DECLINED"),
        ("card-insufficient-funds", "INSUFFICIENT_FUNDS"),
        ("card-expired", "CARD_EXPIRED"),
        ("iou", "UNKNOWN_METHOD"),
    ],
)
async def test_a_refusal_has_its_code(method: str, code: str) -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    assert code_of(await payments.charge(charge, PRICE, method)) == code
    assert code_of(await payments.lookup(charge)) == code


async def test_the_name_of_an_order_s_charge_is_always_the_same() -> None:
    order_id = new_id()
    assert await MockPayments().prepare(order_id, PRICE) == await MockPayments().prepare(order_id, PRICE)


async def test_an_order_is_decided_once() -> None:
    payments = MockPayments()
    taken, refused = await fresh(payments), await fresh(payments)
    first = await payments.charge(taken, PRICE, "card")
    assert await payments.charge(taken, PRICE, "card-declined") == first == await payments.lookup(taken)
    no = await payments.charge(refused, PRICE, "card-declined")
    assert await payments.charge(refused, PRICE, "card") == no == await payments.lookup(refused)


async def test_a_charge_that_is_not_answered_may_be_taken_or_not() -> None:
    payments = MockPayments()
    taken, lost = await fresh(payments), await fresh(payments)
    assert await payments.charge(taken, PRICE, "card-timeout-charged") == Unknown()
    assert await payments.lookup(taken) == Captured(taken) == await payments.void(taken)
    assert await payments.charge(lost, PRICE, "card-timeout-uncharged") == Unknown()
    assert await payments.lookup(lost) == NotCharged() == await payments.void(lost)


async def test_a_slow_charge_is_taken_when_its_time_is_over() -> None:
    payments = MockPayments(slow_seconds=0.1)
    taken, voided = await fresh(payments), await fresh(payments)
    charges = [asyncio.ensure_future(payments.charge(charge, PRICE, "card-slow")) for charge in (taken, voided)]
    await asyncio.wait(charges, timeout=0)
    assert await payments.lookup(taken) == NotCharged() == await payments.void(voided)
    first, second = await asyncio.gather(*charges)
    assert (first, code_of(second)) == (Captured(taken), "VOIDED")
    assert (await payments.lookup(taken), await payments.lookup(voided)) == (Captured(taken), NotCharged())


async def test_a_slow_charge_that_is_not_waited_for_takes_nothing() -> None:
    payments = MockPayments(slow_seconds=60)
    charge = await fresh(payments)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await payments.charge(charge, PRICE, "card-slow")
    assert await payments.lookup(charge) == NotCharged()


async def test_a_flaky_charge_is_taken_when_it_is_asked_for_again() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    assert await payments.charge(charge, PRICE, "card-flaky") == Unknown() == await payments.lookup(charge)
    assert await payments.lookup(charge) == Captured(charge)


async def test_a_flaky_charge_can_be_voided_before_it_is_taken() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    await payments.charge(charge, PRICE, "card-flaky")
    assert await payments.void(charge) == NotCharged() == await payments.lookup(charge)


async def test_three_d_secure_waits_for_the_buyer() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    waiting = await payments.charge(charge, PRICE, "card-3ds")
    assert waiting == ActionRequired(url=f"/mock-payments/{charge}")
    assert await payments.lookup(charge) == waiting == await payments.charge(charge, PRICE, "card")
    assert payments.answer(charge, approved=True) == Captured(charge) == await payments.lookup(charge)
    assert payments.answer(charge, approved=False) == Captured(charge)


async def test_three_d_secure_can_be_declined() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    await payments.charge(charge, PRICE, "card-3ds")
    assert code_of(payments.answer(charge, approved=False)) == "AUTHENTICATION_FAILED"
    assert code_of(payments.answer(charge, approved=True)) == "AUTHENTICATION_FAILED"


async def test_a_buyer_who_comes_back_after_the_void_pays_nothing() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    await payments.charge(charge, PRICE, "card-3ds")
    assert await payments.void(charge) == NotCharged()
    assert payments.answer(charge, approved=True) == NotCharged() == await payments.lookup(charge)


async def test_a_charge_that_was_never_asked_for_cannot_be_approved() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    assert payments.standing(charge) is None
    with pytest.raises(LookupError):
        payments.answer(charge, approved=True)
    assert await payments.lookup(charge) == NotCharged()


async def test_a_void_keeps_a_late_charge_out() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    assert await payments.void(charge) == NotCharged()
    assert code_of(await payments.charge(charge, PRICE, "card")) == "VOIDED"
    assert await payments.lookup(charge) == NotCharged()


async def test_a_void_tells_of_money_that_is_taken_already() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    taken = await payments.charge(charge, PRICE, "card")
    assert await payments.void(charge) == taken


async def test_a_void_of_a_refused_charge_changes_nothing() -> None:
    payments = MockPayments()
    charge = await fresh(payments)
    refused = await payments.charge(charge, PRICE, "card-declined")
    assert await payments.void(charge) == NotCharged()
    assert await payments.lookup(charge) == refused


async def test_the_ledger_survives_a_restart(tmp_path: Path) -> None:
    ledger = tmp_path / "charges.jsonl"
    payments = MockPayments(ledger)
    taken, refused, voided = new_id(), new_id(), new_id()
    first = await payments.charge(f"mock-{taken}", PRICE, "card")
    await payments.charge(f"mock-{refused}", PRICE, "card-declined")
    await payments.void(f"mock-{voided}")
    again = MockPayments(ledger)
    assert await again.charge(f"mock-{taken}", PRICE, "card") == first
    assert code_of(await again.charge(f"mock-{refused}", PRICE, "card")) == "DECLINED"
    assert code_of(await again.charge(f"mock-{voided}", PRICE, "card")) == "VOIDED"
    assert list(read_ledger(ledger)) == [
        LedgerEntry(taken, Verdict.CAPTURED, PRICE, method="card"),
        LedgerEntry(refused, Verdict.REFUSED, code="DECLINED", method="card-declined"),
        LedgerEntry(voided, Verdict.VOIDED, code="VOIDED"),
    ]


async def test_what_is_no_method_is_not_written_down(tmp_path: Path) -> None:
    ledger = tmp_path / "charges.jsonl"
    payments = MockPayments(ledger)
    await payments.charge(await fresh(payments), PRICE, "4242424242424242")
    assert "4242" not in ledger.read_text()


@pytest.mark.parametrize("kept", [1, 30, -1])
async def test_a_line_that_a_kill_cut_off_was_never_decided(tmp_path: Path, kept: int) -> None:
    ledger = tmp_path / "charges.jsonl"
    before, cut = new_id(), new_id()
    payments = MockPayments(ledger)
    await payments.charge(f"mock-{before}", PRICE, "card")
    whole = ledger.stat().st_size
    await payments.charge(f"mock-{cut}", PRICE, "card")
    line = ledger.read_bytes()[whole:].rstrip(b"\n")
    ledger.write_bytes(ledger.read_bytes()[:whole] + line[:kept])
    again = MockPayments(ledger)
    assert await again.lookup(f"mock-{cut}") == NotCharged()
    await again.charge(f"mock-{cut}", PRICE, "card")
    assert await again.charge(f"mock-{cut}", PRICE, "card") == Captured(f"mock-{cut}")
    assert [entry.order_id for entry in read_ledger(ledger)] == [before, cut]


def test_a_ledger_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert list(read_ledger(tmp_path / "charges.jsonl")) == []


async def test_two_processes_share_one_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "charges.jsonl"
    gateway, worker = MockPayments(ledger), MockPayments(ledger)
    charge = await fresh(gateway)
    assert await worker.lookup(charge) == NotCharged()
    charged = await gateway.charge(charge, PRICE, "card")
    assert await worker.lookup(charge) == charged
    assert await worker.void(charge) == charged
    assert len(list(read_ledger(ledger))) == 1
