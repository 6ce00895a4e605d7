"""Scalars, and money as clients see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NewType, Self

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graph.errors import Code, refusal
from kernel import money
from kernel.books import InvalidIsbn, parse_isbn
from kernel.errors import InvalidField

ISBN = NewType("ISBN", str)
Currency = NewType("Currency", str)
Decimal = NewType("Decimal", str)
MinorUnits = NewType("MinorUnits", int)

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def _parse_isbn(value: object) -> ISBN:
    try:
        return ISBN(parse_isbn(value if isinstance(value, str) else ""))
    except InvalidIsbn as error:
        raise refusal(Code.BAD_USER_INPUT, str(error)) from None


def _text(pattern: re.Pattern[str], expected: str) -> Callable[[object], str]:
    """A parser of text that must match the whole pattern."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise refusal(Code.BAD_USER_INPUT, expected)
        return value

    return parse


def _parse_moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise refusal(Code.BAD_USER_INPUT, "A time looks like 2026-01-31T12:00:00Z.") from None
    if moment.tzinfo is None:
        raise refusal(Code.BAD_USER_INPUT, "A time needs its offset from UTC, as in 2026-01-31T12:00:00Z.")
    return moment


SCALARS: dict[object, ScalarDefinition] = {
    ISBN: strawberry.scalar(
        name="ISBN",
        description="The number of a book. ISBN-10 and ISBN-13 are accepted, with or without hyphens, and the check "
        "digit is checked; the answer is always an ISBN-13 without hyphens.",
        parse_value=_parse_isbn,
    ),
    Currency: strawberry.scalar(
        name="Currency",
        description="An ISO 4217 currency code of three capital letters, as EUR.",
        parse_value=_text(_CURRENCY, "A currency is a code of three capital letters, as EUR."),
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number, written as a string so that no digit is lost: "12.50".',
        parse_value=_text(_DECIMAL, 'A decimal number is a string such as "12.50".'),
    ),
    MinorUnits: strawberry.scalar(
        name="MinorUnits",
        description="A whole number of a currency's minor units, such as cents. It can be larger than an Int, and "
        "never so large that JavaScript's numbers lose a digit of it.",
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in ISO 8601, in UTC: 2026-01-31T12:00:00.000000+00:00.",
        serialize=datetime.isoformat,
        parse_value=_parse_moment,
    ),
}


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = strawberry.field(description='The amount in major units with two digits: "12.50".')
    currency: Currency = strawberry.field(description="The currency of the amount.")
    minor_units: MinorUnits = strawberry.field(description="The same amount in minor units: 1250.")

    @classmethod
    def of(cls, value: money.Money) -> Self:
        """Money as clients see it."""
        return cls(
            amount=Decimal(str(value.decimal)),
            currency=Currency(value.currency),
            minor_units=MinorUnits(value.minor),
        )

    @classmethod
    def maybe(cls, value: money.Money | None) -> Self | None:
        """The same for an amount that may not be there."""
        return None if value is None else cls.of(value)


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount: Decimal = strawberry.field(
        description='The amount in major units with at most two digits after the point: "12.50".'
    )
    currency: Currency = strawberry.field(description="The currency of the amount; a marketplace trades in one.")

    def read(self, *path: str) -> money.Money | InvalidField:
        """The amount, or what is wrong with it; `path` leads to this input."""
        try:
            return money.Money.parse(self.amount, self.currency)
        except money.InvalidAmount as error:
            reason = str(error)
            return InvalidField(path=(*path, "amount"), reason=f"{reason[0].upper()}{reason[1:]}.")
