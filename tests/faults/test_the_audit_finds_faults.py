"""Each rule of the audit holds for a sound shop, and speaks, alone, when what it is for goes wrong."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.audit import RULES
from app.audit.books import Limits, attached
from app.audit.reading import add_cache, complete
from app.settings import DOMAINS, Settings
from app.wiring import open_catalog
from domains.catalog.copies import Copies
from domains.catalog.model import BookOffers
from kernel.cache import CacheUnavailable, InProcessCache
from kernel.clock import utc_now
from tests.faults.sabotage import ANN, BOB, CID, DAN, LEFT, SOLD, TORN, Row, Sabotage, now
from tests.faults.sound_shop import EMMA, HOBBIT, play


def one_pending(shop: Sabotage) -> None:
    shop.books.execute("DROP INDEX orders.uq_orders_pending")
    shop.pending_order(now())
    shop.pending_order(now())


def old_order(shop: Sabotage) -> None:
    shop.pending_order(0)


def total(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE orders.orders SET total = total + 1 WHERE id = {ANN}",
        f"UPDATE orders.payments SET captured = captured + 1 WHERE order_id = {ANN}",
    )
    shop.charge(ANN, lambda line: [line | {"amount": line["amount"] + 1}])


def receipts(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE orders.receipts SET received_at = NULL WHERE order_id = {ANN} AND what = 'StockDeducted'",
        f"UPDATE orders.orders SET settled = FALSE WHERE id = {ANN}",
    )


def captured_in_vain(shop: Sabotage) -> None:
    order_id = str(uuid4())
    shop.charge(ANN, lambda line: [line, line | {"order": order_id}])


def refund_without_payment(shop: Sabotage) -> None:
    shop.refund(BOB, "PENDING", now())


def part_of_a_late_charge(shop: Sabotage) -> None:
    shop.copy(
        "orders.payments",
        "refunded = 0",
        order_id=shop.value(BOB),
        captured=shop.value(f"total FROM orders.orders WHERE id = {BOB}"),
    )
    shop.run(f"UPDATE orders.orders SET payment_status = 'CAPTURED' WHERE id = {BOB}")
    amount = shop.value(f"total FROM orders.orders WHERE id = {BOB}")
    shop.charge(BOB, lambda line: [line | {"verdict": "captured", "amount": amount, "currency": "EUR"}])


def refund_lines(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE orders.refund_lines SET amount = amount - 1 WHERE refund_id = {TORN}",
        f"UPDATE sellers.sale_refunds SET revenue = revenue - 1 WHERE refund_id = {TORN}",
        "UPDATE sellers.sellers SET revenue = revenue + 1 WHERE display_name = 'jonas'",
    )


def slow_refund(shop: Sabotage) -> None:
    shop.refund(ANN, "PENDING", 0)
    shop.run(
        f"UPDATE orders.payments SET refunding = 1 WHERE order_id = {ANN}",
        f"UPDATE orders.orders SET payment_status = 'REFUND_PENDING' WHERE id = {ANN}",
    )


def failed_refund(shop: Sabotage) -> None:
    shop.refund(ANN, "FAILED", now())
    shop.run(
        f"UPDATE orders.payments SET refunding = 1 WHERE order_id = {ANN}",
        f"UPDATE orders.orders SET payment_status = 'REFUND_FAILED' WHERE id = {ANN}",
    )


def returned_refund(shop: Sabotage) -> None:
    """What a refund becomes whose money the bank sends back: its copy stays on the shelf."""
    amount = shop.value(f"amount FROM orders.refunds WHERE id = {TORN}")
    shop.run(
        f"UPDATE orders.refunds SET status = 'FAILED', done_at = NULL, failure_code = 'DECLINED' WHERE id = {TORN}",
        f"UPDATE orders.payments SET refunding = refunding + {amount}, refunded = refunded - {amount}"
        f" WHERE order_id = {DAN}",
        f"UPDATE orders.receipts SET received_at = NULL WHERE order_id = {DAN} AND what LIKE 'OrderRefunded:%'",
        f"UPDATE orders.orders SET payment_status = 'REFUND_FAILED', settled = FALSE WHERE id = {DAN}",
    )
    torn = str(UUID(shop.value(f"id FROM orders.refunds WHERE id = {TORN}")))
    shop.ledger(lambda line: [] if line["refund"] == torn else [line])


def refund_not_given(shop: Sabotage) -> None:
    shop.ledger(lambda line: [] if line["refund"] else [line])


def refund_unknown(shop: Sabotage) -> None:
    shop.charge(ANN, lambda line: [line, line | {"verdict": "refunded", "amount": 1, "refund": str(uuid4())}])


def cancelled_stock(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE inventory.stock_lines SET returned = 0 WHERE order_id = {CID}",
        "UPDATE inventory.stock_movements SET cause = 'ADJUSTED', reference = NULL WHERE cause = 'CANCELLED'",
    )


def hold(shop: Sabotage) -> None:
    order_id = shop.pending_order(now())
    shop.copy("inventory.stock_orders", "TRUE", order_id=order_id, state="HELD", expires_at=0)


def on_hand(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE inventory.stock_items SET on_hand = on_hand + 1 WHERE listing_id = {LEFT}",
        f"UPDATE sellers.listings SET on_hand = on_hand + 1 WHERE id = {LEFT}",
    )


def sales(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE sellers.sales SET quantity = quantity + 1 WHERE order_item_id = {SOLD}",
        "UPDATE sellers.sellers SET books_sold = books_sold + 1"
        f" WHERE id = (SELECT seller_id FROM sellers.sales WHERE order_item_id = {SOLD})",
    )


def statistics_of_refunds(shop: Sabotage) -> None:
    shop.run(
        f"UPDATE sellers.sale_refunds SET revenue = revenue - 1 WHERE refund_id = {TORN}",
        "UPDATE sellers.sellers SET revenue = revenue + 1 WHERE display_name = 'jonas'",
    )


def told_twice(shop: Sabotage) -> None:
    shop.copy("notifications.notifications", "kind = 'ORDER_PAID'", id="x", about="x", sequence=99)


def sql(*statements: str) -> Callable[[Sabotage], None]:
    return lambda shop: shop.run(*statements)


FAULTS: Mapping[str, Callable[[Sabotage], None]] = {
    "orders.attempt": sql(f"DELETE FROM orders.attempts WHERE order_id = {ANN}"),
    "orders.one-pending": one_pending,
    "orders.answered": sql(f"UPDATE orders.attempts SET problems = NULL WHERE order_id = {ANN}"),
    "orders.total": total,
    "orders.in-time": old_order,
    "orders.hold-given-back": sql(f"UPDATE orders.orders SET release_reason = 'x', look_at = 0 WHERE id = {BOB}"),
    "orders.receipts": receipts,
    "orders.receipts-expected": sql(f"DELETE FROM orders.receipts WHERE order_id = {ANN} AND what = 'StockDeducted'"),
    "orders.settled": sql(f"UPDATE orders.orders SET settled = FALSE WHERE id = {ANN}"),
    "orders.timeline": sql(f"UPDATE orders.orders SET version = version + 1 WHERE id = {ANN}"),
    "money.one-charge": lambda shop: shop.charge(ANN, lambda line: [line, line]),
    "money.charge-amount": lambda shop: shop.charge(ANN, lambda line: [line | {"amount": 1}]),
    "money.charge-of-payment": lambda shop: shop.charge(ANN, lambda line: []),
    "money.charge-kept": captured_in_vain,
    "money.payment": sql(f"UPDATE orders.payments SET captured = captured + 1 WHERE order_id = {ANN}"),
    "refunds.sum": sql(f"UPDATE orders.payments SET refunding = 1 WHERE order_id = {ANN}"),
    "refunds.payment": refund_without_payment,
    "refunds.status": sql(f"UPDATE orders.orders SET payment_status = 'REFUNDED' WHERE id = {ANN}"),
    "refunds.whole": part_of_a_late_charge,
    "refunds.lines": refund_lines,
    "refunds.in-time": slow_refund,
    "refunds.failed": failed_refund,
    "refunds.given": refund_not_given,
    "refunds.known": refund_unknown,
    "refunds.restocked": sql(f"UPDATE orders.refund_lines SET restock = FALSE WHERE refund_id = {TORN}"),
    "refunds.cancelled-stock": cancelled_stock,
    "refunds.statistics": statistics_of_refunds,
    "refunds.told": sql(f"DELETE FROM notifications.notifications WHERE kind = 'ORDER_REFUNDED' AND order_id = {DAN}"),
    "stock.held-fits": sql(f"UPDATE inventory.stock_items SET held = -1 WHERE listing_id = {LEFT}"),
    "stock.held": sql(f"UPDATE inventory.stock_items SET held = 1 WHERE listing_id = {LEFT}"),
    "stock.on-hand": on_hand,
    "stock.taken": sql(
        "UPDATE inventory.stock_movements SET cause = 'ADJUSTED', reference = NULL"
        f" WHERE cause = 'DEDUCTED' AND reference = {ANN}"
    ),
    "stock.of-order": sql(f"UPDATE inventory.stock_orders SET state = 'FAILED' WHERE order_id = {BOB}"),
    "stock.lines-of-order": sql(f"UPDATE orders.order_lines SET listing_id = {LEFT} WHERE id = {SOLD}"),
    "stock.hold-in-time": hold,
    "stock.published": sql(f"UPDATE sellers.listings SET published_quantity = 6 WHERE id = {LEFT}"),
    "stock.listing": sql(f"UPDATE sellers.listings SET location = 'x' WHERE id = {LEFT}"),
    "sellers.statistics": sql("UPDATE sellers.sellers SET revenue = revenue + 1 WHERE display_name = 'mara'"),
    "sellers.sales": sales,
    "sellers.on-hand": sql(f"UPDATE sellers.listings SET on_hand = on_hand + 1 WHERE id = {LEFT}"),
    "sellers.books": sql(f"DELETE FROM sellers.known_books WHERE isbn = '{EMMA}'"),
    "messages.told": sql("DELETE FROM notifications.notifications WHERE kind = 'ORDER_PAID' AND recipient_id = 'ann'"),
    "messages.once": told_twice,
    "messages.mail-in-time": sql("UPDATE notifications.mails SET status = 'PENDING', due_at = 0"),
    "messages.sellers": sql("UPDATE notifications.contacts SET email = 'x'"),
    "catalog.stock": sql(f"UPDATE catalog.book_offers SET total = total + 1 WHERE isbn = '{HOBBIT}'"),
    "catalog.offers": sql(f"UPDATE catalog.book_offers SET offers = '[]' WHERE isbn = '{HOBBIT}'"),
    "events.sent": sql("UPDATE inventory.outbox SET sent_at = NULL WHERE name = 'StockDeducted'"),
    "events.handled": sql("UPDATE sellers.inbox SET state = 'pending' WHERE name = 'OrderPaid'"),
    "events.dead": sql("UPDATE sellers.inbox SET state = 'dead' WHERE name = 'OrderPaid'"),
    "events.taken": sql("DELETE FROM inventory.inbox WHERE name = 'OrderPaid'"),
}
"""What breaks each rule, and no other."""

OF_THE_CACHE = {"cache.there", "cache.filled", "cache.offers"}


@pytest.fixture(scope="session")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a shop that is at rest."""
    data = tmp_path_factory.mktemp("sound") / "data"
    await play(Settings.load(data=data))
    return data


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A copy of it that can be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "data", ignore=shutil.ignore_patterns("mail")))


