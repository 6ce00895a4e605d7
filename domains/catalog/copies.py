"""Copies of the read model in the cache: their keys and their forms. Every method may raise CacheUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from domains.catalog.model import Book, BookOffer, BookOffers
from kernel.cache import Cache
from kernel.pages import Page, PageRequest

AVAILABLE = "available"
"""The group of pages of books that can be bought; every change of stock begins its next generation."""


@dataclass(frozen=True, slots=True)
class _Sellers:
    """Who sells a book, as of a version of its stock."""

    version: int
    offers: tuple[BookOffer, ...]


_STOCK = TypeAdapter(BookOffers)
_SELLERS = TypeAdapter(_Sellers)
_PAGE = TypeAdapter(Page[Book])


class Copies:
    """What the cache holds of the catalog: `book:{isbn}` totals and prices, `sellers:{isbn}` offers, pages."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def offers(self, isbns: Sequence[str]) -> dict[str, BookOffers]:
        """What is offered of the books of which both copies are there and of the same version."""
        keys = [f"{kind}:{isbn}" for isbn in isbns for kind in ("book", "sellers")]
        values = await self._cache.get_many(keys)
        found = {}
        for isbn, stock_value, sellers_value in zip(isbns, values[::2], values[1::2], strict=True):
            if stock_value is None or sellers_value is None:
                continue
            stock, sellers = _STOCK.validate_json(stock_value), _SELLERS.validate_json(sellers_value)
            if stock.version == sellers.version:
                found[isbn] = replace(stock, offers=sellers.offers)
        return found

    async def keep_offers(self, stock: BookOffers) -> None:
        """Copy what is offered of a book unless the copy is as new."""
        sellers = _SELLERS.dump_json(_Sellers(stock.version, stock.offers))
        await self._cache.set_if_newer(f"sellers:{stock.isbn}", stock.version, sellers)
        totals = _STOCK.dump_json(stock, exclude={"offers"})
        await self._cache.set_if_newer(f"book:{stock.isbn}", stock.version, totals)

    async def incarnation(self) -> str:
        """Under another name than before, everything has to be copied again."""
        return await self._cache.incarnation()

    async def generation(self) -> int:
        """The generation of the pages of books that can be bought: read it before the books."""
        return await self._cache.generation(AVAILABLE)

    async def begin_generation(self) -> None:
        """Outdate the pages of books that can be bought."""
        await self._cache.bump(AVAILABLE)

    async def available_page(self, generation: int, request: PageRequest) -> Page[Book] | None:
        """A page of the books that can be bought, in their usual order."""
        (value,) = await self._cache.get_many([_page_key(generation, request)])
        return None if value is None else _PAGE.validate_json(value)

    async def keep_available_page(self, generation: int, request: PageRequest, page: Page[Book]) -> None:
        """Copy a page that was read after the generation was."""
        await self._cache.set_if_newer(_page_key(generation, request), generation, _PAGE.dump_json(page))


def _page_key(generation: int, request: PageRequest) -> str:
    """A page is named by its size and where it begins."""
    begins = "" if request.after is None else f"-{request.after}"
    return f"{AVAILABLE}:page:{generation}:{request.first}{begins}"
