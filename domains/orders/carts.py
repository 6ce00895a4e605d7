"""Carts: read with the offers as they stand, and changed one buyer at a time."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from domains.orders import cart_repository as repository
from domains.orders.cart_repository import CartLineRow
from domains.orders.commands import AddToCart, SetCartLine, quantity_problem
from domains.orders.errors import OfferGone, OwnBook
from domains.orders.model import CART_LINES, Cart, CartLine, Offer, problems_with
from domains.orders.ports import BookTitles, StockHolds
from kernel.database import Database, Transaction
from kernel.errors import InvalidField, Problem
from kernel.money import Money

_OFFER = ("input", "offerId")


class Carts:
    """What buyers mean to buy."""

    def __init__(self, database: Database, stock: StockHolds, titles: BookTitles, *, currency: str) -> None:
        self._database = database
        self._stock = stock
        self._titles = titles
        self._currency = currency

    async def read(self, buyer_id: str) -> Cart:
        """A buyer's cart, the current offers beside its lines."""
        version, rows = await repository.cart_rows(self._database.read(), buyer_id)
        offers = await self._stock.find_items([row.listing_id for row in rows]) if rows else {}
        lines = tuple(
            CartLine(
                row.listing_id,
                row.quantity,
                row.isbn,
                row.title,
                Money(row.unit_price, self._currency),
                offers.get(row.listing_id),
            )
            for row in rows
        )
        total = sum((line.unit_price * line.quantity for line in lines), Money(0, self._currency))
        problems = tuple(problem for line in lines for problem in problems_with(buyer_id, line))
        return Cart(buyer_id, version, lines, total, problems)

    async def add(self, command: AddToCart) -> Cart | tuple[Problem, ...]:
        """Put copies into the cart besides those of the same listing; all of them at the current price."""
        return await self._change(command, least=1, wanted=lambda present: present + command.quantity)

    async def set_line(self, command: SetCartLine) -> Cart | tuple[Problem, ...]:
        """Have so many copies in the cart at the current price, none for 0; a gone offer can still be taken out."""
        if command.quantity == 0:
            return await self._remove(command.buyer_id, [command.listing_id])
        return await self._change(command, least=0, wanted=lambda _: command.quantity)

    async def clear(self, buyer_id: str) -> Cart:
        """Take everything out of the cart."""
        return await self._remove(buyer_id, None)

    async def _change(
        self, command: AddToCart | SetCartLine, *, least: int, wanted: Callable[[int], int]
    ) -> Cart | tuple[Problem, ...]:
        """Have as many copies of an offer as `wanted` makes of those in the cart."""
        buyer_id, listing_id = command.buyer_id, command.listing_id
        offer = (await self._stock.find_items([listing_id])).get(listing_id)
        problems = _problems_with(offer, command, least)
        if problems or offer is None:
            return problems
        title = (await self._titles.titles([offer.isbn])).get(offer.isbn)

        async def put(tx: Transaction) -> InvalidField | None:
            await repository.lock_cart_to_change(tx, buyer_id)
            room = await repository.room_for(tx, buyer_id, listing_id)
            quantity = wanted(room.quantity)
            if room.others >= CART_LINES:
                return InvalidField(path=_OFFER, reason=f"A cart has no more than {CART_LINES} lines.")
            if problem := quantity_problem(quantity, least=least):
                return problem
            line = CartLineRow(listing_id, quantity, offer.isbn, title, offer.price.minor)
            await repository.put_line(tx, buyer_id, line, position=room.last + 1)
            return None

        problem = await self._database.transact(put)
        return (problem,) if problem else await self.read(buyer_id)

    async def _remove(self, buyer_id: str, listing_ids: list[UUID] | None) -> Cart:
        async def remove(tx: Transaction) -> None:
            await repository.lock_cart_to_change(tx, buyer_id)
            await repository.remove_lines(tx, buyer_id, listing_ids)

        await self._database.transact(remove)
        return await self.read(buyer_id)


def _problems_with(offer: Offer | None, command: AddToCart | SetCartLine, least: int) -> tuple[Problem, ...]:
    """All that is wrong with wanting so many copies of an offer; without problems there is an offer."""
    problems: list[Problem] = []
    if wrong := quantity_problem(command.quantity, least=least):
        problems.append(wrong)
    if offer is None or offer.withdrawn:
        problems.append(OfferGone(path=_OFFER, listing_id=command.listing_id))
    elif offer.owner_id == command.buyer_id:
        problems.append(OwnBook(path=_OFFER, listing_id=command.listing_id))
    return tuple(problems)
