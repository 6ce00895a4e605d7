"""The payment provider of the embedded form: it moves no money, and writes what it decides into a ledger."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO
from uuid import UUID

from domains.orders import Captured, NotCharged, Prepared, Refunded, RefundRefused, Refused
from kernel.database import outside_transaction
from kernel.money import Money

CARD = "card"
DECLINED_CARD = "card-declined"
PREFIX = "mock-"
"""Before an order's id, it is the name of its charge."""


class Verdict(StrEnum):
    """What was decided about an order's charge; the first decision stands."""

    CAPTURED = "captured"
    REFUSED = "refused"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The decision about an order: the amount that was taken, or the code of the refusal."""

    order_id: UUID
    verdict: Verdict
    amount: Money | None = None
    code: str = ""


class MockPayments:
    """Takes `card` and refuses everything else, once for each order.

    Each decision is a line of JSON in the ledger, written before it is told: it survives a kill, every process of the
    data folder knows it, and others can read it with `read_ledger`. Without a ledger it lasts as long as the object.
    """

    def __init__(self, ledger: Path | None = None) -> None:
        self._ledger = _Ledger(ledger)

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared:
        """The charge's name is made of the order's id."""
        return Prepared(f"{PREFIX}{order_id}")

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused:
        """Take the amount, or tell what was decided about the order before."""
        outside_transaction("charging")
        return _told(self._ledger.decide(_verdict_on(_order_of(reference), amount, method)))

    async def lookup(self, reference: str) -> Captured | Refused | NotCharged:
        """What was decided about the order's charge."""
        outside_transaction("looking up a charge")
        entry = self._ledger.find(_order_of(reference))
        return NotCharged() if entry is None or entry.verdict is Verdict.VOIDED else _told(entry)

    async def void(self, reference: str) -> Captured | NotCharged:
        """Refuse what comes for the order from now on; Captured if its money is taken already."""
        outside_transaction("voiding a charge")
        told = _told(self._ledger.decide(LedgerEntry(_order_of(reference), Verdict.VOIDED, code="VOIDED")))
        return told if isinstance(told, Captured) else NotCharged()

    async def refund(self, refund_id: UUID, reference: str, amount: Money) -> Refunded | RefundRefused:
        """Give money back that was taken."""
        raise NotImplementedError


class _Ledger:
    """The standing decision about each order; the file belongs to all processes, whoever writes locks it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._decided: dict[UUID, LedgerEntry] = {}
        self._read_bytes = 0

    def find(self, order_id: UUID) -> LedgerEntry | None:
        """What was decided about an order."""
        if self._path is not None and self._path.exists():
            with self._path.open("rb") as file:
                self._catch_up(file)
        return self._decided.get(order_id)

    def decide(self, entry: LedgerEntry) -> LedgerEntry:
        """The standing decision about an order: this one, where there is none before it."""
        if self._path is None:
            return self._decided.setdefault(entry.order_id, entry)
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            torn = self._catch_up(file)
            if entry.order_id not in self._decided:
                # What is appended begins on a line of its own, also after a kill in the middle of one.
                file.write((b"\n" if torn else b"") + _line(entry))
                file.flush()
                self._decided[entry.order_id] = entry
            return self._decided[entry.order_id]

    def _catch_up(self, file: IO[bytes]) -> bool:
        """Learns what was written since; whether the last line is not whole."""
        file.seek(self._read_bytes)
        whole, newline, torn = file.read().rpartition(b"\n")
        self._read_bytes += len(whole) + len(newline)
        for entry in _entries(whole.splitlines()):
            self._decided.setdefault(entry.order_id, entry)
        return bool(torn)


def read_ledger(ledger: Path) -> Iterator[LedgerEntry]:
    """The decisions of a ledger, oldest first; what a kill cut off in the middle of its line was never told."""
    return _entries(ledger.read_bytes().splitlines() if ledger.exists() else [])


def _entries(lines: Iterable[bytes]) -> Iterator[LedgerEntry]:
    for line in lines:
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        amount = None if fields["amount"] is None else Money(fields["amount"], fields["currency"])
        yield LedgerEntry(UUID(fields["order"]), Verdict(fields["verdict"]), amount, fields["code"])


def _order_of(reference: str) -> UUID:
    return UUID(reference.removeprefix(PREFIX))


def _verdict_on(order_id: UUID, amount: Money, method: str) -> LedgerEntry:
    if method == CARD:
        return LedgerEntry(order_id, Verdict.CAPTURED, amount)
    return LedgerEntry(order_id, Verdict.REFUSED, code="DECLINED" if method == DECLINED_CARD else "UNKNOWN_METHOD")


def _told(entry: LedgerEntry) -> Captured | Refused:
    if entry.verdict is Verdict.CAPTURED:
        return Captured(f"{PREFIX}{entry.order_id}")
    return Refused(entry.code, f"the mock provider says {entry.code}")


def _line(entry: LedgerEntry) -> bytes:
    fields = {
        "order": str(entry.order_id),
        "verdict": entry.verdict,
        "amount": entry.amount.minor if entry.amount else None,
        "currency": entry.amount.currency if entry.amount else None,
        "code": entry.code,
    }
    return json.dumps(fields).encode() + b"\n"
