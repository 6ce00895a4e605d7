"""The books of a Stripe of our own: so much of it as the shop uses."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx

SECRET = "whsec_fake"

Fields = dict[str, Any]

DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
}
VISA, THREE_D_SECURE, PROCESSING = "pm_card_visa", "pm_card_threeDSecure2Required", "pm_processing"
PENDING_REFUND, DISPUTED = "pm_card_pendingRefund", "pm_card_createDispute"
METHODS = {VISA, THREE_D_SECURE, PROCESSING, PENDING_REFUND, DISPUTED, *DECLINES}
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error}


class Books:
    """Its intents, refunds and events are there to be looked at."""

    def __init__(self) -> None:
        self.url = ""
        self.intents: dict[str, Fields] = {}
        self.refunds: dict[str, Fields] = {}
        self.events: list[Fields] = []
        self._methods: dict[str, str] = {}

    # --- what a test does with it

    def intents_of(self, order_id: object) -> list[Fields]:
        """The intents of an order."""
        return [one for one in self.intents.values() if one["metadata"].get("order_id") == str(order_id)]

    def authenticate(self, identifier: str, *, approved: bool) -> None:
        """The buyer's answer to their bank."""
        intent = self.intents[identifier]
        assert intent["status"] == "requires_action", intent
        intent["next_action"] = None
        if approved:
            self._succeed(intent)
        else:
            self._decline(intent, "payment_intent_authentication_failure", None)

    def settle(self, identifier: str, status: str, reason: str | None = None) -> None:
        """A refund comes to its end."""
        refund = self.refunds[identifier]
        refund.update(status=status, failure_reason=reason)
        self._happen("refund.failed" if status == "failed" else "refund.updated", refund)

    def end_dispute(self, identifier: str) -> None:
        """The bank decides for the shop."""
        self._methods[identifier] = VISA

    def happened(self, type: str, about: str) -> Fields:
        """The newest event of this type about an object."""
        return next(
            event for event in reversed(self.events) if event["type"] == type and event["data"]["object"]["id"] == about
        )

    async def send(self, event: Fields, to: str, *, secret: str = SECRET, age_seconds: int = 0) -> httpx.Response:
        """Delivers an event."""
        body, headers = signed(event, secret=secret, age_seconds=age_seconds)
        async with httpx.AsyncClient(timeout=30) as http:
            return await http.post(f"{to}/webhooks/stripe", content=body, headers=headers)

    # --- intents

    def create(self, _: str, params: Fields) -> Fields:
        if int(params["amount"]) < 50:
            raise Refusal(400, type="invalid_request_error", code="amount_too_small", param="amount")
        identifier = f"pi_{uuid4().hex}"
        self.intents[identifier] = {
            "id": identifier, "object": "payment_intent", "amount": int(params["amount"]), "amount_received": 0,
            "currency": params["currency"], "status": "requires_payment_method", "metadata": params["metadata"],
            "client_secret": f"{identifier}_secret_{uuid4().hex}", "last_payment_error": None, "next_action": None,
            "latest_charge": None, "cancellation_reason": None, "livemode": False, "created": int(time.time()),
        }  # fmt: skip
        return copy.deepcopy(self.intents[identifier])

    def intent(self, identifier: str) -> Fields:
        if identifier not in self.intents:
            raise Refusal(404, type="invalid_request_error", code="resource_missing", param="intent")
        return copy.deepcopy(self.intents[identifier])

    def confirm(self, identifier: str, params: Fields) -> Fields:
        method = params["payment_method"]
        self._must_be_open(identifier)
        if method not in METHODS:
            raise Refusal(400, type="invalid_request_error", code="resource_missing", param="payment_method")
        intent = self.intents[identifier]
        self._methods[identifier] = method
        if method == THREE_D_SECURE:
            url = f"{self.url}/bank/{identifier}"
            redirect = {
                "type": "redirect_to_url",
                "redirect_to_url": {"url": url, "return_url": "https://shop.example"},
            }
            script = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "stripe_3ds2_fingerprint"}}
            intent.update(status="requires_action", next_action=redirect if "return_url" in params else script)
            self._happen("payment_intent.requires_action", intent)
        elif method == PROCESSING:
            intent["status"] = "processing"
        elif method in DECLINES:
            error = self._decline(intent, *DECLINES[method])
            raise Refusal(402, **error, payment_intent=copy.deepcopy(intent))
        else:
            self._succeed(intent)
        return copy.deepcopy(intent)

    def cancel(self, identifier: str, params: Fields) -> Fields:
        self._must_be_open(identifier)
        intent = self.intents[identifier]
        intent.update(status="canceled", next_action=None, cancellation_reason=params.get("cancellation_reason"))
        self._happen("payment_intent.canceled", intent)
        return copy.deepcopy(intent)

    def _must_be_open(self, identifier: str) -> None:
        if self.intent(identifier)["status"] not in OPEN:
            code = "payment_intent_unexpected_state"
            raise Refusal(400, type="invalid_request_error", code=code, payment_intent=self.intent(identifier))

    def _succeed(self, intent: Fields) -> None:
        intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=f"ch_{intent['id']}")
        self._happen("payment_intent.succeeded", intent)

    def _decline(self, intent: Fields, code: str, decline: str | None) -> Fields:
        error = {"type": "card_error", "code": code, "message": "Your card was declined.", "doc_url": ""}
        error |= {"decline_code": decline} if decline else {}
        intent.update(status="requires_payment_method", last_payment_error=error)
        self._happen("payment_intent.payment_failed", intent)
        return error

    # --- refunds

    def refund(self, _: str, params: Fields) -> Fields:
        intent = self.intent(params["payment_intent"])
        amount, method = int(params["amount"]), self._methods.get(intent["id"])
        back = sum(one["amount"] for one in self._of(intent["id"]) if one["status"] not in ("failed", "canceled"))
        if method == DISPUTED:
            raise Refusal(400, type="invalid_request_error", code="charge_disputed")
        if intent["amount_received"] == back:
            raise Refusal(400, type="invalid_request_error", code="charge_already_refunded")
        if amount > intent["amount_received"] - back:
            raise Refusal(400, type="invalid_request_error", param="amount", message="greater than unrefunded amount")
        identifier = f"re_{uuid4().hex}"
        self.refunds[identifier] = {
            "id": identifier, "object": "refund", "amount": amount, "currency": intent["currency"],
            "payment_intent": intent["id"], "charge": intent["latest_charge"], "metadata": params["metadata"],
            "status": "pending" if method == PENDING_REFUND else "succeeded", "created": int(time.time()),
        }  # fmt: skip
        charge = {"id": intent["latest_charge"], "object": "charge", "payment_intent": intent["id"], "refunded": True}
        self._happen("charge.refunded", charge)
        return copy.deepcopy(self.refunds[identifier])

    def refunds_of(self, _: str, params: Fields) -> Fields:
        return listed(self._of(self.intent(params["payment_intent"])["id"]))

    def _of(self, intent: str) -> list[Fields]:
        """An intent's refunds, the newest first."""
        return [one for one in reversed(self.refunds.values()) if one["payment_intent"] == intent]

    def _happen(self, type: str, thing: Fields) -> None:
        self.events.append(
            {
                "id": f"evt_{uuid4().hex}", "object": "event", "type": type, "api_version": "2026-01-28.clover",
                "created": int(time.time()), "livemode": False, "pending_webhooks": 1,
                "data": {"object": copy.deepcopy(thing)},
            }
        )  # fmt: skip


def listed(things: list[Fields]) -> Fields:
    """A page of a list."""
    return {"object": "list", "data": copy.deepcopy(things), "has_more": False, "url": "/v1/things"}


def signed(event: Fields, *, secret: str = SECRET, age_seconds: int = 0) -> tuple[bytes, dict[str, str]]:
    """An event's body and headers, as Stripe sends them."""
    body = json.dumps(event).encode()
    at = int(time.time()) - age_seconds
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={at},v1={signature}", "Content-Type": "application/json"}
