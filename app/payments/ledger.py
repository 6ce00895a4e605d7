"""The mock provider's ledger: a line of JSON for each thing it decided, in the order in which it did.

How to read it: money moves by two verdicts alone. A `captured` line is money taken for its order, once an order at
most; a `refunded` line is money given back, once a `refund` id at most, and all of an order's together are never more
than was captured. Every other line moves none. The newest line of an order without a `refund` id is how things stand
with its charge, the newest line of a `refund` id how they stand with that refund.
"""

from __future__ import annotations

import fcntl
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO
from uuid import UUID

from kernel.money import Money


class Verdict(StrEnum):
    """What was decided about an order's charge, or about a refund of it."""

    CAPTURED = "captured"
    REFUSED = "refused"
    VOIDED = "voided"
    WAITING = "waiting"
    """For the buyer to approve: `captured`, `refused` or `voided` follows."""
    UNSETTLED = "unsettled"
    """It was asked for, and not answered: `captured` or `voided` follows."""
    REFUNDED = "refunded"
    REFUND_REFUSED = "refund-refused"
    REFUND_UNSETTLED = "refund-unsettled"
    """It was asked for, and not answered: `refunded` or `refund-refused` follows."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A decision about an order's charge or, with `refund_id`, about a refund of it.

    The amount is what was taken or given back or is asked for; the code says why a charge or a refund was refused.
    """

    order_id: UUID
    verdict: Verdict
    amount: Money | None = None
    code: str = ""
    refund_id: UUID | None = None
    method: str = ""


Entries = tuple[LedgerEntry, ...]
Decide = Callable[[Entries], LedgerEntry | None]
"""From all that was decided about an order to the next decision; None where there is none to make."""


class Ledger:
    """What was decided about each order; the file belongs to all processes, and whoever writes locks it.

    Without a file it lasts as long as the object.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._decided: defaultdict[UUID, list[LedgerEntry]] = defaultdict(list)
        self._read_bytes = 0

    def about(self, order_id: UUID) -> Entries:
        """All that was decided about an order, oldest first."""
        if self._path is not None and self._path.exists():
            with self._path.open("rb") as file:
                self._catch_up(file)
        return tuple(self._decided.get(order_id, ()))

    def decide(self, order_id: UUID, decide: Decide) -> Entries:
        """Writes the next decision down, where there is one to make; all that was decided about the order then."""
        if self._path is None:
            self._add(order_id, decide)
        else:
            with self._path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                torn = self._catch_up(file)
                if entry := self._add(order_id, decide):
                    # What is appended begins on a line of its own, also after a kill in the middle of one.
                    file.write((b"\n" if torn else b"") + _line(entry))
                    file.flush()
                    self._read_bytes = file.tell()
        return tuple(self._decided[order_id])

    def _add(self, order_id: UUID, decide: Decide) -> LedgerEntry | None:
        entry = decide(tuple(self._decided[order_id]))
        if entry is not None:
            self._decided[order_id].append(entry)
        return entry

    def _catch_up(self, file: IO[bytes]) -> bool:
        """Learns what was written since; whether the last line is not whole."""
        file.seek(self._read_bytes)
        whole, newline, torn = file.read().rpartition(b"\n")
        self._read_bytes += len(whole) + len(newline)
        for entry in _entries(whole.splitlines()):
            self._decided[entry.order_id].append(entry)
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
        yield LedgerEntry(
            UUID(fields["order"]),
            Verdict(fields["verdict"]),
            None if fields["amount"] is None else Money(fields["amount"], fields["currency"]),
            fields["code"],
            UUID(fields["refund"]) if fields.get("refund") else None,
            fields.get("method", ""),
        )


def _line(entry: LedgerEntry) -> bytes:
    fields = {
        "order": str(entry.order_id),
        "verdict": entry.verdict,
        "amount": entry.amount.minor if entry.amount else None,
        "currency": entry.amount.currency if entry.amount else None,
        "code": entry.code,
        "refund": str(entry.refund_id) if entry.refund_id else None,
        "method": entry.method,
    }
    return json.dumps(fields).encode() + b"\n"
