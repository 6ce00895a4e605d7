"""Stripe as the payment provider: a PaymentIntent for each order, and its refunds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from stripe import CardError, InvalidRequestError, PaymentIntent, Refund, StripeError, StripeObject

from app.payments.refusals import CHARGE_CODES, DECLINED, UNKNOWN_METHOD, charge_code, refund_code
from app.payments.stripe_account import StripeAccount, named, tell
from domains.orders import ActionRequired, Captured, NotCharged, Prepared, Refunded, RefundRefused, Refused, Unknown
from kernel.clock import Clock, utc_now
from kernel.money import Money

KEY_SECONDS = 23 * 3600
"""How long a request is repeated under the same key: Stripe may forget a key after 24 hours."""
QUIET_SECONDS = 600
"""How long nothing is sent after a key has become too old, so that what was sent under it has arrived or never will."""

FAILED = ("failed", "canceled")
"""Ends of a refund that give no money back."""

OUR_REASON = "abandoned"
"""Marks an intent that was cancelled by us, whose order says more of why than Stripe does."""

ChargeOutcome = Captured | Refused | ActionRequired | NotCharged | Unknown
RefundOutcome = Refunded | RefundRefused


class StripePayments:
    """Takes and gives back money by Stripe; what nobody answered in time is Unknown.

    An intent takes money once at most, whatever is asked of it and however often. It is made under the order's id as
    the key, so one order has one. A refund is looked for before it is made.
    """

    def __init__(self, account: StripeAccount, *, return_url: str | None = None, clock: Clock = utc_now) -> None:
        """`return_url` is where a buyer's browser comes back to from 3-D Secure."""
        self.account = account
        self._return_url = return_url
        self._clock = clock

    async def prepare(self, order_id: UUID, amount: Money) -> Prepared | Refused | Unknown:
        """Make the order's intent, which is not confirmed: its id names the charge."""
        if self._age_of(order_id) >= KEY_SECONDS:
            return Unknown()
        params: Any = {
            "amount": amount.minor,
            "currency": amount.currency.lower(),
            "capture_method": "automatic",
            "payment_method_types": ["card"],
            "metadata": {"order_id": str(order_id)},
        }
        create = self.account.intents.create_async
        try:
            intent = await self.account.ask("preparing", lambda: create(params, {"idempotency_key": str(order_id)}))
        except StripeError as error:
            tell("an intent was refused", error)
            return Refused(CHARGE_CODES[error.code], _said(error)) if error.code in CHARGE_CODES else Unknown()
        return Prepared(intent.id) if intent else Unknown()

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused | ActionRequired | Unknown:
        """Confirm the intent with the buyer's payment method; the amount is the intent's own."""
        params: Any = {"payment_method": method}
        if self._return_url:
            params["return_url"] = self._return_url
        confirm = self.account.intents.confirm_async
        options: Any = {"idempotency_key": f"{reference}-charge"}
        try:
            intent = await self.account.ask("charging", lambda: confirm(reference, params, options))
        except CardError as error:
            code = charge_code(_part(error.error, "decline_code"), error.code)
            return await self._close(reference, Refused(code, _said(error)))
        except InvalidRequestError as error:
            if error.param == "payment_method":
                return await self._close(reference, Refused(UNKNOWN_METHOD, _said(error)))
            tell("a confirmation was refused", error)
            return _answer_to_charge(await self.lookup(reference))
        return _answer_to_charge(await self.ended(intent)) if intent else Unknown()

    async def lookup(self, reference: str) -> ChargeOutcome:
        """What became of the intent; a refused one is closed, so that nobody can pay it later."""
        intent = await self._intent(reference)
        return await self.ended(intent) if intent else Unknown()

    async def void(self, reference: str) -> Captured | NotCharged | Unknown:
        """Cancel the intent; one that has succeeded is Captured."""
        cancel = self.account.intents.cancel_async
        try:
            intent = await self.account.ask(
                "voiding a charge", lambda: cancel(reference, {"cancellation_reason": OUR_REASON})
            )
        except StripeError:  # it cannot be cancelled where it stands
            intent = await self._intent(reference)
        match intent.status if intent else None:
            case "succeeded":
                return Captured(reference)
            case "canceled":
                return NotCharged()
            case _:
                return Unknown()

    async def refund(self, refund_id: UUID, reference: str, amount: Money, retry: int = 0) -> RefundOutcome | Unknown:
        """Give money back, unless Stripe has or is about to; one that failed is made anew at the next retry alone."""
        age = self._age_of(refund_id)
        if age >= KEY_SECONDS and age % KEY_SECONDS < QUIET_SECONDS:
            return Unknown()
        try:
            made = await self.account.refunds_of(reference)
            if made is None:
                return Unknown()
            refund = standing(made, refund_id)
            if refund is None or (refund.status in FAILED and retry_of(refund) < retry):
                params: Any = {
                    "payment_intent": reference,
                    "amount": amount.minor,
                    "metadata": {"refund_id": str(refund_id), "retry": str(retry)},
                }
                options: Any = {"idempotency_key": f"{refund_id}:{retry}:{age // KEY_SECONDS}"}
                create = self.account.refunds.create_async
                refund = await self.account.ask("refunding", lambda: create(params, options))
        except StripeError as error:
            tell("a refund was refused", error)
            return Unknown() if error.code == "resource_missing" else RefundRefused(_refund_code(error), _said(error))
        return (refund_outcome_of(refund) if refund else None) or Unknown()

    async def _intent(self, reference: str) -> PaymentIntent | None:
        """The intent as it stands, None where it cannot be known."""
        try:
            return await self.account.intent(reference)
        except StripeError as error:  # another account's key, or an intent of test mode
            tell("Stripe does not know an intent", error, reference=reference)
            return None

    async def ended(self, intent: PaymentIntent) -> ChargeOutcome:
        """What an intent's state means to its order; a refused one is closed."""
        outcome = outcome_of(intent)
        if isinstance(outcome, Refused) and intent.status != "canceled":
            return await self._close(intent.id, outcome)
        return outcome

    async def _close(self, reference: str, refused: Refused) -> Captured | Refused | Unknown:
        """The refusal, once it is final: the buyer's browser could still pay an intent that is left open."""
        voided = await self.void(reference)
        return refused if isinstance(voided, NotCharged) else voided

    def _age_of(self, identifier: UUID) -> int:
        """How many seconds ago a UUIDv7 was made."""
        made_at = (identifier.int >> 80) / 1000
        return max(0, int(self._clock().timestamp() - made_at))


