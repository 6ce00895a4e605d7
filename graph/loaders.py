"""DataLoaders: every hop to another domain is asked once for a whole list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from domains.catalog import Book, BookOffers, CatalogService
from domains.inventory import InventoryService, StockItem
from domains.orders import Order, OrderPart, OrdersService, Parts, Refund
from domains.sellers import Listing, Seller, SellersService

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

BATCH_LIMIT = 1000


class OrderKey(NamedTuple):
    """An order, and what is to be read of it at least."""

    id: UUID
    parts: Parts


class OwnOrderKey(NamedTuple):
    """An order, if it is this buyer's, and what is to be read of it at least."""

    buyer_id: str
    id: UUID
    parts: Parts


class OwnListingKey(NamedTuple):
    """A listing, if it is this owner's."""

    owner_id: str
    id: UUID


class Loaders:
    """The loaders of one context.

    They batch and do not remember: a context may live as long as a websocket, and what a mutation changed must be
    seen by whatever is resolved after it.
    """

    def __init__(
        self,
        *,
        catalog: CatalogService,
        inventory: InventoryService,
        orders: OrdersService,
        sellers: SellersService,
    ) -> None:
        self.books: DataLoader[str, Book | None] = _loader(catalog.find_books)
        self.offers: DataLoader[str, BookOffers | None] = _loader(catalog.find_offers)
        self.stock_items: DataLoader[UUID, StockItem | None] = _loader(inventory.find_items)
        self.orders: DataLoader[OrderKey, Order | None] = _loader(partial(_find_orders, orders))
        self.own_orders: DataLoader[OwnOrderKey, Order | None] = _loader(partial(_find_own_orders, orders))
        self.refunds: DataLoader[UUID, tuple[Refund, ...] | None] = _loader(orders.refunds_of)
        self.sellers: DataLoader[UUID, Seller | None] = _loader(sellers.find_sellers)
        self.own_listings: DataLoader[OwnListingKey, Listing | None] = _loader(partial(_find_own_listings, sellers))


async def _find_orders(orders: OrdersService, keys: Sequence[OrderKey]) -> dict[OrderKey, Order]:
    """What is asked of one of them is read of all, at once."""
    found = await orders.find_orders(
        [key.id for key in keys], frozenset[OrderPart]().union(*(key.parts for key in keys))
    )
    return {key: found[key.id] for key in keys if key.id in found}


async def _find_own_orders(orders: OrdersService, keys: Sequence[OwnOrderKey]) -> dict[OwnOrderKey, Order]:
    found: dict[OwnOrderKey, Order] = {}
    for buyer_id in {key.buyer_id for key in keys}:
        own = [key for key in keys if key.buyer_id == buyer_id]
        parts = frozenset[OrderPart]().union(*(key.parts for key in own))
        read = await orders.find_own_orders(buyer_id, list({key.id: None for key in own}), parts)
        found |= {key: read[key.id] for key in own if key.id in read}
    return found


async def _find_own_listings(sellers: SellersService, keys: Sequence[OwnListingKey]) -> dict[OwnListingKey, Listing]:
    found: dict[OwnListingKey, Listing] = {}
    for owner_id in {key.owner_id for key in keys}:
        read = await sellers.find_listings(owner_id, [key.id for key in keys if key.owner_id == owner_id])
        found |= {OwnListingKey(owner_id, listing.id): listing for listing in read.values()}
    return found


def _loader(find: Callable[[Sequence[K]], Awaitable[dict[K, V]]]) -> DataLoader[K, V | None]:
    """A loader over a face's `find_…(keys) -> {key: view}`; what is not found is None."""

    async def load(keys: list[K]) -> list[V | None]:
        found = await find(list(dict.fromkeys(keys)))
        return [found.get(key) for key in keys]

    return DataLoader(load, max_batch_size=BATCH_LIMIT, cache=False)
