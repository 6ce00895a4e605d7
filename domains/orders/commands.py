"""What a buyer may ask for, how it is checked, and what a checkout can answer."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import astuple, dataclass
from functools import cache
from hashlib import sha256
from uuid import UUID

from babel import Locale

from domains.orders.model import LINE_QUANTITY, Address, Cart, Order
from domains.orders.payment import ActionRequired
from kernel.errors import IdempotencyKeyReused, InvalidField, Problem
from kernel.money import Money

KEY_LENGTH = 255
METHOD_LENGTH = 255
_LONGEST = {"name": 120, "line1": 200, "line2": 200, "postal_code": 20, "city": 100, "region": 100, "country": 2}
_OPTIONAL = frozenset({"line2", "region"})
_NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Codes of two letters that Unicode's list of territories has besides countries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToCart:
    """Put copies of a listing into the cart, besides those that are in it."""

    buyer_id: str
    listing_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCartLine:
    """Have so many copies of a listing in the cart, at its price now; 0 takes it out."""

    buyer_id: str
    listing_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressParts:
    """An address as it was given: any part may be missing or wrong."""

    name: str | None = None
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Buy what is in the cart for the amount that the buyer agreed to, which may have been unreadable.

    `payment_method` is the provider's own token.
    """

    buyer_id: str
    buyer_email: str | None
    idempotency_key: str
    address: AddressParts
    amount: Money | InvalidField
    payment_method: str

    @property
    def key(self) -> str:
        """The idempotency key as it is stored; empty where there can be none like it."""
        return stored_key(self.idempotency_key)

    @property
    def fingerprint(self) -> str:
        """The same for the same request, whatever its key: a SHA-256 in hex."""
        texts = (*astuple(self.address), self.payment_method)
        agreed = (self.amount.minor, self.amount.currency) if isinstance(self.amount, Money) else (self.amount.reason,)
        request = (*map(_stripped, texts), *agreed)
        return sha256(repr(request).encode()).hexdigest()


# --- answers of a checkout --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckoutCompleted:
    """The order is paid; `replayed` when an earlier request with this key did it."""

    order: Order
    replayed: bool


@dataclass(frozen=True, slots=True)
class CheckoutPending:
    """What became of the payment is not known yet: watch the order, and do what it waits for, if it does."""

    order: Order
    next_action: ActionRequired | None = None


class CheckoutInProgress(Problem):
    """Another checkout of this buyer has no outcome yet: watch its order."""

    code = "CHECKOUT_IN_PROGRESS"
    order: Order


class CheckoutRejected(Problem):
    """The cart cannot be bought as it is, or the payment was not taken; nothing is charged or held."""

    code = "CHECKOUT_REJECTED"
    problems: tuple[Problem, ...]
    cart: Cart
    order: Order | None = None


CheckoutOutcome = CheckoutCompleted | CheckoutPending | CheckoutInProgress | CheckoutRejected | IdempotencyKeyReused


# --- checks -----------------------------------------------------------------------------------------------------


def quantity_problem(quantity: int, *, least: int) -> InvalidField | None:
    """What is wrong with the number of copies of a line."""
    if least <= quantity <= LINE_QUANTITY:
        return None
    return InvalidField(path=("input", "quantity"), reason=f"The quantity is not between {least} and {LINE_QUANTITY}.")


def input_problems(command: Checkout) -> list[Problem]:
    """What is wrong with a checkout, whatever is in the cart."""
    faults: dict[tuple[str, ...], str | None] = {
        ("idempotencyKey",): _fault(_stripped(command.idempotency_key), KEY_LENGTH),
        ("paymentMethod",): _fault(_stripped(command.payment_method), METHOD_LENGTH),
    }
    for part, longest in _LONGEST.items():
        value = _stripped(getattr(command.address, part))
        faults["deliveryAddress", _camel(part)] = _fault(value, longest, required=part not in _OPTIONAL)
    country = _stripped(command.address.country)
    if country and not faults["deliveryAddress", "country"] and country.upper() not in countries():
        faults["deliveryAddress", "country"] = "is not a code of two letters as ISO 3166 has them"
    wrong = [
        InvalidField(path=("input", *path), reason=f"{_spaced(path[-1])} {fault}.")
        for path, fault in faults.items()
        if fault
    ]
    return [command.amount, *wrong] if isinstance(command.amount, InvalidField) else [*wrong]


def address_of(parts: AddressParts) -> Address:
    """An address of parts that have no problem."""
    return Address(
        name=_stripped(parts.name) or "",
        line1=_stripped(parts.line1) or "",
        line2=_stripped(parts.line2),
        postal_code=_stripped(parts.postal_code) or "",
        city=_stripped(parts.city) or "",
        region=_stripped(parts.region),
        country=(_stripped(parts.country) or "").upper(),
    )


def stored_key(text: str) -> str:
    """An idempotency key as it is stored; empty where there can be none like it."""
    key = _stripped(text)
    return "" if _fault(key, KEY_LENGTH) else key or ""


@cache
def countries() -> frozenset[str]:
    """The codes of all countries, as ISO 3166 has them (and Kosovo's)."""
    return frozenset(code for code in map(str, Locale("en").territories) if len(code) == 2) - _NO_COUNTRIES


def fault_of(text: str, longest: int, *, required: bool = True) -> str | None:
    """What is wrong with a text, as the end of a sentence about it."""
    return _fault(_stripped(text), longest, required=required)


def _fault(value: str | None, longest: int, *, required: bool = True) -> str | None:
    if value is None:
        return "is missing" if required else None
    if len(value) > longest:
        return f"has more than {longest} characters"
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in value):
        return "has characters that cannot be written"
    return None


def _stripped(text: str | None) -> str | None:
    """Text without space around it; None where nothing is left."""
    return (text or "").strip() or None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def _spaced(name: str) -> str:
    return "The " + re.sub("(?<=[a-z])(?=[A-Z0-9])", " ", name).lower()
