"""Whatever the program did wrong, the database itself refuses stock that cannot be."""

import pytest
from sqlalchemy import literal, select, update

from domains.inventory.model import Cause, StockState
from domains.inventory.tables import stock_items, stock_lines, stock_movements, stock_orders
from kernel.columns import in_seconds
from kernel.database import ConstraintViolated, Statement
from kernel.ids import new_id
from tests.domains.inventory.shelf import Shelf, paid

ITEMS, ORDERS, LINES, MOVES = stock_items.c, stock_orders.c, stock_lines.c, stock_movements.c
DEDUCTED = MOVES.cause == Cause.DEDUCTED
AGAIN = stock_movements.insert().from_select(
    [MOVES.id, MOVES.listing_id, MOVES.quantity, MOVES.cause, MOVES.reference, MOVES.moved_at],
    select(
        literal(new_id(), MOVES.id.type), MOVES.listing_id, MOVES.quantity, MOVES.cause, MOVES.reference, MOVES.moved_at
    ).where(DEDUCTED),
)

WRONG = {
    "more held than on hand": (
        Statement(update(stock_items).values(held=ITEMS.on_hand + 1)),
        "ck_stock_items_held_within_on_hand",
    ),
    "less held than nothing": (Statement(update(stock_items).values(held=-1)), "ck_stock_items_held_within_on_hand"),
    "copies before they are published": (
        Statement(update(stock_items).values(published=False)),
        "ck_stock_items_unpublished_has_no_copies",
    ),
    "a book for nothing": (Statement(update(stock_items).values(price=0)), "ck_stock_items_price_is_positive"),
    "a line of no copies": (
        Statement(update(stock_lines).values(quantity=0)),
        "ck_stock_lines_returned_within_quantity",
    ),
    "more returned than taken": (
        Statement(update(stock_lines).values(returned=LINES.quantity + 1)),
        "ck_stock_lines_returned_within_quantity",
    ),
    "less returned than nothing": (
        Statement(update(stock_lines).values(returned=-1)),
        "ck_stock_lines_returned_within_quantity",
    ),
    "a hold without an end": (
        Statement(update(stock_orders).values(state=StockState.HELD, expires_at=None)),
        "ck_stock_orders_only_a_hold_expires",
    ),
    "an end of what is not held": (
        Statement(update(stock_orders).values(state=StockState.DEDUCTED, expires_at=in_seconds(60))),
        "ck_stock_orders_only_a_hold_expires",
    ),
    "a movement of nothing": (
        Statement(update(stock_movements).where(DEDUCTED).values(quantity=0)),
        "ck_stock_movements_",
    ),
    "a movement the wrong way": (
        Statement(update(stock_movements).where(DEDUCTED).values(quantity=1)),
        "ck_stock_movements_moved_as_its_cause_says",
    ),
    "a movement of copies that were only held": (
        Statement(update(stock_movements).where(DEDUCTED).values(cause=Cause.EXPIRED)),
        "ck_stock_movements_moved_as_its_cause_says",
    ),
    "a movement for nobody": (
        Statement(update(stock_movements).where(DEDUCTED).values(reference=None)),
        "ck_stock_movements_done_for_somebody",
    ),
    "the same movement again": (Statement(AGAIN), "uq_stock_movements_reference_listing_id_cause"),
}


@pytest.mark.parametrize(("statement", "constraint"), WRONG.values(), ids=WRONG.keys())
async def test_the_database_itself_refuses_stock_that_cannot_be(
    shelf: Shelf, statement: Statement[None], constraint: str
) -> None:
    listing_id = await shelf.publish(copies=3)
    await shelf.deliver(paid(await shelf.holding((listing_id, 1)), (listing_id, 1)))

    with pytest.raises(ConstraintViolated, match=constraint):
        await shelf.database.write(statement)

    assert await shelf.counts(listing_id) == (2, 0)
