"""Money: an integer number of minor units in one currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from babel.numbers import format_currency, get_currency_precision, is_currency

MINOR_DIGITS = 2
"""Digits after the point of every amount on the wire; a deployment's currency has exactly these."""

LARGEST_MINOR = 10**12
"""The largest amount accepted from outside, in minor units."""


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were added or compared."""


class InvalidAmount(ValueError):
    """The text is no amount of money: not a number, too many digits, or absurdly large."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` units (cents) of `currency` (ISO 4217 code)."""

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        self._require_same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._require_same(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(self.minor * times, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._require_same(other)
        return self.minor < other.minor

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    @property
    def decimal(self) -> Decimal:
        """The amount in major units with exactly two digits."""
        return decimal_of(self.minor)

    def formatted(self, locale: str = "en") -> str:
        """For people: `€12.50`."""
        return format_currency(self.decimal, self.currency, locale=locale)

    @classmethod
    def parse(cls, amount: str | Decimal, currency: str) -> Money:
        """From a decimal in major units; raises InvalidAmount."""
        return cls(minor_of(amount), currency)

    def _require_same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} is not {other.currency}")


def decimal_of(minor: int) -> Decimal:
    """Minor units as a decimal with exactly two digits: 1250 is 12.50."""
    return Decimal(minor).scaleb(-MINOR_DIGITS)


def minor_of(amount: str | Decimal | int, *, largest: int = LARGEST_MINOR) -> int:
    """A decimal amount in minor units; raises InvalidAmount where it is not exact or larger than `largest` of them."""
    try:
        value = Decimal(amount)
        if not value.is_finite() or abs(value) > largest:
            raise InvalidAmount(f"{str(amount)[:40]!r} is not an amount of money")
        scaled = value.scaleb(MINOR_DIGITS)
        if scaled != scaled.to_integral_value():
            raise InvalidAmount(f"an amount has at most {MINOR_DIGITS} digits after the point")
    except InvalidOperation:
        raise InvalidAmount(f"{str(amount)[:40]!r} is not an amount of money") from None
    minor = int(scaled)
    if abs(minor) > largest:
        raise InvalidAmount("the amount is too large")
    return minor


@cache
def has_two_digits(currency: str) -> bool:
    """Whether the currency's minor unit is a hundredth, as a deployment's currency must have it."""
    return is_currency(currency) and get_currency_precision(currency) == MINOR_DIGITS
