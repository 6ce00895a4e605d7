"""A payment provider for tests: it decides once for each charge and refund, is held up, away, or dies when told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from domains.orders import (
    ActionRequired,
    Captured,
    NotCharged,
    Prepared,
    Refunded,
    RefundRefused,
    Refused,
    Unknown,
)
from kernel.database import outside_transaction
from kernel.money import Money

PREFIX = "till-"
"""Before an order's id, it is the name of its charge."""


class Crash(BaseException):
    """The process died here, as far as the caller can tell: nothing of its own catches it."""


class Broken(Exception):
    """The provider's client raised what nobody expected."""


def reference_of(order_id: UUID) -> str:
    """The name of an order's charge."""
    return f"{PREFIX}{order_id}"


@dataclass
class Till:
    """`answer` and `refund_answer` are decided at the first call; `gate` keeps answers back, crashes lose them."""

    prefix: str = PREFIX
    answer: Captured | Refused | ActionRequired | Unknown = field(default_factory=lambda: Captured("till-1"))
    refund_answer: Refunded | RefundRefused | Unknown = field(default_factory=Refunded)
    preparation: Refused | Unknown | None = None
    """What comes of naming a charge, if it is no name."""
    gate: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    void_gate: asyncio.Event | None = None
    decided: dict[UUID, Captured | Refused | ActionRequired] = field(default_factory=dict)
    voided: set[UUID] = field(default_factory=set)
    charges: list[UUID] = field(default_factory=list)
    given_back: dict[UUID, tuple[str, Money]] = field(default_factory=dict)
    """By the refund's id: of which charge, and how much."""
    refunds: list[UUID] = field(default_factory=list)
    """Every refund that was asked for, as often as it was."""
    retries: dict[UUID, int] = field(default_factory=dict)
    """The retry of a refund that was asked for last."""
    refund_gate: asyncio.Event | None = None
    refund_asked: asyncio.Event = field(default_factory=asyncio.Event)
    refund_answer_lost: bool = False
    away: bool = False
    pays_before_void: bool = False
    """The buyer does what was required just before the charge is voided."""
    breaks_after_charge: bool = False
    unreadable: set[UUID] = field(default_factory=set)
    crash_before: bool | str = False
    """Dies before the charge, or before the call of this name."""
    crash_after: bool | str = False

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared | Refused | Unknown:
        outside_transaction("preparing")
        self._crash(self.crash_before, "prepare")
        prepared = self.preparation or Prepared(reference_of(order_id))
        self._crash(self.crash_after, "prepare")
        return prepared

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused | ActionRequired | Unknown:
        outside_transaction("charging")
        order_id = self._order_of(reference)
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        self._crash(self.crash_before, "charge")
        self.charges.append(order_id)
        if isinstance(self.answer, Unknown):
            return self.answer
        answer = Captured(reference) if isinstance(self.answer, Captured) else self.answer
        self.decided.setdefault(order_id, answer)
        self._crash(self.crash_after, "charge")
        if self.breaks_after_charge:
            raise Broken("after the charge")
        return self.decided[order_id]

    async def lookup(self, reference: str) -> Captured | Refused | ActionRequired | NotCharged | Unknown:
        outside_transaction("looking up")
        self._crash(self.crash_before, "lookup")
        order_id = self._order_of(reference)
        if order_id in self.unreadable:
            raise Broken("while looking up")
        if self.away:
            return Unknown()
        return NotCharged() if order_id in self.voided else self.decided.get(order_id, NotCharged())

    async def void(self, reference: str) -> Captured | NotCharged | Unknown:
        outside_transaction("voiding")
        self._crash(self.crash_before, "void")
        if self.void_gate is not None:
            await self.void_gate.wait()
        if self.away:
            return Unknown()
        order_id = self._order_of(reference)
        if self.pays_before_void:
            self.act(order_id, Captured(reference))
        decided = self.decided.get(order_id)
        if isinstance(decided, Captured):
            return decided
        self.voided.add(order_id)
        self.decided[order_id] = Refused("VOIDED", "too late")
        self._crash(self.crash_after, "void")
        return NotCharged()

    async def refund(
        self, refund_id: UUID, reference: str, amount: Money, retry: int = 0
    ) -> Refunded | RefundRefused | Unknown:
        outside_transaction("refunding")
        self.retries[refund_id] = retry
        self._crash(self.crash_before, "refund")
        self.refunds.append(refund_id)
        self.refund_asked.set()
        if self.refund_gate is not None:
            await self.refund_gate.wait()
        if refund_id in self.given_back:
            assert self.given_back[refund_id] == (reference, amount), "another refund under the same key"
            return Refunded()
        if self.away:
            return Unknown()
        if isinstance(self.refund_answer, Refunded):
            self.given_back[refund_id] = (reference, amount)
        self._crash(self.crash_after, "refund")
        return Unknown() if self.refund_answer_lost else self.refund_answer

    def act(self, order_id: UUID, decision: Captured | Refused) -> None:
        """The buyer did what was required, or did not; what is decided or voided stays."""
        if isinstance(self.decided.get(order_id), ActionRequired):
            self.decided[order_id] = decision

    def back(self, order_id: UUID) -> int:
        """How much of an order's money went back, in minor units."""
        return sum(amount.minor for of, amount in self.given_back.values() if of == reference_of(order_id))

    @property
    def kept(self) -> list[UUID]:
        """The orders whose money was taken."""
        return [order_id for order_id, answer in self.decided.items() if isinstance(answer, Captured)]

    def _crash(self, where: bool | str, call: str) -> None:
        if where == call or (where is True and call == "charge"):
            raise Crash(f"at the provider's {call}")

    def _order_of(self, reference: str) -> UUID:
        return UUID(reference.removeprefix(self.prefix))
