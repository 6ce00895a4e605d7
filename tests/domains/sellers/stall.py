"""Sarah, who sells, and what she offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from domains.sellers import PublishListing, RegisterSeller, Seller, SellersService
from domains.sellers.handlers import learn_book
from kernel.books import Grade
from kernel.money import Money
from messaging.event import Event
from messaging.events import BookAdded

ISBN = "9780439023481"
OTHER_ISBN = "9780439554930"
Told = Callable[[], Awaitable[list[Event]]]
Deliver = Callable[..., Awaitable[None]]

SARAH = RegisterSeller(owner_id="sarah", issuer="here", email="sarah@books.example", display_name=" Sarah's Shelf ")
OFFER = PublishListing(
    owner_id="sarah", isbn=ISBN, grade=Grade.GOOD, price=Money(1250, "EUR"), location=" Utrecht ", quantity=3
)


async def opened_stall(service: SellersService, deliver: Deliver) -> Seller:
    await deliver(learn_book, BookAdded(book_isbn=ISBN, title="The Hunger Games", authors=("S. Collins",), version=1))
    seller = await service.register(SARAH)
    assert isinstance(seller, Seller)
    return seller


def kinds(problems: object) -> list[type]:
    assert isinstance(problems, tuple)
    return [type(problem) for problem in problems]
