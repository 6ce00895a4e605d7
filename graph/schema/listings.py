"""What sellers do: register, publish, change and withdraw listings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from domains import sellers
from graph.auth import Role
from graph.context import Info
from graph.nodes import NotAnId, decode_id
from graph.schema import errors
from graph.schema.catalog import Seller
from graph.schema.errors import (
    Error,
    IdempotencyKeyReused,
    InvalidField,
    ListingNotFound,
    StaleVersion,
    UnsupportedCurrency,
    not_an_id,
    said,
)
from graph.schema.scalars import MoneyInput
from graph.schema.sellers import Listing
from graph.sizes import PROBLEMS, about
from kernel.books import Grade
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.errors import Problem
from kernel.errors import StaleVersion as StaleVersionProblem
from kernel.errors import UnsupportedCurrency as UnsupportedCurrencyProblem

# --- registering ------------------------------------------------------------------------------------------------


@strawberry.type(description="The viewer is a seller already.")
class AlreadyRegistered(Error):
    seller: Seller = strawberry.field(description="The seller that the viewer is.")


@strawberry.type(description="Another seller trades under this name.")
class DisplayNameTaken(Error):
    pass


RegisterSellerResult = Annotated[
    Seller | AlreadyRegistered | DisplayNameTaken | InvalidField,
    strawberry.union("RegisterSellerResult", description="The new seller, or why there is none."),
]


@strawberry.input(description="How a new seller appears.")
class RegisterSellerInput:
    display_name: str = strawberry.field(description="The name to trade under, 1 to 60 characters.")


# --- publishing -------------------------------------------------------------------------------------------------


@strawberry.type(description="Only a registered seller can offer books: register first.")
class NotASeller(Error):
    pass


@strawberry.type(description="The catalogue does not know a book with this ISBN, so it cannot be offered.")
class UnknownBook(Error):
    isbn: str = strawberry.field(description="The ISBN that was asked for.")


@strawberry.type(description="The seller has as many listings of this book as one seller may have.")
class TooManyListings(Error):
    limit: int = strawberry.field(description="How many listings of a book that are not withdrawn one may have.")


ListingProblem = Annotated[
    InvalidField | UnknownBook | NotASeller | TooManyListings | UnsupportedCurrency | IdempotencyKeyReused,
    strawberry.union("ListingProblem", description="Why a listing cannot be published."),
]


@strawberry.type(description="The listing was not published: see what is wrong.")
class ListingRejected(Error):
    problems: list[ListingProblem] = strawberry.field(description="Everything that is wrong.", metadata=about(PROBLEMS))


PublishListingResult = Annotated[
    Listing | ListingRejected,
    strawberry.union("PublishListingResult", description="The listing, or why it was not published."),
]


@strawberry.input(description="Copies of a book to offer.")
class PublishListingInput:
    isbn: str = strawberry.field(description="ISBN-10 or ISBN-13 of the book, with or without hyphens.")
    condition: Grade = strawberry.field(description="The condition of the copies.")
    price: MoneyInput = strawberry.field(description="The price of one copy.")
    location: str = strawberry.field(default="", description="Where they are sent from.")
    quantity: int = strawberry.field(default=1, description="How many copies, 1 to 10,000.")
    idempotency_key: strawberry.ID | None = strawberry.field(
        default=None, description="A text of your choice: the same one publishes once, however often it is sent."
    )


# --- changing ---------------------------------------------------------------------------------------------------


@strawberry.type(description="The listing is withdrawn and stays so: publish a new one.")
class ListingIsWithdrawn(Error):
    pass


ChangeListingResult = Annotated[
    Listing | ListingNotFound | StaleVersion | ListingIsWithdrawn | InvalidField | UnsupportedCurrency,
    strawberry.union("ChangeListingResult", description="The listing as it is now, or why it was left alone."),
]
WithdrawListingResult = Annotated[
    Listing | ListingNotFound | StaleVersion | ListingIsWithdrawn | InvalidField,
    strawberry.union("WithdrawListingResult", description="The withdrawn listing, or why it was left alone."),
]


@strawberry.input(description="What to change of a listing; what is left out stays.")
class ChangeListingInput:
    listing_id: strawberry.ID = strawberry.field(description="The viewer's listing.")
    version: int = strawberry.field(description="The version of the listing that this answers to.")
    price: MoneyInput | None = strawberry.field(default=None, description="The new price of one copy.")
    condition: Grade | None = strawberry.field(default=None, description="The new condition.")
    location: str | None = strawberry.field(default=None, description="Where it is sent from now.")


@strawberry.input(description="Which listing to take off the market for good.")
class WithdrawListingInput:
    listing_id: strawberry.ID = strawberry.field(description="The viewer's listing.")
    version: int = strawberry.field(description="The version of the listing that this answers to.")


@strawberry.type
class ListingsMutation:
    @strawberry.mutation(description="Become a seller. Needs the role SELLER.")
    async def register_seller(
        self, info: Info, input: Annotated[RegisterSellerInput, strawberry.argument(description="How to appear.")]
    ) -> RegisterSellerResult | None:
        viewer = info.context.require_role(Role.SELLER)
        command = sellers.RegisterSeller(
            owner_id=viewer.subject, issuer=viewer.issuer, email=viewer.email, display_name=input.display_name
        )
        match await info.context.sellers.register(command):
            case sellers.Seller() as seller:
                return Seller.of(seller)
            case sellers.AlreadyRegistered() as problem:
                return AlreadyRegistered(**said(problem), seller=Seller.of(problem.seller))
            case sellers.DisplayNameTaken() as problem:
                return DisplayNameTaken(**said(problem))
            case InvalidFieldProblem() as problem:
                return InvalidField(**said(problem))

    @strawberry.mutation(description="Offer copies of a book. Needs the role SELLER.")
    async def publish_listing(
        self, info: Info, input: Annotated[PublishListingInput, strawberry.argument(description="What to offer.")]
    ) -> PublishListingResult | None:
        viewer = info.context.require_role(Role.SELLER)
        command = sellers.PublishListing(
            owner_id=viewer.subject,
            isbn=input.isbn,
            grade=input.condition,
            price=input.price.read("input", "price"),
            location=input.location,
            quantity=input.quantity,
            idempotency_key=input.idempotency_key,
        )
        listing = await info.context.sellers.publish_listing(command)
        return Listing.of(listing) if isinstance(listing, sellers.Listing) else _rejected(listing)

    @strawberry.mutation(description="Change price, condition or location of a listing. Needs the role SELLER.")
    async def change_listing(
        self, info: Info, input: Annotated[ChangeListingInput, strawberry.argument(description="What to change.")]
    ) -> ChangeListingResult | None:
        viewer = info.context.require_role(Role.SELLER)
        price = input.price.read("input", "price") if input.price else None
        if isinstance(price, InvalidFieldProblem):
            return InvalidField(**said(price))
        try:
            listing_id = decode_id(input.listing_id, "Listing")
        except NotAnId as error:
            return InvalidField(**said(not_an_id(error, "input", "listingId")))
        command = sellers.ChangeListing(
            owner_id=viewer.subject,
            listing_id=listing_id,
            version=input.version,
            price=price,
            grade=input.condition,
            location=input.location,
        )
        changed = await info.context.sellers.change_listing(command)
        if isinstance(changed, UnsupportedCurrencyProblem):
            return UnsupportedCurrency.of(changed)
        return _edited(changed)

    @strawberry.mutation(description="Take a listing off the market for good. Needs the role SELLER.")
    async def withdraw_listing(
        self, info: Info, input: Annotated[WithdrawListingInput, strawberry.argument(description="Which listing.")]
    ) -> WithdrawListingResult | None:
        viewer = info.context.require_role(Role.SELLER)
        try:
            listing_id = decode_id(input.listing_id, "Listing")
        except NotAnId as error:
            return InvalidField(**said(not_an_id(error, "input", "listingId")))
        command = sellers.WithdrawListing(owner_id=viewer.subject, listing_id=listing_id, version=input.version)
        return _edited(await info.context.sellers.withdraw_listing(command))


def _edited(
    outcome: sellers.Listing
    | sellers.ListingNotFound
    | StaleVersionProblem
    | sellers.ListingIsWithdrawn
    | InvalidFieldProblem,
) -> Listing | ListingNotFound | StaleVersion | ListingIsWithdrawn | InvalidField:
    match outcome:
        case sellers.Listing():
            return Listing.of(outcome)
        case sellers.ListingNotFound():
            return ListingNotFound(**said(outcome))
        case StaleVersionProblem():
            return StaleVersion.of(outcome)
        case sellers.ListingIsWithdrawn():
            return ListingIsWithdrawn(**said(outcome))
        case InvalidFieldProblem():
            return InvalidField(**said(outcome))


def _rejected(problems: Sequence[Problem]) -> ListingRejected:
    return ListingRejected(**said(errors.ListingRejected()), problems=[_show(problem) for problem in problems])


def _show(problem: Problem) -> ListingProblem:
    match problem:
        case InvalidFieldProblem():
            return InvalidField(**said(problem))
        case sellers.UnknownBook():
            return UnknownBook(**said(problem), isbn=problem.isbn)
        case sellers.NotASeller():
            return NotASeller(**said(problem))
        case sellers.TooManyListings():
            return TooManyListings(**said(problem), limit=problem.limit)
        case UnsupportedCurrencyProblem():
            return UnsupportedCurrency.of(problem)
        case sellers.IdempotencyKeyReused():
            return IdempotencyKeyReused(**said(problem))
    raise TypeError(f"{type(problem).__name__} is no problem of publishing a listing")
