"""Selling: the seller's own desk, listings and sales, live too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry

from domains import sellers
from graph.auth import Role
from graph.context import Context, Info
from graph.errors import Code, refusal
from graph.live import Source
from graph.loaders import OwnListingKey
from graph.nodes import NotAnId, decode_id, encode_id
from graph.ports import Change, seller_topic
from graph.schema.catalog import Book, Offer, Seller, find_book, find_offer, find_seller
from graph.schema.connections import After, Connection, First, connect, empty_page, page_request
from graph.schema.inventory import ListingStock
from graph.schema.nodes import Node
from graph.schema.scalars import ISBN, Money
from graph.sharing import SHARED_BY_VIEWER
from kernel.books import Grade


@strawberry.type(description="A listing as its seller sees it.")
class Listing(Node):
    isbn: ISBN = strawberry.field(description="The book that is offered.")
    condition: Grade = strawberry.field(description="The condition of the copies.")
    price: Money = strawberry.field(description="The price of one copy.")
    location: str | None = strawberry.field(description="Where it is sent from.")
    published_quantity: int = strawberry.field(description="How many copies it was published with.")
    on_hand: int | None = strawberry.field(
        description="How many copies are on the shelf; null until the warehouse has taken them in."
    )
    withdrawn: bool = strawberry.field(description="Whether it takes no buyers any more.")
    version: int = strawberry.field(description="Rises with every edit; give it to `changeListing`.")
    published_at: datetime = strawberry.field(description="When it was published.")
    listing: strawberry.Private[sellers.Listing]

    @strawberry.field(description="The book's description.")
    async def book(self, info: Info) -> Book | None:
        return await find_book(info, self.isbn)

    @strawberry.field(
        description="The listing as buyers see it; null when it is withdrawn, or for a moment after it is published."
    )
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.listing.id)

    @strawberry.field(description="Where its copies are; null for a moment after it is published.")
    async def stock(self, info: Info) -> ListingStock | None:
        item = await info.context.loaders.stock_items.load(self.listing.id)
        return None if item is None else ListingStock.of(item)

    @classmethod
    def of(cls, listing: sellers.Listing) -> Self:
        """A listing of the sellers' domain."""
        return cls(
            id=strawberry.ID(encode_id("Listing", listing.id)),
            isbn=ISBN(listing.isbn),
            condition=listing.grade,
            price=Money.of(listing.price),
            location=listing.location or None,
            published_quantity=listing.published_quantity,
            on_hand=listing.on_hand,
            withdrawn=listing.withdrawn,
            version=listing.version,
            published_at=listing.published_at,
            listing=listing,
        )


@strawberry.type(description="Copies that were sold: one line of somebody's order.")
class Sale:
    id: strawberry.ID = strawberry.field(description="The sale's own id.")
    isbn: ISBN = strawberry.field(description="The book that was sold.")
    quantity: int = strawberry.field(description="How many copies.")
    amount: Money = strawberry.field(description="What the buyer paid for them.")
    recorded_at: datetime = strawberry.field(description="When it was entered in the seller's books.")
    reversed: bool = strawberry.field(description="Whether it was undone because the order was cancelled.")
    sale: strawberry.Private[sellers.Sale]

    @strawberry.field(description="The book's description.")
    async def book(self, info: Info) -> Book | None:
        return await find_book(info, self.isbn)

    @strawberry.field(description="The listing that it was sold from.")
    async def listing(self, info: Info) -> Listing | None:
        return await find_listing(info, self.sale.listing_id)

    @classmethod
    def of(cls, sale: sellers.Sale) -> Self:
        """A sale of the sellers' domain."""
        return cls(
            id=strawberry.ID(encode_id("Sale", sale.order_item_id)),
            isbn=ISBN(sale.isbn),
            quantity=sale.quantity,
            amount=Money.of(sale.amount),
            recorded_at=sale.recorded_at,
            reversed=sale.reversed,
            sale=sale,
        )