def spoil(data: Path, how: Callable[[Sabotage], None]) -> None:
    """Changes what the databases and the ledger say."""
    with closing(sqlite3.connect("", isolation_level=None)) as books:
        books.execute("PRAGMA ignore_check_constraints = ON")
        for domain in DOMAINS:
            books.execute(f"ATTACH ? AS {domain}", (str(data / f"{domain}.db"),))
        how(Sabotage(data, books))


async def found(data: Path, cache: Any = None) -> set[str]:
    """The names of the rules that do not hold now."""
    with attached(data) as books:
        complete(books, Settings.load(data=data), Limits.of(utc_now()))
        if cache is not None:
            await add_cache(books, cache)
        return {fault.rule.name for fault in books.faults(RULES)}


def test_there_is_a_fault_for_every_rule() -> None:
    assert FAULTS.keys() | OF_THE_CACHE == {rule.name for rule in RULES}
    assert len({rule.sentence for rule in RULES}) == len(RULES)


async def test_a_refund_whose_money_came_back_is_one_that_failed_and_nothing_else(data: Path) -> None:
    spoil(data, returned_refund)
    assert await found(data) == {"refunds.failed"}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_found_by_the_rule_that_it_breaks(data: Path, name: str) -> None:
    spoil(data, FAULTS[name])
    assert await found(data) == {name}


