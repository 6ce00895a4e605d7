"""Expected failures are values: one class per failure, with a stable code, a sentence and a path."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import getdoc
from typing import ClassVar, dataclass_transform


@dataclass(frozen=True, kw_only=True)
@dataclass_transform(frozen_default=True, kw_only_default=True)
class Problem:
    """Something that was asked for and cannot be done; subclasses are frozen, keyword-only dataclasses.

    `code` is stable and for programs, `message` is for people (the docstring's first sentence unless a subclass
    says more), `path` leads to the part of the input that is wrong: `("input", "deliveryAddress", "city")`.
    """

    code: ClassVar[str]
    path: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)

    @property
    def message(self) -> str:
        """One sentence for people."""
        return (getdoc(type(self)) or self.code).splitlines()[0]


class InvalidField(Problem):
    """A field of the input has a value that cannot be."""

    code = "INVALID_FIELD"
    path: tuple[str, ...] = ()
    reason: str

    @property
    def message(self) -> str:
        return self.reason


class StaleVersion(Problem):
    """Somebody changed this since it was read: read it again and repeat."""

    code = "STALE_VERSION"
    expected: int
    current: int


class IdempotencyKeyReused(Problem):
    """This idempotency key belongs to another request: use a new one for a new request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    path: tuple[str, ...] = ("input", "idempotencyKey")


class UnsupportedCurrency(Problem):
    """This marketplace trades in one currency, and it is another one."""

    code = "UNSUPPORTED_CURRENCY"
    currency: str
    supported: str


class IllegalTransition(Exception):
    """A command asked for a change that the state does not allow; a bug of the caller, never of an event."""