@strawberry.type(description="What a seller has earned.")
class SellerStatistics:
    books_sold: int = strawberry.field(description="How many books were sold, without those that went back.")
    revenue: Money = strawberry.field(description="What buyers paid, without what went back to them.")
    rating: float | None = strawberry.field(description="What buyers gave on average, from 0 to 5.")
    version: int = strawberry.field(description="Rises with every change.")


@strawberry.type(description="What a seller sees and nobody else.")
class SellerDesk:
    own: strawberry.Private[sellers.Seller | None]

    @strawberry.field(description="The viewer as others see them; null until `registerSeller`.")
    def seller(self) -> Seller | None:
        return None if self.own is None else Seller.of(self.own)

    @strawberry.field(description="Where the seller is written to.")
    def email(self) -> str | None:
        return None if self.own is None else self.own.email

    @strawberry.field(description="What the seller has earned; null until `registerSeller`.")
    def statistics(self) -> SellerStatistics | None:
        return None if self.own is None else show_statistics(self.own)

    @strawberry.field(description="The seller's listings, newest first, withdrawn ones among them.")
    async def listings(self, info: Info, first: First = 20, after: After = None) -> Connection[Listing]:
        request = page_request(first, after)
        page = await info.context.sellers.listings_of(self.own.id, request) if self.own else empty_page()
        return connect(page, request, Listing.of)

    @strawberry.field(description="The seller's sales, newest first.")
    async def sales(self, info: Info, first: First = 20, after: After = None) -> Connection[Sale]:
        request = page_request(first, after)
        page = await info.context.sellers.sales_of(self.own.id, request) if self.own else empty_page()
        return connect(page, request, Sale.of)


def show_statistics(seller: sellers.Seller) -> SellerStatistics:
    """A seller's statistics as the seller sees them."""
    return SellerStatistics(
        books_sold=seller.books_sold,
        revenue=Money.of(seller.revenue),
        rating=seller.rating,
        version=seller.version,
    )


async def find_listing(info: Info, listing_id: UUID) -> Listing | None:
    """The viewer's own listing with this id."""
    viewer = info.context.viewer
    if viewer is None:
        return None
    listing = await info.context.loaders.own_listings.load(OwnListingKey(viewer.subject, listing_id))
    return None if listing is None else Listing.of(listing)


@strawberry.type
class SellersQuery:
    @strawberry.field(description="The seller with this id. Open to everybody.")
    async def seller(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The seller's global id.")]
    ) -> Seller | None:
        try:
            return await find_seller(info, decode_id(id, "Seller"))
        except NotAnId:
            return None


@strawberry.type(description="The viewer's desk as a seller, as it is or as it has just become.")
class SaleUpdate:
    desk: SellerDesk = strawberry.field(description="The desk: statistics, sales, listings.")
    version: int = strawberry.field(description="Rises with every update.")
    is_snapshot: bool = strawberry.field(
        description="Whether this is how things stood when the subscription began rather than a change."
    )


@strawberry.type
class SellersSubscription:
    @strawberry.subscription(
        description="Watch the viewer's desk as a seller: first how it stands, then every change of the profile or the "
        "statistics. Needs the role SELLER and a registered seller.",
        metadata=SHARED_BY_VIEWER,
    )
    async def sales(self, info: Info) -> AsyncIterator[SaleUpdate]:
        viewer = info.context.require_role(Role.SELLER)
        seller = await info.context.sellers.seller_of(viewer.subject)
        if seller is None:
            raise refusal(Code.NOT_FOUND, "Register as a seller first.")
        return info.context.follow(_desk_of(info.context, seller))


def _desk_of(context: Context, seller: sellers.Seller) -> Source[sellers.Seller]:
    async def read(change: Change | None) -> list[sellers.Seller]:
        return [await context.sellers.seller_of(seller.owner_id) or seller]

    return Source(
        topics=[seller_topic(seller.id)],
        thing=lambda change: seller.id,
        read=read,
        place=lambda found: (found.id, found.version),
        update=lambda found, is_snapshot: SaleUpdate(
            desk=SellerDesk(own=found), version=found.version, is_snapshot=is_snapshot
        ),
    )
