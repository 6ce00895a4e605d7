"""The mock provider: it moves no money, does what the method's name says, and writes what it decides into a ledger."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from app.payments.ledger import Entries, Ledger, LedgerEntry, Verdict
from domains.orders import ActionRequired, Captured, NotCharged, Prepared, Refunded, RefundRefused, Refused, Unknown
from kernel.database import outside_transaction
from kernel.money import Money

PREFIX = "mock-"
"""Before an order's id, it is the name of its charge."""
PAGE = "/mock-payments"
"""Where the buyer of `card-3ds` approves a charge, by its name."""


class Method(StrEnum):
    """What the provider knows to pay with; docs/payments.md says what each does."""

    CARD = "card"
    DECLINED = "card-declined"
    INSUFFICIENT_FUNDS = "card-insufficient-funds"
    EXPIRED = "card-expired"
    THREE_D_SECURE = "card-3ds"
    SLOW = "card-slow"
    TIMEOUT_CHARGED = "card-timeout-charged"
    TIMEOUT_UNCHARGED = "card-timeout-uncharged"
    FLAKY = "card-flaky"
    REFUND_REFUSED = "card-refund-refused"
    REFUND_FLAKY = "card-refund-flaky"


REFUSALS = {
    Method.DECLINED: "DECLINED",
    Method.INSUFFICIENT_FUNDS: "INSUFFICIENT_FUNDS",
    Method.EXPIRED: "CARD_EXPIRED",
}
UNANSWERED = (Method.TIMEOUT_CHARGED, Method.TIMEOUT_UNCHARGED)
OPEN = (Verdict.WAITING, Verdict.UNSETTLED)
"""What a charge does not stay at."""

Outcome = Captured | Refused | ActionRequired | Unknown


class MockPayments:
    """Decides about each order once.

    Each decision is in the ledger before it is told: it survives a kill, every process of the data folder knows it, and
    others can read it with `read_ledger`.
    """

    def __init__(self, ledger: Path | None = None, *, slow_seconds: float = 0.0) -> None:
        """`slow_seconds` is how long a slow card takes."""
        self._ledger = Ledger(ledger)
        self._slow_seconds = slow_seconds

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared:
        """The charge's name is made of the order's id."""
        return Prepared(f"{PREFIX}{order_id}")

    async def charge(self, reference: str, amount: Money, method: str) -> Outcome:
        """Take the amount, or tell what was decided about the order before."""
        outside_transaction("charging")
        order_id = order_of(reference)
        if method == Method.SLOW:
            await asyncio.sleep(self._slow_seconds)
        if method != Method.TIMEOUT_UNCHARGED:
            first = _first(order_id, amount, method)
            decided = self._ledger.decide(order_id, lambda entries: None if _charge_in(entries) else first)
            if method != Method.TIMEOUT_CHARGED and (entry := _charge_in(decided)):
                return _told(entry)
        return Unknown()

    async def lookup(self, reference: str) -> Outcome | NotCharged:
        """What was decided about the order's charge; a flaky one is taken while it is asked for."""
        outside_transaction("looking up a charge")
        entry = _charge_in(self._ledger.about(order_of(reference)))
        if entry is None or entry.verdict is Verdict.VOIDED:
            return NotCharged()
        if entry.verdict is Verdict.UNSETTLED:
            self._follow(reference, Verdict.CAPTURED, after=(Verdict.UNSETTLED,))
        return _told(entry)

    async def void(self, reference: str) -> Captured | NotCharged:
        """Refuse what comes for the order from now on; Captured if its money is taken already."""
        outside_transaction("voiding a charge")
        told = _told(self._follow(reference, Verdict.VOIDED, "VOIDED", after=(None, *OPEN)))
        return told if isinstance(told, Captured) else NotCharged()

    async def refund(
        self, refund_id: UUID, reference: str, amount: Money, retry: int = 0
    ) -> Refunded | RefundRefused | Unknown:
        """Give money back that was taken, or tell what was decided about this refund before."""
        outside_transaction("refunding")
        order_id = order_of(reference)
        decided = self._ledger.decide(order_id, lambda entries: _next_of_refund(entries, order_id, refund_id, amount))
        entry = next(entry for entry in reversed(decided) if entry.refund_id == refund_id)
        match entry.verdict:
            case Verdict.REFUNDED:
                return Refunded()
            case Verdict.REFUND_UNSETTLED:
                return Unknown()
            case _:
                return RefundRefused(entry.code, f"the mock provider says {entry.code}")

    def standing(self, reference: str) -> LedgerEntry | None:
        """How things stand with a charge; None where there is none of this name."""
        try:
            return _charge_in(self._ledger.about(order_of(reference)))
        except ValueError:
            return None

    def answer(self, reference: str, *, approved: bool) -> Outcome | NotCharged:
        """The buyer's word on a charge that waits for it, the first one; what became of the charge."""
        verdict, code = (Verdict.CAPTURED, "") if approved else (Verdict.REFUSED, "AUTHENTICATION_FAILED")
        entry = self._follow(reference, verdict, code, after=(Verdict.WAITING,))
        return NotCharged() if entry.verdict is Verdict.VOIDED else _told(entry)

    def _follow(
        self, reference: str, verdict: Verdict, code: str = "", *, after: tuple[Verdict | None, ...]
    ) -> LedgerEntry:
        """The next decision about a charge that stands at one of these; how things stand with the charge then."""
        order_id = order_of(reference)

        def decide(entries: Entries) -> LedgerEntry | None:
            before = _charge_in(entries)
            if (before and before.verdict) not in after:
                return None
            amount = before.amount if before and verdict is Verdict.CAPTURED else None
            return LedgerEntry(order_id, verdict, amount, code, method=before.method if before else "")

        entry = _charge_in(self._ledger.decide(order_id, decide))
        if entry is None:
            raise LookupError(f"nothing was decided about {reference}")
        return entry


