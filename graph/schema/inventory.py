"""Stock: what can be bought of a book, live too, and how many copies of a listing are where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Protocol, Self, cast

import strawberry

from domains import inventory
from graph.auth import Role
from graph.context import Context, Info
from graph.errors import Code, refusal
from graph.live import Source
from graph.nodes import NotAnId, decode_id
from graph.ports import Change, book_topic
from graph.schema.errors import Error, InvalidField, ListingNotFound, StaleVersion, not_an_id, said
from graph.schema.scalars import ISBN, Money
from graph.sharing import SHARED_BY_EVERYBODY
from graph.sizes import sized_by
from kernel import money
from kernel.errors import InvalidField as InvalidFieldProblem
from kernel.errors import StaleVersion as StaleVersionProblem

BOOKS_PER_SUBSCRIPTION = 100
NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class StockFigures(Protocol):
    """What inventory and the catalog's read model both say of a book's stock."""

    @property
    def isbn(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def sellers(self) -> int: ...
    @property
    def min_price(self) -> money.Money | None: ...
    @property
    def max_price(self) -> money.Money | None: ...
    @property
    def average_price(self) -> money.Money | None: ...
    @property
    def version(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


@strawberry.type(description="What can be bought of a book, over all sellers. Copies that somebody holds do not count.")
class BookStock:
    isbn: ISBN = strawberry.field(description="The book.")
    total: int = strawberry.field(description="How many copies can be bought.")
    sellers: int = strawberry.field(description="How many sellers offer one.")
    min_price: Money | None = strawberry.field(description="The lowest price; null when nothing is left.")
    max_price: Money | None = strawberry.field(description="The highest price; null when nothing is left.")
    average_price: Money | None = strawberry.field(description="The offers' average price; null when nothing is left.")
    version: int = strawberry.field(description="Rises with every change; 0 for a book that was never offered.")
    updated_at: datetime = strawberry.field(
        description="When it last changed; the start of 1970 for a book that was never offered."
    )

    @classmethod
    def of(cls, figures: StockFigures) -> Self:
        """Inventory's or the catalog's figures as clients see them."""
        return cls(
            isbn=ISBN(figures.isbn),
            total=figures.total,
            sellers=figures.sellers,
            min_price=Money.maybe(figures.min_price),
            max_price=Money.maybe(figures.max_price),
            average_price=Money.maybe(figures.average_price),
            version=figures.version,
            updated_at=figures.updated_at,
        )

    @classmethod
    def nothing(cls, isbn: str) -> Self:
        """The stock of a book that was never offered."""
        return cls(
            isbn=ISBN(isbn),
            total=0,
            sellers=0,
            min_price=None,
            max_price=None,
            average_price=None,
            version=0,
            updated_at=NEVER,
        )


@strawberry.type(description="Where the copies of one listing are.")
class ListingStock:
    on_hand: int = strawberry.field(description="Copies on the shelf, with those that buyers hold.")
    held: int = strawberry.field(description="Copies that buyers hold while they pay.")
    available: int = strawberry.field(description="Copies that can be bought.")
    version: int = strawberry.field(description="Rises with every change; give it to `adjustStock`.")

    @classmethod
    def of(cls, item: inventory.StockItem) -> Self:
        """A stock item as its seller sees it."""
        return cls(on_hand=item.on_hand, held=item.held, available=item.available, version=item.version)


@strawberry.type(description="Buyers hold more copies than would be left on the shelf.")
class CopiesAreHeld(Error):
    held: int = strawberry.field(description="How many copies buyers hold.")


@strawberry.input(description="How many copies of a listing there really are.")
class AdjustStockInput:
    listing_id: strawberry.ID = strawberry.field(description="The viewer's listing.")
    on_hand: int = strawberry.field(description="Copies on the shelf, with those that buyers hold.")
    version: int = strawberry.field(description="The version of the listing's stock that this answers to.")


AdjustStockResult = Annotated[
    ListingStock | ListingNotFound | StaleVersion | InvalidField | CopiesAreHeld,
    strawberry.union("AdjustStockResult", description="The stock as it is now, or why it was left alone."),
]


@strawberry.type
class InventoryMutation:
    @strawberry.mutation(description="Correct how many copies of a listing there are. Needs the role SELLER.")
    async def adjust_stock(
        self, info: Info, input: Annotated[AdjustStockInput, strawberry.argument(description="What to correct.")]
    ) -> AdjustStockResult | None:
        viewer = info.context.require_role(Role.SELLER)
        try:
            listing_id = decode_id(input.listing_id, "Listing")
        except NotAnId as error:
            return InvalidField(**said(not_an_id(error, "input", "listingId")))
        command = inventory.AdjustStock(
            owner_id=viewer.subject, listing_id=listing_id, on_hand=input.on_hand, version=input.version
        )
        match await info.context.inventory.adjust_stock(command):
            case inventory.StockItem() as item:
                return ListingStock.of(item)
            case inventory.ListingNotFound() as problem:
                return ListingNotFound(**said(problem))
            case StaleVersionProblem() as problem:
                return StaleVersion.of(problem)
            case InvalidFieldProblem() as problem:
                return InvalidField(**said(problem))
            case inventory.CopiesAreHeld() as problem:
                return CopiesAreHeld(**said(problem), held=problem.held)


@strawberry.type(description="The stock of a book, as it is or as it has just become.")
class StockUpdate:
    isbn: ISBN = strawberry.field(description="The book.")
    stock: BookStock = strawberry.field(description="What can be bought of it.")
    version: int = strawberry.field(description="Rises with every update of this book.")
    is_snapshot: bool = strawberry.field(
        description="Whether this is how things stood when the subscription began rather than a change."
    )

    @classmethod
    def of(cls, stock: BookStock, *, is_snapshot: bool) -> Self:
        """An update that tells of this stock."""
        return cls(isbn=stock.isbn, stock=stock, version=stock.version, is_snapshot=is_snapshot)


@strawberry.type
class InventorySubscription:
    @strawberry.subscription(
        description="Watch what can be bought of books: first how each stands, then every change. Open to everybody.",
        metadata={**SHARED_BY_EVERYBODY, **sized_by("isbns")},
    )
    async def stock_updates(
        self, info: Info, isbns: Annotated[list[ISBN], strawberry.argument(description="The books, 1 to 100.")]
    ) -> AsyncIterator[StockUpdate]:
        books = list(dict.fromkeys(isbns))
        if not 1 <= len(books) <= BOOKS_PER_SUBSCRIPTION:
            raise refusal(Code.BAD_USER_INPUT, f"Watch between 1 and {BOOKS_PER_SUBSCRIPTION} books at a time.")
        return info.context.follow(_stock_of(info.context, books))


def _stock_of(context: Context, isbns: list[ISBN]) -> Source[BookStock]:
    """Changes are told from the event: the read model of the catalog may lag behind it."""

    async def read(change: Change | None) -> list[BookStock]:
        if change is not None:
            return [BookStock.of(cast(inventory.BookStock, change.payload))]
        found = await context.inventory.find_stock(isbns)
        return [BookStock.of(found[isbn]) if isbn in found else BookStock.nothing(isbn) for isbn in isbns]

    return Source(
        topics=[book_topic(isbn) for isbn in isbns],
        thing=lambda change: cast(inventory.BookStock, change.payload).isbn,
        read=read,
        place=lambda stock: (stock.isbn, stock.version),
        update=lambda stock, is_snapshot: StockUpdate.of(stock, is_snapshot=is_snapshot),
    )