class Away(InProcessCache):
    """A cache that does not answer."""

    async def get_many(self, keys: Any) -> Any:
        raise CacheUnavailable("nobody is there")


async def test_a_cache_that_is_as_the_catalogue_is_sound(data: Path) -> None:
    assert await found(data, InProcessCache()) == set()
    cache = InProcessCache()
    for book in await stored_offers(data):
        await Copies(cache).keep_offers(book)
    assert await found(data, cache) == set()


async def test_a_cache_that_is_away_is_told(data: Path) -> None:
    assert await found(data, Away()) == {"cache.there"}


async def test_what_was_not_copied_to_the_cache_is_found(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE book_offers SET cached_version = 0")
    assert await found(data, InProcessCache()) == {"cache.filled"}
    assert await found(data) == set()


@pytest.mark.parametrize("change", [{"total": 99}, {"offers": ()}, {"version": 1}])
async def test_offers_in_the_cache_that_are_not_the_catalogues_are_found(data: Path, change: Row) -> None:
    cache = InProcessCache()
    for book in await stored_offers(data):
        await Copies(cache).keep_offers(replace(book, **change))
    assert await found(data, cache) == {"cache.offers"}


async def stored_offers(data: Path) -> list[BookOffers]:
    """What the catalogue offers."""
    async with open_catalog(Settings.load(data=data)) as catalog:
        return list((await catalog.find_offers([HOBBIT, EMMA])).values())