def order_of(reference: str) -> UUID:
    """Whose charge it is; ValueError if it is no name of a charge."""
    if not reference.startswith(PREFIX):
        raise ValueError(f"{reference[:60]!r} is no charge of the mock provider")
    return UUID(reference.removeprefix(PREFIX))


def _charge_in(entries: Entries) -> LedgerEntry | None:
    """How things stand with an order's charge."""
    return next((entry for entry in reversed(entries) if entry.refund_id is None), None)


def _first(order_id: UUID, amount: Money, method: str) -> LedgerEntry:
    """What is decided about a charge when it is asked for."""
    match method:
        case Method.THREE_D_SECURE:
            return LedgerEntry(order_id, Verdict.WAITING, amount, method=method)
        case Method.FLAKY:
            return LedgerEntry(order_id, Verdict.UNSETTLED, amount, method=method)
        case Method.CARD | Method.SLOW | Method.TIMEOUT_CHARGED | Method.REFUND_REFUSED | Method.REFUND_FLAKY:
            return LedgerEntry(order_id, Verdict.CAPTURED, amount, method=method)
        case Method.DECLINED | Method.INSUFFICIENT_FUNDS | Method.EXPIRED:
            return LedgerEntry(order_id, Verdict.REFUSED, code=REFUSALS[method], method=method)
        case _:  # what else a buyer sends may be anything, also a card's number: it is not kept
            return LedgerEntry(order_id, Verdict.REFUSED, code="UNKNOWN_METHOD")


def _next_of_refund(entries: Entries, order_id: UUID, refund_id: UUID, amount: Money) -> LedgerEntry | None:
    """The next decision about a refund; None after the last."""
    before = next((entry for entry in reversed(entries) if entry.refund_id == refund_id), None)
    if before and before.verdict is not Verdict.REFUND_UNSETTLED:
        return None
    verdict, code = _verdict_on_refund(entries, amount, first=before is None)
    return LedgerEntry(order_id, verdict, amount, code, refund_id)


def _verdict_on_refund(entries: Entries, amount: Money, *, first: bool) -> tuple[Verdict, str]:
    charge = _charge_in(entries)
    if charge is None or charge.verdict is not Verdict.CAPTURED or charge.amount is None:
        return Verdict.REFUND_REFUSED, "NOT_CAPTURED"
    given_back = [entry.amount for entry in entries if entry.verdict is Verdict.REFUNDED and entry.amount]
    if charge.amount < sum(given_back, amount):
        return Verdict.REFUND_REFUSED, "REFUND_TOO_HIGH"
    if charge.method == Method.REFUND_REFUSED:
        return Verdict.REFUND_REFUSED, "REFUND_REFUSED"
    if charge.method == Method.REFUND_FLAKY and first:
        return Verdict.REFUND_UNSETTLED, ""
    return Verdict.REFUNDED, ""


def _told(entry: LedgerEntry) -> Outcome:
    reference = f"{PREFIX}{entry.order_id}"
    match entry.verdict:
        case Verdict.CAPTURED:
            return Captured(reference)
        case Verdict.WAITING:
            return ActionRequired(url=f"{PAGE}/{reference}")
        case Verdict.UNSETTLED:
            return Unknown()
        case _:
            return Refused(entry.code, f"the mock provider says {entry.code}")
