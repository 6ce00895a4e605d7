"""Refunds of the mock provider: once for each refund's id, and never more than was captured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.payments import LedgerEntry, MockPayments, Verdict, read_ledger
from domains.orders import Refunded, RefundRefused, Unknown
from kernel.ids import new_id
from kernel.money import Money

PRICE = Money(1000, "EUR")
PART = Money(400, "EUR")


async def bought(payments: MockPayments, method: str = "card") -> tuple[UUID, str]:
    """An order whose charge is taken, and the charge's name."""
    order_id = new_id()
    await payments.charge(reference := f"mock-{order_id}", PRICE, method)
    return order_id, reference


def code_of(answer: object) -> str:
    """The code of a refused refund."""
    assert isinstance(answer, RefundRefused), answer
    return answer.code


async def test_a_refund_is_a_line_of_the_ledger(tmp_path: Path) -> None:
    payments = MockPayments(tmp_path / "charges.jsonl")
    order_id, charge = await bought(payments)
    refund = new_id()
    assert await payments.refund(refund, charge, PART) == Refunded()
    *_, last = read_ledger(tmp_path / "charges.jsonl")
    assert last == LedgerEntry(order_id, Verdict.REFUNDED, PART, refund_id=refund)


async def test_a_refund_is_given_once_by_all_processes(tmp_path: Path) -> None:
    one, other = MockPayments(tmp_path / "charges.jsonl"), MockPayments(tmp_path / "charges.jsonl")
    _, charge = await bought(one)
    refund = new_id()
    for payments in (one, other, one):
        assert await payments.refund(refund, charge, PRICE) == Refunded()
    assert [entry.verdict for entry in read_ledger(tmp_path / "charges.jsonl")] == ["captured", "refunded"]


async def test_what_was_never_taken_is_not_given_back() -> None:
    payments = MockPayments()
    _, declined = await bought(payments, "card-declined")
    _, waiting = await bought(payments, "card-3ds")
    for charge in (declined, waiting, f"mock-{new_id()}"):
        assert code_of(await payments.refund(new_id(), charge, PART)) == "NOT_CAPTURED"


async def test_a_refund_can_be_refused_for_good() -> None:
    payments = MockPayments()
    _, charge = await bought(payments, "card-refund-refused")
    refund = new_id()
    assert code_of(await payments.refund(refund, charge, PART)) == "REFUND_REFUSED"
    assert code_of(await payments.refund(refund, charge, PART)) == "REFUND_REFUSED"


async def test_a_refund_can_be_answered_at_the_second_time_alone() -> None:
    payments = MockPayments()
    _, charge = await bought(payments, "card-refund-flaky")
    first, second = new_id(), new_id()
    assert await payments.refund(first, charge, PRICE) == Unknown()
    assert await payments.refund(first, charge, PRICE) == Refunded() == await payments.refund(first, charge, PRICE)
    assert code_of(await payments.refund(second, charge, PART)) == "REFUND_TOO_HIGH"


async def test_a_refund_changes_nothing_about_its_charge() -> None:
    payments = MockPayments()
    _, charge = await bought(payments)
    taken = await payments.lookup(charge)
    await payments.refund(new_id(), charge, PART)
    assert await payments.lookup(charge) == taken == await payments.void(charge)


@given(
    asked=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1, 250, 400, 1000])), max_size=12),
    method=st.sampled_from(["card", "card-refund-flaky"]),
)
async def test_never_more_goes_back_than_was_taken(asked: Sequence[tuple[int, int]], method: str) -> None:
    payments = MockPayments()
    _, charge = await bought(payments, method)
    refunds = [new_id() for _ in range(4)]
    given_back: dict[UUID, int] = {}
    for which, minor in asked:
        if await payments.refund(refunds[which], charge, Money(minor, "EUR")) == Refunded():
            given_back.setdefault(refunds[which], minor)
    assert sum(given_back.values()) <= PRICE.minor
