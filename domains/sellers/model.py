"""Sellers and their listings: what they are, what may be asked of them, and which input is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from domains.sellers.errors import ListingIsWithdrawn, ListingNotFound, TooManyListings
from kernel.books import Grade, InvalidIsbn, parse_isbn
from kernel.errors import InvalidField, Problem, StaleVersion, UnsupportedCurrency
from kernel.money import Money

MOST_LISTINGS_OF_A_BOOK = 50
"""That are not withdrawn, of one seller: every change of an offer tells of all offers of its book."""
LARGEST_QUANTITY = 10_000
LARGEST_PRICE_MINOR = 100_000_000
LONGEST_DISPLAY_NAME = 60
LONGEST_LOCATION = 80
LONGEST_EMAIL = 254
LONGEST_KEY = 100

Path = tuple[str, ...]


def seller_id_of(issuer: str, subject: str) -> UUID:
    """The id of the seller who signs in with this subject at this issuer; always the same one."""
    return uuid5(uuid5(NAMESPACE_URL, issuer), subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who offers books; `books_sold` and `revenue` count what was paid, not undone and not refunded."""

    id: UUID
    owner_id: str
    display_name: str
    email: str | None
    books_sold: int
    revenue: Money
    rating: float | None
    version: int
    registered_at: datetime

    def announced(self) -> dict[str, Any]:
        """The fields of the events that tell of this seller."""
        return {
            "seller_id": self.id,
            "owner_id": self.owner_id,
            "display_name": self.display_name,
            "email": self.email,
            "books_sold": self.books_sold,
            "revenue": self.revenue.minor,
            "currency": self.revenue.currency,
            "rating": self.rating,
            "version": self.version,
        }


