"""Books, the offers of them, and who offers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry

from domains import catalog, inventory, sellers
from domains.catalog import BookOrder
from graph.auth import Role
from graph.context import Info
from graph.nodes import encode_id
from graph.schema import errors
from graph.schema.connections import After, Connection, First, connect, page_of, page_request
from graph.schema.errors import Error, InvalidField, said
from graph.schema.inventory import BookStock
from graph.schema.nodes import Node
from graph.schema.scalars import ISBN, Money
from graph.sizes import PROBLEMS, about
from kernel.books import Grade
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.errors import Problem


@strawberry.type(description="Somebody who offers books.")
class Seller(Node):
    display_name: str = strawberry.field(description="The name that the seller trades under.")
    books_sold: int = strawberry.field(description="How many books the seller sold, without those that went back.")
    rating: float | None = strawberry.field(description="What buyers gave on average, from 0 to 5.")
    registered_at: datetime = strawberry.field(description="Since when the seller trades here.")

    @classmethod
    def of(cls, seller: sellers.Seller) -> Self:
        """What everybody may know of a seller."""
        return cls(
            id=strawberry.ID(encode_id("Seller", seller.id)),
            display_name=seller.display_name,
            books_sold=seller.books_sold,
            rating=seller.rating,
            registered_at=seller.registered_at,
        )


@strawberry.type(description="A listing as buyers see it: copies of one book, in one condition, from one seller.")
class Offer(Node):
    condition: Grade = strawberry.field(description="The condition of the copies.")
    price: Money = strawberry.field(description="The price of one copy.")
    available: int = strawberry.field(description="How many copies can be bought now.")
    location: str | None = strawberry.field(description="Where it is sent from, if the seller says so.")
    isbn: strawberry.Private[str]
    seller_id: strawberry.Private[UUID]

    @strawberry.field(description="The book that is offered.")
    async def book(self, info: Info) -> Book | None:
        return await find_book(info, self.isbn)

    @strawberry.field(description="Who offers it.")
    async def seller(self, info: Info) -> Seller | None:
        return await find_seller(info, self.seller_id)

    @classmethod
    def of(cls, offer: catalog.BookOffer, isbn: str) -> Self:
        """An offer of the read model."""
        return cls(
            id=strawberry.ID(encode_id("Offer", offer.listing_id)),
            condition=offer.grade,
            price=Money.of(offer.price),
            available=offer.quantity,
            location=offer.location or None,
            isbn=isbn,
            seller_id=offer.seller_id,
        )

    @classmethod
    def of_item(cls, item: inventory.StockItem) -> Self:
        """An offer as inventory knows it."""
        return cls(
            id=strawberry.ID(encode_id("Offer", item.listing_id)),
            condition=item.grade,
            price=Money.of(item.price),
            available=item.available,
            location=item.location or None,
            isbn=item.isbn,
            seller_id=item.seller_id,
        )


Conditions = Annotated[
    list[Grade] | None, strawberry.argument(description="Only offers in one of these conditions; all if left out.")
]


@strawberry.type(description="A book, whoever offers it.")
class Book(Node):
    isbn: ISBN = strawberry.field(description="Its ISBN-13.")
    title: str = strawberry.field(description="Its title.")
    authors: list[str] = strawberry.field(description="Who wrote it.")
    year: int | None = strawberry.field(description="The year of its first publication; negative before our era.")
    language: str | None = strawberry.field(description="Its language as a BCP 47 tag, as en or pt-BR.")
    rating: float | None = strawberry.field(description="What readers gave on average, from 0 to 5.")

    @strawberry.field(
        description="What can be bought of it. A moment may pass until a change is seen here; `stockUpdates` is faster."
    )
    async def stock(self, info: Info) -> BookStock:
        offers = await info.context.loaders.offers.load(self.isbn)
        return BookStock.nothing(self.isbn) if offers is None else BookStock.of(offers)

    @strawberry.field(description="The offers of it, cheapest first.")
    async def offers(
        self, info: Info, condition: Conditions = None, first: First = 20, after: After = None
    ) -> Connection[Offer]:
        request = page_request(first, after)
        found = await info.context.loaders.offers.load(self.isbn)
        offers = [offer for offer in found.offers if condition is None or offer.grade in condition] if found else []
        return connect(page_of(offers, request, _place), request, lambda offer: Offer.of(offer, self.isbn))

    @classmethod
    def of(cls, book: catalog.Book) -> Self:
        """A book of the catalog."""
        return cls(
            id=strawberry.ID(encode_id("Book", book.isbn)),
            isbn=ISBN(book.isbn),
            title=book.title,
            authors=list(book.authors),
            year=book.year,
            language=book.language,
            rating=book.rating,
        )


def _place(offer: catalog.BookOffer) -> tuple[int, str]:
    return offer.price.minor, str(offer.listing_id)


async def find_book(info: Info, isbn: str) -> Book | None:
    """The book with this ISBN-13."""
    book = await info.context.loaders.books.load(isbn)
    return None if book is None else Book.of(book)


async def find_seller(info: Info, seller_id: UUID) -> Seller | None:
    """The seller with this id."""
    seller = await info.context.loaders.sellers.load(seller_id)
    return None if seller is None else Seller.of(seller)


async def find_offer(info: Info, listing_id: UUID) -> Offer | None:
    """What a listing offers now, sold out or not; None for a withdrawn one."""
    item = await info.context.loaders.stock_items.load(listing_id)
    return None if item is None or item.withdrawn else Offer.of_item(item)


async def find_other_offers(info: Info, listing_id: UUID, limit: int) -> list[Offer]:
    """The cheapest other offers of the book that a listing offers, or offered."""
    item = await info.context.loaders.stock_items.load(listing_id)
    found = None if item is None else await info.context.loaders.offers.load(item.isbn)
    others = [offer for offer in found.offers if offer.listing_id != listing_id] if found else []
    return [Offer.of(offer, found.isbn) for offer in others[:limit]] if found else []


@strawberry.input(description="Which books; everything that is given must hold.")
class BookFilter:
    authors: str | None = strawberry.field(
        default=None, description="Words, each of which must begin a word of an author's name."
    )
    language: str | None = strawberry.field(default=None, description="A language tag: `en` finds `en-GB` too.")
    year_from: int | None = strawberry.field(default=None, description="Published in this year or later.")
    year_to: int | None = strawberry.field(default=None, description="Published in this year or earlier.")
    available: bool | None = strawberry.field(
        default=None, description="True for books that can be bought now, false for those that cannot."
    )


@strawberry.type
class CatalogQuery:
    @strawberry.field(description="The book with this ISBN. Open to everybody.")
    async def book(
        self, info: Info, isbn: Annotated[ISBN, strawberry.argument(description="Its ISBN.")]
    ) -> Book | None:
        return await find_book(info, isbn)

    @strawberry.field(description="Find books. Open to everybody.")
    async def books(
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(description="Words, each of which must begin a word of the title or an author's name."),
        ] = None,
        filter: Annotated[BookFilter | None, strawberry.argument(description="Which books.")] = None,
        order_by: Annotated[
            BookOrder | None, strawberry.argument(description="In which order; by relevance if left out.")
        ] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[Book]:
        request = page_request(first, after)
        chosen = filter or BookFilter()
        query = catalog.BookQuery(
            search=search,
            authors=chosen.authors,
            language=chosen.language,
            year_from=chosen.year_from,
            year_to=chosen.year_to,
            available=chosen.available,
            order_by=order_by or BookOrder.RELEVANCE,
            page=request,
        )
        return connect(await info.context.catalog.search(query), request, Book.of)


@strawberry.type(description="The catalogue has a book with this ISBN already.")
class BookAlreadyKnown(Error):
    isbn: ISBN = strawberry.field(description="The ISBN.")

    @strawberry.field(description="The book that it has.")
    async def book(self, info: Info) -> Book | None:
        return await find_book(info, self.isbn)


BookProblem = Annotated[
    BookAlreadyKnown | InvalidField,
    strawberry.union("BookProblem", description="Why a book cannot be added."),
]


@strawberry.type(description="The book was not added: see what is wrong.")
class BookRejected(Error):
    problems: list[BookProblem] = strawberry.field(description="Everything that is wrong.", metadata=about(PROBLEMS))


AddBookResult = Annotated[
    Book | BookRejected, strawberry.union("AddBookResult", description="The book, or why it was not added.")
]


@strawberry.input(description="A book for the catalogue.")
class AddBookInput:
    isbn: str = strawberry.field(description="ISBN-10 or ISBN-13, with or without hyphens.")
    title: str = strawberry.field(description="Its title.")
    authors: list[str] = strawberry.field(description="Who wrote it, at least one.")
    year: int | None = strawberry.field(default=None, description="The year of its first publication.")
    language: str | None = strawberry.field(default=None, description="Its language as a BCP 47 tag, as en or pt-BR.")


@strawberry.type
class CatalogMutation:
    @strawberry.mutation(description="Add a book to the catalogue, so that it can be listed. Needs the role OPERATOR.")
    async def add_book(
        self, info: Info, input: Annotated[AddBookInput, strawberry.argument(description="The book.")]
    ) -> AddBookResult | None:
        info.context.require_role(Role.OPERATOR)
        command = catalog.AddBook(
            isbn=input.isbn,
            title=input.title,
            authors=tuple(input.authors),
            year=input.year,
            language=input.language,
        )
        added = await info.context.catalog.add_book(command)
        return Book.of(added) if isinstance(added, catalog.Book) else _rejected(added)


def _rejected(problems: Sequence[Problem]) -> BookRejected:
    return BookRejected(**said(errors.BookRejected()), problems=[_show(problem) for problem in problems])


def _show(problem: Problem) -> BookProblem:
    match problem:
        case catalog.BookAlreadyKnown():
            return BookAlreadyKnown(**said(problem), isbn=ISBN(problem.isbn))
        case InvalidFieldProblem():
            return InvalidField(**said(problem))
    raise TypeError(f"{type(problem).__name__} is no problem of adding a book")