def outcome_of(intent: PaymentIntent) -> ChargeOutcome:
    """What an intent's state means to an order."""
    error = _part(intent, "last_payment_error")
    match intent.status:
        case "succeeded":
            return Captured(intent.id)
        case "requires_action":
            redirect = _part(_part(intent, "next_action"), "redirect_to_url")
            return ActionRequired(_part(intent, "client_secret"), _part(redirect, "url"))
        case "requires_payment_method" | "canceled" if error:
            decline, code = _part(error, "decline_code"), _part(error, "code")
            return Refused(charge_code(decline, code), f"Stripe says {code or DECLINED}")
        case "requires_payment_method" | "requires_confirmation" | "canceled":
            return NotCharged()
        case _:  # processing
            return Unknown()


def _answer_to_charge(outcome: ChargeOutcome) -> Captured | Refused | ActionRequired | Unknown:
    return Unknown() if isinstance(outcome, NotCharged) else outcome


def standing(refunds: Sequence[Refund], refund_id: UUID) -> Refund | None:
    """How a refund of ours stands at Stripe: by the one that did not fail, else by that of the last retry."""
    mine = [refund for refund in refunds if named(refund, "refund_id") == refund_id]
    return max(mine, key=lambda refund: (refund.status not in FAILED, retry_of(refund)), default=None)


def refund_outcome_of(refund: Refund) -> RefundOutcome | None:
    """What became of a refund, None while it is under way."""
    match refund.status:
        case "succeeded":
            return Refunded()
        case status if status in FAILED:
            said = _part(refund, "failure_reason") or refund.status
            return RefundRefused(refund_code(said), f"Stripe says {said}")
        case _:
            return None


def _part(thing: StripeObject | None, name: str) -> Any:
    """What Stripe may leave out, None then."""
    return getattr(thing, name, None)


def retry_of(refund: Refund) -> int:
    """At which of an operator's retries it was made."""
    try:
        return int((refund.metadata or {})["retry"])
    except (KeyError, ValueError):
        return 0


def _refund_code(error: StripeError) -> str:
    too_high = isinstance(error, InvalidRequestError) and error.param == "amount"
    return "REFUND_TOO_HIGH" if too_high else refund_code(error.code)


def _said(error: StripeError) -> str:
    """For logs."""
    return f"Stripe says {error.code or type(error).__name__} ({error.request_id or 'no request id'})"
