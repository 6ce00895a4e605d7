"""Whatever is asked of the mock provider, in any order and by two processes: the money of an order moves once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.payments import LedgerEntry, MockPayments, Verdict, read_ledger
from app.payments.mock import Method
from domains.orders import ActionRequired, Captured, NotCharged, Refused, Unknown
from kernel.ids import new_id
from kernel.money import Money

PRICE = Money(1000, "EUR")

steps = st.tuples(
    st.integers(0, 1),
    st.one_of(st.sampled_from(["lookup", "void", "approve", "decline"]), st.sampled_from([*Method])),
)


async def taken(payments: MockPayments, charge: str, step: str) -> object:
    """Takes a step; what the provider answers, None where the buyer has nothing to answer."""
    match step:
        case "lookup":
            return await payments.lookup(charge)
        case "void":
            return await payments.void(charge)
        case "approve" | "decline":
            return payments.answer(charge, approved=step == "approve") if payments.standing(charge) else None
        case method:
            return await payments.charge(charge, PRICE, method)


def captured(entries: Sequence[LedgerEntry]) -> int:
    """How often money was taken."""
    return [entry.verdict for entry in entries].count(Verdict.CAPTURED)


@given(history=st.lists(steps, max_size=12))
async def test_money_is_taken_once_at_most_and_never_after_a_final_no(history: Sequence[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "charges.jsonl"
        processes, charge = (MockPayments(ledger), MockPayments(ledger)), f"mock-{new_id()}"
        final: object = None
        for which, step in history:
            answer = await taken(processes[which], charge, step)
            if isinstance(final, Captured):
                assert isinstance(answer, Captured | Unknown | None)
            if isinstance(final, Refused | NotCharged):
                assert not isinstance(answer, Captured | ActionRequired)
            assert captured(list(read_ledger(ledger))) <= 1
            if isinstance(answer, Captured | Refused) or (step == "void" and answer == NotCharged()):
                final = final or answer
        told = await processes[0].lookup(charge)
        if told != Unknown():
            assert captured(list(read_ledger(ledger))) == int(isinstance(told, Captured))
