"""The audit that the fault tests trust: each of its rules holds for a sound shop and finds the fault that it is for."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.conftest import SETTINGS
from tests.faults.ledger import ALWAYS, AT_REST, broken
from tests.server import Server, bookstall

CHARGES = "charges"
"""Stands for the provider's ledger among the domains: its fault is a line of text."""

FAULTS = {
    "every order belongs to one attempt": ("orders", "DELETE FROM attempts"),
    "a buyer waits for one order at most": (
        "orders",
        "DROP INDEX uq_orders_pending; UPDATE orders SET status = 'PENDING'; INSERT INTO orders SELECT 'x', 'B-2',"
        " buyer_id, buyer_email, status, payment_status, version, settled, total, currency, address, placed_at,"
        " charge_deadline, paid_at, release_reason, look_at FROM orders",
    ),
    "an order is charged once at most": (CHARGES, "the same again"),
    "a charge is what its order costs": ("orders", "UPDATE orders SET total = total + 1"),
    "a paid order has its charge": (CHARGES, ""),
    "nothing is held that is not there": ("inventory", "UPDATE stock_items SET held = -1"),
    "what is held are the live holds": ("inventory", "UPDATE stock_items SET held = 1"),
    "what is on hand is the sum of its movements": ("inventory", "UPDATE stock_items SET on_hand = on_hand + 1"),
    "a seller's statistics are the sum of the sales": ("sellers", "UPDATE sellers SET revenue = revenue + 1"),
    "nobody is told the same thing of an order twice": (
        "notifications",
        "INSERT INTO notifications SELECT 'x', recipient_id, kind, 'x', subject, body, order_id, 99, skipped,"
        " created_at, read_at FROM notifications WHERE kind = 'ORDER_PAID'",
    ),
    "no event is a dead letter": ("catalog", "UPDATE inbox SET state = 'dead'"),
    "no event waits to be sent": ("inventory", "UPDATE outbox SET sent_at = NULL"),
    "no event waits to be handled": ("sellers", "UPDATE inbox SET state = 'pending'"),
    "every order has come to its end": ("orders", "UPDATE orders SET status = 'PENDING'"),
    "every attempt has its answer": ("orders", "UPDATE attempts SET problems = NULL"),
    "every paid order is settled": ("orders", "UPDATE orders SET settled = 0"),
    "no receipt of a paid order is missing": ("orders", "UPDATE receipts SET received_at = NULL"),
    "a charge is kept for paid orders alone": ("orders", "UPDATE orders SET status = 'PAYMENT_FAILED'"),
    "the stock of an order is where its state says": ("inventory", "DELETE FROM stock_orders"),
    "every published copy is on hand or sold": (
        "inventory",
        "UPDATE stock_items SET on_hand = on_hand + 1; UPDATE stock_movements SET quantity = quantity + 1",
    ),
    "sellers see what is on hand": ("sellers", "UPDATE listings SET on_hand = on_hand + 1"),
    "every line of a paid order is a sale": ("sellers", "DELETE FROM sales"),
    "buyer and sellers of a paid order are told": ("notifications", "DELETE FROM notifications"),
    "every mail is sent": ("notifications", "UPDATE mails SET status = 'PENDING'"),
    "the catalogue shows what can be bought": ("catalog", "UPDATE book_offers SET total = total + 1"),
    "the catalogue's offers are the listings": ("catalog", "UPDATE book_offers SET offers = '[]'"),
}


@pytest.fixture(scope="session")
async def sound(sample_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a shop where one purchase was played and settled."""
    data = Path(shutil.copytree(sample_shop, tmp_path_factory.mktemp("sound") / "data"))
    server = Server(data, settings=SETTINGS)
    await server.start()
    assert (await bookstall("demo", "--url", server.url, "--data", data)).code == 0

    async def at_rest() -> bool:
        return not broken(data, AT_REST)

    await wait_until(at_rest)
    assert await server.stop() == 0
    return data


def test_there_is_a_fault_for_every_rule() -> None:
    assert FAULTS.keys() == AT_REST.keys()
    assert ALWAYS.keys() < AT_REST.keys()


@pytest.mark.parametrize("sentence", FAULTS)
def test_a_fault_is_found(sound: Path, tmp_path: Path, sentence: str) -> None:
    data = Path(shutil.copytree(sound, tmp_path / "data", ignore=shutil.ignore_patterns("mail")))
    assert broken(data, AT_REST) == {}
    domain, fault = FAULTS[sentence]
    if domain == CHARGES:
        ledger = data / "charges.jsonl"
        ledger.write_text(ledger.read_text() * 2 if fault else "")
    else:
        with closing(sqlite3.connect(data / f"{domain}.db")) as database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            database.executescript(fault)
            database.commit()
    assert sentence in broken(data, AT_REST)
