"""The mock provider: what it takes, what it refuses, and what its ledger remembers."""

from pathlib import Path

import pytest

from app.payments import LedgerEntry, MockPayments, Verdict, read_ledger
from domains.orders import Captured, NotCharged, Refused
from kernel.ids import new_id
from kernel.money import Money

PRICE = Money(1250, "EUR")


def code_of(answer: object) -> str:
    """The code of a refusal."""
    assert isinstance(answer, Refused), answer
    return answer.code


async def test_a_card_is_charged_and_others_are_refused() -> None:
    payments = MockPayments()
    assert isinstance(await payments.charge(new_id(), PRICE, "card"), Captured)
    assert code_of(await payments.charge(new_id(), PRICE, "card-declined")) == "DECLINED"
    assert code_of(await payments.charge(new_id(), PRICE, "iou")) == "UNKNOWN_METHOD"


async def test_an_order_is_decided_once() -> None:
    payments, taken, refused = MockPayments(), new_id(), new_id()
    first = await payments.charge(taken, PRICE, "card")
    assert await payments.charge(taken, PRICE, "card-declined") == first == await payments.lookup(taken)
    no = await payments.charge(refused, PRICE, "card-declined")
    assert await payments.charge(refused, PRICE, "card") == no == await payments.lookup(refused)


async def test_a_void_keeps_a_late_charge_out() -> None:
    payments, order_id = MockPayments(), new_id()
    assert await payments.lookup(order_id) == NotCharged()
    assert await payments.void(order_id) == NotCharged()
    assert code_of(await payments.charge(order_id, PRICE, "card")) == "VOIDED"
    assert await payments.lookup(order_id) == NotCharged()


async def test_a_void_tells_of_money_that_is_taken_already() -> None:
    payments, order_id = MockPayments(), new_id()
    taken = await payments.charge(order_id, PRICE, "card")
    assert await payments.void(order_id) == taken


async def test_a_void_of_a_refused_charge_changes_nothing() -> None:
    payments, order_id = MockPayments(), new_id()
    refused = await payments.charge(order_id, PRICE, "card-declined")
    assert await payments.void(order_id) == NotCharged()
    assert await payments.lookup(order_id) == refused


async def test_the_ledger_survives_a_restart(tmp_path: Path) -> None:
    ledger = tmp_path / "charges.jsonl"
    taken, refused, voided = new_id(), new_id(), new_id()
    payments = MockPayments(ledger)
    first = await payments.charge(taken, PRICE, "card")
    await payments.charge(refused, PRICE, "card-declined")
    await payments.void(voided)
    again = MockPayments(ledger)
    assert await again.charge(taken, PRICE, "card") == first
    assert code_of(await again.charge(refused, PRICE, "card")) == "DECLINED"
    assert code_of(await again.charge(voided, PRICE, "card")) == "VOIDED"
    assert list(read_ledger(ledger)) == [
        LedgerEntry(taken, Verdict.CAPTURED, PRICE),
        LedgerEntry(refused, Verdict.REFUSED, code="DECLINED"),
        LedgerEntry(voided, Verdict.VOIDED, code="VOIDED"),
    ]


@pytest.mark.parametrize("kept", [1, 30, -1])
async def test_a_line_that_a_kill_cut_off_was_never_decided(tmp_path: Path, kept: int) -> None:
    ledger = tmp_path / "charges.jsonl"
    before, cut = new_id(), new_id()
    payments = MockPayments(ledger)
    await payments.charge(before, PRICE, "card")
    whole = ledger.stat().st_size
    await payments.charge(cut, PRICE, "card")
    line = ledger.read_bytes()[whole:].rstrip(b"\n")
    ledger.write_bytes(ledger.read_bytes()[:whole] + line[:kept])
    again = MockPayments(ledger)
    assert await again.lookup(cut) == NotCharged()
    await again.charge(cut, PRICE, "card")
    assert [entry.order_id for entry in read_ledger(ledger)] == [before, cut]


def test_a_ledger_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert list(read_ledger(tmp_path / "charges.jsonl")) == []


async def test_two_processes_share_one_ledger(tmp_path: Path) -> None:
    ledger, order_id = tmp_path / "charges.jsonl", new_id()
    gateway, worker = MockPayments(ledger), MockPayments(ledger)
    assert await worker.lookup(order_id) == NotCharged()
    charged = await gateway.charge(order_id, PRICE, "card")
    assert await worker.lookup(order_id) == charged
    assert await worker.void(order_id) == charged
    assert len(list(read_ledger(ledger))) == 1
