"""Why a payment or a refund was refused: stable codes fit for a buyer's eyes, whatever Stripe calls them."""

from __future__ import annotations

DECLINED = "DECLINED"
UNKNOWN_METHOD = "UNKNOWN_METHOD"
REFUND_REFUSED = "REFUND_REFUSED"

# What is not here is DECLINED: nobody who pays with a lost or stolen card is told that it is known.
CHARGE_CODES = {
    "insufficient_funds": "INSUFFICIENT_FUNDS",
    "expired_card": "CARD_EXPIRED",
    "invalid_expiry_month": "CARD_EXPIRED",
    "invalid_expiry_year": "CARD_EXPIRED",
    "incorrect_cvc": "INCORRECT_CVC",
    "invalid_cvc": "INCORRECT_CVC",
    "incorrect_number": "INCORRECT_NUMBER",
    "invalid_number": "INCORRECT_NUMBER",
    "authentication_required": "AUTHENTICATION_FAILED",
    "payment_intent_authentication_failure": "AUTHENTICATION_FAILED",
    "card_not_supported": "CARD_NOT_SUPPORTED",
    "currency_not_supported": "CARD_NOT_SUPPORTED",
    "card_velocity_exceeded": "LIMIT_EXCEEDED",
    "withdrawal_count_limit_exceeded": "LIMIT_EXCEEDED",
    "processing_error": "TRY_AGAIN",
    "issuer_not_available": "TRY_AGAIN",
    "reenter_transaction": "TRY_AGAIN",
    "try_again_later": "TRY_AGAIN",
    "amount_too_small": "AMOUNT_TOO_SMALL",
    "amount_too_large": "AMOUNT_TOO_LARGE",
}

REFUND_CODES = {
    "charge_already_refunded": "REFUND_TOO_HIGH",
    "charge_disputed": "DISPUTED",
    "charge_for_pending_refund_disputed": "DISPUTED",
    "expired_or_canceled_card": "CARD_EXPIRED",
    "lost_or_stolen_card": "CARD_CLOSED",
    "insufficient_funds": "INSUFFICIENT_FUNDS",
    "declined": "DECLINED",
}


def charge_code(*said: str | None) -> str:
    """The code of a refused charge, from what was said of it, the most telling first."""
    return next((CHARGE_CODES[word] for word in said if word in CHARGE_CODES), DECLINED)


def refund_code(said: str | None) -> str:
    """The code of a refused refund."""
    return REFUND_CODES.get(said or "", REFUND_REFUSED)
