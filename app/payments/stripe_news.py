"""What Stripe tells by itself: an event only says what to look at, never what became of it."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from stripe import InvalidRequestError, PaymentIntent

from app.payments.stripe import OUR_REASON, ChargeOutcome, StripePayments, refund_outcome_of, retry_of, standing
from app.payments.stripe_account import named
from domains.orders import NotCharged, Refunded, RefundRefused, RefundReturned, Unknown

OF_CHARGES = {
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.requires_action",
}
OF_REFUNDS = {"charge.refunded", "refund.updated", "refund.failed"}
"""Their objects, a charge or a refund, name the intent that they belong to."""


class ChargeNews(NamedTuple):
    """What became of an order's charge."""

    order_id: UUID
    outcome: ChargeOutcome


class RefundNews(NamedTuple):
    """What became of a refund, as it stands at Stripe now."""

    refund_id: UUID
    outcome: Refunded | RefundReturned


class NotKnownNow(Exception):
    """Stripe does not say how things stand: ask again later."""


class StripeNews:
    """Looks up what an event is about, so events may come late, twice and in any order."""

    def __init__(self, payments: StripePayments, secret: str) -> None:
        self._payments = payments
        self._secret = secret

    async def read(self, payload: bytes, signature: str) -> list[ChargeNews | RefundNews]:
        """What there is to record, nothing for what is not ours; raises Forged, NotKnownNow."""
        event = self._payments.account.event(payload, signature, self._secret)
        name = "id" if event.type in OF_CHARGES else "payment_intent"
        reference = str(getattr(event.data.object, name, None) or "")
        try:
            if event.type in OF_CHARGES:
                return await self._of_charge(reference)
            if event.type in OF_REFUNDS and reference:
                return await self._of_refunds(reference)
        except InvalidRequestError:  # Stripe knows nothing of this name
            return []
        return []

    async def _of_charge(self, reference: str) -> list[ChargeNews | RefundNews]:
        intent = await self._payments.account.intent(reference)
        if intent is None:
            raise NotKnownNow
        order_id = named(intent, "order_id")
        if order_id is None:
            return []
        outcome = await self._payments.ended(intent)
        if isinstance(outcome, Unknown) or (isinstance(outcome, NotCharged) and not _ended_by_others(intent)):
            return []
        return [ChargeNews(order_id, outcome)]

    async def _of_refunds(self, reference: str) -> list[ChargeNews | RefundNews]:
        refunds = await self._payments.account.refunds_of(reference)
        if refunds is None:
            raise NotKnownNow
        news: list[ChargeNews | RefundNews] = []
        for refund_id in {refund_id for refund in refunds if (refund_id := named(refund, "refund_id"))}:
            refund = standing(refunds, refund_id)
            outcome = refund and refund_outcome_of(refund)
            if refund and outcome:
                news.append(RefundNews(refund_id, _as_it_stands(outcome, retry_of(refund))))
        return news


def _as_it_stands(outcome: Refunded | RefundRefused, retry: int) -> Refunded | RefundReturned:
    """What failed at Stripe has failed for good, also where it was done before."""
    return RefundReturned(outcome.code, outcome.message, retry) if isinstance(outcome, RefundRefused) else outcome


def _ended_by_others(intent: PaymentIntent) -> bool:
    """Whether an unpaid intent was cancelled at Stripe: an open one may be paid yet, and of ours orders knows."""
    return intent.status == "canceled" and intent.cancellation_reason != OUR_REASON
