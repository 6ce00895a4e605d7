"""What can be wrong with what a seller asks for."""

from collections.abc import Sequence
from uuid import UUID

from kernel.errors import Problem


class NotASeller(Problem):
    """Only a registered seller can offer books: register first."""

    code = "NOT_A_SELLER"


class DisplayNameTaken(Problem):
    """Another seller trades under this name."""

    code = "DISPLAY_NAME_TAKEN"
    path: tuple[str, ...] = ("input", "displayName")
    display_name: str


class UnknownBook(Problem):
    """The catalogue does not know a book with this ISBN, so it cannot be offered."""

    code = "UNKNOWN_BOOK"
    path: tuple[str, ...] = ("input", "isbn")
    isbn: str


class TooManyListings(Problem):
    """The seller has as many listings of this book as one seller may have."""

    code = "TOO_MANY_LISTINGS"
    path: tuple[str, ...] = ("input", "isbn")
    limit: int


class ListingNotFound(Problem):
    """The seller has no such listing."""

    code = "LISTING_NOT_FOUND"
    path: tuple[str, ...] = ("input", "listingId")
    listing_id: UUID


class ListingIsWithdrawn(Problem):
    """The listing is withdrawn and stays so: publish a new one."""

    code = "LISTING_IS_WITHDRAWN"
    path: tuple[str, ...] = ("input", "listingId")
    listing_id: UUID


class BulkRefused(ValueError):
    """Something of a bulk command cannot be done; nothing of the rows it shares a transaction with was."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)