class AlreadyRegistered(Problem):
    """The viewer is a seller already."""

    code = "ALREADY_REGISTERED"
    seller: Seller


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Copies of one book in one condition at one price; `on_hand` is inventory's last word on how many are left."""

    id: UUID
    seller_id: UUID
    owner_id: str
    isbn: str
    grade: Grade
    price: Money
    location: str
    published_quantity: int
    withdrawn: bool
    version: int
    published_at: datetime
    on_hand: int | None = None

    def refuse_edit(self, owner_id: str, version: int) -> ListingNotFound | ListingIsWithdrawn | StaleVersion | None:
        """Why this owner, who has read this version, may not edit the listing."""
        if self.owner_id != owner_id:
            return ListingNotFound(listing_id=self.id)
        if self.withdrawn:
            return ListingIsWithdrawn(listing_id=self.id)
        if self.version != version:
            return StaleVersion(path=("input", "version"), expected=version, current=self.version)
        return None

    def changed_by(self, command: ChangeListing) -> Listing:
        """With what the command names; the same listing and version where that is nothing new."""
        changed = replace(
            self,
            price=command.price or self.price,
            grade=command.grade or self.grade,
            location=self.location if command.location is None else command.location.strip(),
        )
        return self if changed == self else replace(changed, version=self.version + 1)

    def announced(self) -> dict[str, Any]:
        """The fields of the events that tell of this listing."""
        return {
            "listing_id": self.id,
            "seller_id": self.seller_id,
            "owner_id": self.owner_id,
            "book_isbn": self.isbn,
            "grade": self.grade,
            "price": self.price.minor,
            "currency": self.price.currency,
            "location": self.location,
            "withdrawn": self.withdrawn,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One line of a paid order in its seller's books; `reversed` once the order was cancelled."""

    order_id: UUID
    order_item_id: UUID
    listing_id: UUID
    isbn: str
    quantity: int
    amount: Money
    recorded_at: datetime
    reversed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSeller:
    """Open a stall for the owner; `rating` is what readers gave a seller who comes from elsewhere."""

    owner_id: str
    issuer: str
    email: str | None
    display_name: str
    rating: float | None = None

    def problems(self) -> Iterator[InvalidField]:
        """What is wrong with the fields."""
        yield from refuse_text(self.display_name, ("input", "displayName"), LONGEST_DISPLAY_NAME)
        if self.email is not None:
            yield from refuse_text(self.email, ("input", "email"), LONGEST_EMAIL)

    @property
    def seller_id(self) -> UUID:
        """The id that the seller gets."""
        return seller_id_of(self.issuer, self.owner_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishListing:
    """Offer copies of a book at a price, which may have been unreadable; the same idempotency key publishes once.

    `id` is a new one unless given.
    """

    owner_id: str
    isbn: str
    grade: Grade
    price: Money | InvalidField
    location: str
    quantity: int
    idempotency_key: str | None = None
    id: UUID | None = None

    def problems(self, currency: str) -> Iterator[Problem]:
        """What is wrong with the fields, all of it."""
        yield from _refuse_isbn(self.isbn)
        yield from refuse_price(self.price, currency)
        yield from refuse_text(self.location, ("input", "location"), LONGEST_LOCATION, shortest=0)
        if not 1 <= self.quantity <= LARGEST_QUANTITY:
            reason = f"A listing has between 1 and {LARGEST_QUANTITY} copies."
            yield InvalidField(path=("input", "quantity"), reason=reason)
        if self.idempotency_key is not None:
            yield from refuse_text(self.idempotency_key, ("input", "idempotencyKey"), LONGEST_KEY)

    @property
    def isbn13(self) -> str | None:
        """The ISBN in its one form, None where it is not one."""
        try:
            return parse_isbn(self.isbn)
        except InvalidIsbn:
            return None

    @property
    def fingerprint(self) -> str:
        """Tells whether two commands ask for the same listing."""
        price = str(self.price) if isinstance(self.price, Money) else self.price.reason
        terms = (self.isbn13, self.grade, price, self.location.strip(), self.quantity)
        return sha256(repr(terms).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeListing:
    """Change what is not None, if `version` is still the listing's."""

    owner_id: str
    listing_id: UUID
    version: int
    price: Money | None = None
    grade: Grade | None = None
    location: str | None = None

    def problems(self, currency: str) -> Iterator[InvalidField | UnsupportedCurrency]:
        """What is wrong with the fields."""
        if self.price is not None:
            yield from refuse_price(self.price, currency)
        if self.location is not None:
            yield from refuse_text(self.location, ("input", "location"), LONGEST_LOCATION, shortest=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawListing:
    """Take a listing off the market for good, if `version` is still the listing's."""

    owner_id: str
    listing_id: UUID
    version: int


def name_key(display_name: str) -> str:
    """What two display names share that people would take for the same."""
    return " ".join(display_name.casefold().split())


def refuse_text(text: str, path: Path, longest: int, *, shortest: int = 1) -> Iterator[InvalidField]:
    """A text that is too short or too long without the spaces around it, or holds characters that cannot be seen."""
    text = text.strip()
    if len(text) < shortest:
        yield InvalidField(path=path, reason="This must not be empty.")
    elif len(text) > longest:
        yield InvalidField(path=path, reason=f"This has at most {longest} characters.")
    elif not text.isprintable():
        yield InvalidField(path=path, reason="Control characters and line breaks are not allowed here.")


def refuse_price(price: Money | InvalidField, currency: str) -> Iterator[InvalidField | UnsupportedCurrency]:
    """A price that is unreadable, in another currency, not above zero, or absurd."""
    if isinstance(price, InvalidField):
        yield price
        return
    if price.currency != currency:
        yield UnsupportedCurrency(path=("input", "price", "currency"), currency=price.currency, supported=currency)
    if not 0 < price.minor <= LARGEST_PRICE_MINOR:
        largest = Money(LARGEST_PRICE_MINOR, currency)
        yield InvalidField(path=("input", "price", "amount"), reason=f"A price is above zero and at most {largest}.")


def refuse_listings(count: int) -> Iterator[TooManyListings]:
    """More listings of one book than one seller may have."""
    if count > MOST_LISTINGS_OF_A_BOOK:
        yield TooManyListings(limit=MOST_LISTINGS_OF_A_BOOK)


def _refuse_isbn(isbn: str) -> Iterator[InvalidField]:
    try:
        parse_isbn(isbn)
    except InvalidIsbn as error:
        yield InvalidField(path=("input", "isbn"), reason=str(error))
