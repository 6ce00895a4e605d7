"""Every SQL statement about carts."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, func, select, update

from domains.orders.tables import PENDING, cart_lines, carts, order_lines, orders
from kernel.columns import insert_row, param
from kernel.database import Reader, Statement, Transaction


class CartLineRow(NamedTuple):
    """One line of a cart."""

    listing_id: UUID
    quantity: int
    isbn: str
    title: str | None
    unit_price: int


class CartRow(NamedTuple):
    """A line of a cart beside the cart's version; all but the version is None in a cart without lines."""

    version: int
    listing_id: UUID | None
    quantity: int
    isbn: str
    title: str | None
    unit_price: int


class VersionRow(NamedTuple):
    """The version of a cart."""

    version: int


class RoomRow(NamedTuple):
    """How many lines a cart has besides a listing's, how many copies of the listing, and its last line's position."""

    others: int
    quantity: int
    last: int


_BUYER = carts.c.buyer_id == param(carts.c.buyer_id)
_LINE_OF_BUYER = cart_lines.c.buyer_id == param(cart_lines.c.buyer_id)
_LISTING = cart_lines.c.listing_id == param(cart_lines.c.listing_id)
_OF_ORDER = order_lines.c.order_id == param(order_lines.c.order_id)
_SAME_LISTING = order_lines.c.listing_id == cart_lines.c.listing_id

FIND_CART = Statement(
    select(carts.c.version, *(cart_lines.c[name] for name in CartLineRow._fields))
    .join_from(carts, cart_lines, cart_lines.c.buyer_id == carts.c.buyer_id, isouter=True)
    .where(_BUYER)
    .order_by(cart_lines.c.position),
    CartRow,
)
ADD_CART = Statement(insert_row(carts).on_conflict_do_nothing())
LOCK_CART = Statement(select(carts.c.version).where(_BUYER).with_for_update(key_share=True), VersionRow)
BUMP_CART = Statement(update(carts).where(_BUYER).values(version=carts.c.version + 1))
BUMP_CART_OF_PENDING_ORDER = Statement(
    update(carts)
    .where(
        carts.c.buyer_id
        == select(orders.c.buyer_id).where(orders.c.id == param(orders.c.id, "order_id"), PENDING).scalar_subquery()
    )
    .values(version=carts.c.version + 1)
)
FIND_ROOM = Statement(
    select(
        func.count().filter(cart_lines.c.listing_id != param(cart_lines.c.listing_id)).label("others"),
        func.coalesce(func.max(cart_lines.c.quantity).filter(_LISTING), 0).label("quantity"),
        func.coalesce(func.max(cart_lines.c.position), 0).label("last"),
    ).where(_LINE_OF_BUYER),
    RoomRow,
)
_put_line = insert_row(cart_lines)
PUT_LINE = Statement(
    _put_line.on_conflict_do_update(
        index_elements=[cart_lines.c.buyer_id, cart_lines.c.listing_id],
        set_={name: _put_line.excluded[name] for name in ("quantity", "unit_price", "title")},
    )
)
REMOVE_LINE = Statement(delete(cart_lines).where(_LINE_OF_BUYER, _LISTING))
REMOVE_LINES = Statement(delete(cart_lines).where(_LINE_OF_BUYER))
REMOVE_ORDERED = Statement(
    delete(cart_lines).where(
        _LINE_OF_BUYER,
        exists().where(_OF_ORDER, _SAME_LISTING, order_lines.c.quantity >= cart_lines.c.quantity),
    )
)
REDUCE_ORDERED = Statement(
    update(cart_lines)
    .where(_LINE_OF_BUYER, exists().where(_OF_ORDER, _SAME_LISTING))
    .values(
        quantity=cart_lines.c.quantity
        - select(order_lines.c.quantity).where(_OF_ORDER, _SAME_LISTING).scalar_subquery()
    )
)


async def cart_rows(reader: Reader, buyer_id: str) -> tuple[int, list[CartLineRow]]:
    """A cart's version, 0 where there never was one, and its lines in the order they were added."""
    rows = await reader.all(FIND_CART, buyer_id=buyer_id)
    lines = [
        CartLineRow(row.listing_id, row.quantity, row.isbn, row.title, row.unit_price)
        for row in rows
        if row.listing_id is not None
    ]
    return (rows[0].version if rows else 0), lines


async def lock_cart(tx: Transaction, buyer_id: str) -> int:
    """A cart's version, 0 where there is none; nobody else changes it or opens an order of it before this ends."""
    row = await tx.one(LOCK_CART, buyer_id=buyer_id)
    return row.version if row else 0


async def lock_cart_to_change(tx: Transaction, buyer_id: str) -> None:
    """Lock a cart, which is made if there is none."""
    await tx.run(ADD_CART, buyer_id=buyer_id, version=0)
    await lock_cart(tx, buyer_id)


async def room_for(tx: Transaction, buyer_id: str, listing_id: UUID) -> RoomRow:
    """What a locked cart has besides a listing's line, and of it."""
    return await tx.one(FIND_ROOM, buyer_id=buyer_id, listing_id=listing_id) or RoomRow(0, 0, 0)


async def put_line(tx: Transaction, buyer_id: str, line: CartLineRow, *, position: int) -> None:
    """Have this line in a locked cart: in the place of the one with its listing, at `position` where there is none."""
    await tx.run(PUT_LINE, buyer_id=buyer_id, position=position, **line._asdict())
    await tx.run(BUMP_CART, buyer_id=buyer_id)


async def remove_lines(tx: Transaction, buyer_id: str, listing_ids: Sequence[UUID] | None) -> None:
    """Take the lines of these listings out of a locked cart, or all of them."""
    if listing_ids is None:
        removed = await tx.run(REMOVE_LINES, buyer_id=buyer_id)
    else:
        removed = sum([await tx.run(REMOVE_LINE, buyer_id=buyer_id, listing_id=one) for one in listing_ids])
    if removed:
        await tx.run(BUMP_CART, buyer_id=buyer_id)


async def take_out_ordered(tx: Transaction, buyer_id: str, order_id: UUID, lines: int) -> None:
    """Take what was ordered, so many lines, out of a locked cart; copies that were added since stay."""
    if await tx.run(REMOVE_ORDERED, buyer_id=buyer_id, order_id=order_id) < lines:
        await tx.run(REDUCE_ORDERED, buyer_id=buyer_id, order_id=order_id)
