"""What an event is, and how it is written on the wire: PascalCase JSON, money as a decimal with two digits."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic import ValidationError as InvalidModel
from pydantic.alias_generators import to_pascal

from kernel.money import decimal_of, minor_of


class Undecodable(ValueError):
    """The body is not this event: not JSON, or a field has a value that cannot be."""


_LARGEST_SUM = 2**63 - 1
"""What a seller has earned is no amount that anybody types in: it grows as far as a database can count."""


def _minor_units(value: Any, info: ValidationInfo) -> Any:
    """On the wire an amount is a decimal in major units; in the program an int of minor units."""
    return minor_of(value, largest=_LARGEST_SUM) if info.context == "wire" and value is not None else value


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Amount = Annotated[
    int,
    BeforeValidator(_minor_units),
    PlainSerializer(decimal_of, return_type=Decimal),
    WithJsonSchema({"type": "number", "multipleOf": 0.01}),
]
"""Minor units here; on the wire a decimal number with two digits."""

Moment = Annotated[datetime, AfterValidator(_aware)]
"""An aware UTC datetime; on the wire ISO 8601, read as UTC where it names no zone."""

_SPELLED = {"book_isbn": "BookISBN"}


def _wire_name(field: str) -> str:
    return _SPELLED.get(field) or to_pascal(field)


class Part(BaseModel):
    """A piece of an event's payload. Unknown fields are ignored, so that fields can be added."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=_wire_name,
        field_title_generator=lambda field, _: _wire_name(field),
        populate_by_name=True,
        extra="ignore",
    )


class Event(Part):
    """Something that happened, in the past tense; the class is the contract and its docstring the documentation.

    `owner` is the domain that publishes it, `aggregate` the field that says to which thing it happened. An event with
    a `version` field carries it as the aggregate's version.
    """

    owner: ClassVar[str]
    aggregate: ClassVar[str]
    schema_version: ClassVar[int] = 1

    def __init_subclass__(cls, *, owner: str = "", aggregate: str) -> None:
        super().__init_subclass__()
        cls.owner, cls.aggregate = owner, aggregate
        if owner:  # a shape that several events share has none
            _CATALOGUE[cls.__name__] = cls

    @property
    def aggregate_id(self) -> str:
        """The id of the thing that it happened to."""
        return str(getattr(self, self.aggregate))

    @property
    def aggregate_version(self) -> int:
        """The version of the thing after it happened, 0 where it counts none."""
        return getattr(self, "version", 0)

    def to_wire(self) -> bytes:
        """The payload alone, as JSON."""
        return orjson.dumps(self.model_dump(by_alias=True), default=_digits, option=orjson.OPT_UTC_Z)

    @classmethod
    def from_wire(cls, body: bytes) -> Self:
        """Reads a payload; unknown fields are ignored and missing ones defaulted. Raises Undecodable."""
        try:
            return cls.model_validate(json.loads(body, parse_float=Decimal), context="wire")
        except InvalidModel as error:
            fields = ", ".join(".".join(map(str, e["loc"])) or "body" for e in error.errors())
            raise Undecodable(f"{cls.__name__}: {fields} cannot be read") from None
        except (ValueError, RecursionError):
            raise Undecodable(f"{cls.__name__}: the body is not JSON in UTF-8") from None


_CATALOGUE: dict[str, type[Event]] = {}


def event_named(name: str) -> type[Event] | None:
    """The event class of this name, None where there is none."""
    return _CATALOGUE.get(name)


def every_event() -> tuple[type[Event], ...]:
    """All events of the catalogue in the order of `messaging/events.py`."""
    return tuple(_CATALOGUE.values())


def _digits(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} has no form on the wire")
