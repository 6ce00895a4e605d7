"""Expected failures as clients see them: members of a mutation's result, each an `Error` with a stable code."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from inspect import getdoc
from types import ModuleType
from typing import Any, TypedDict

import strawberry

import kernel.errors
from domains import catalog, inventory, notifications, orders, sellers
from graph.nodes import NotAnId
from kernel.errors import Problem


class CartRejected(Problem):
    """The cart was left as it was: see what is wrong."""

    code = "CART_REJECTED"


class ListingRejected(Problem):
    """The listing was not published: see what is wrong."""

    code = "LISTING_REJECTED"


class BookRejected(Problem):
    """The book was not added: see what is wrong."""

    code = "BOOK_REJECTED"


def shown_problems() -> Iterator[type[Problem]]:
    """Every problem that a domain's face, the kernel or this module can answer with."""
    own: tuple[type[Problem], ...] = (CartRejected, ListingRejected, BookRejected)
    yield from own
    faces: tuple[ModuleType, ...] = (kernel.errors, catalog, inventory, notifications, orders, sellers)
    for face in faces:
        for thing in vars(face).values():
            if isinstance(thing, type) and issubclass(thing, Problem) and thing is not Problem:
                yield thing


def _codes() -> dict[str, Any]:
    sentences = {problem.code: (getdoc(problem) or "").splitlines()[0] for problem in shown_problems()}
    return {code: strawberry.enum_value(code, description=sentences[code]) for code in sorted(sentences)}


ErrorCode = strawberry.enum(
    Enum("ErrorCode", _codes()), description="Which expected failure it is; codes never change."
)


@strawberry.interface(
    description="An expected failure. Ask for `... on Error` and members added later are covered too."
)
class Error:
    code: str = strawberry.field(description="Which failure it is, for programs.", graphql_type=ErrorCode)
    message: str = strawberry.field(description="What went wrong, in a sentence for people.")
    path: list[str] | None = strawberry.field(
        description='What is wrong of the arguments: ["input", "deliveryAddress", "city"]. Null if none of them is.'
    )


class Said(TypedDict):
    """The fields of the interface Error."""

    code: str
    message: str
    path: list[str] | None


def said(problem: Problem) -> Said:
    """What every error tells of a problem: `InvalidField(**said(problem))`."""
    return {"code": problem.code, "message": problem.message, "path": list(problem.path) or None}


def not_an_id(error: NotAnId, *path: str) -> kernel.errors.InvalidField:
    """The problem of an id in the input that names nothing of its kind."""
    text = str(error)
    return kernel.errors.InvalidField(path=path, reason=f"{text[0].upper()}{text[1:]}.")


@strawberry.type(description="A field of the input has a value that cannot be; `path` names the field.")
class InvalidField(Error):
    pass


@strawberry.type(description="Somebody changed this since it was read: read it again and repeat.")
class StaleVersion(Error):
    expected: int = strawberry.field(description="The version that the request was made for.")
    current: int = strawberry.field(description="The version that it has now.")

    @classmethod
    def of(cls, problem: kernel.errors.StaleVersion) -> StaleVersion:
        """The problem as clients see it."""
        return cls(**said(problem), expected=problem.expected, current=problem.current)


@strawberry.type(description="This marketplace trades in one currency, and it is another one.")
class UnsupportedCurrency(Error):
    supported: str = strawberry.field(description="The code of the currency that it trades in.")

    @classmethod
    def of(cls, problem: kernel.errors.UnsupportedCurrency) -> UnsupportedCurrency:
        """The problem as clients see it."""
        return cls(**said(problem), supported=problem.supported)


@strawberry.type(description="This idempotency key belongs to another request: use a new one for a new request.")
class IdempotencyKeyReused(Error):
    pass


@strawberry.type(description="The viewer has no such listing.")
class ListingNotFound(Error):
    pass
