"""No statement of the project reads a whole table: what runs every second must not slow down as rows pile up."""

import importlib
import pkgutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

import domains
import messaging
from domains.catalog import BookOrder, search
from kernel.migrations import migrate
from kernel.statement import Statement
from messaging import inbox, outbox

PAGES = {
    "domains.orders.views.FIND_OF_BUYER": "buyer_id=? AND id<?",
    "domains.orders.views.FIND_OF_BUYER_IN": "buyer_id=? AND status=? AND id<?",
    "domains.orders.stuck.FIND_STUCK": "id>?",
    "domains.orders.refund_repository.FIND_FAILED": "id>?",
    "domains.notifications.repository.NEWEST_FIRST": "recipient_id=? AND sequence<?",
    "domains.notifications.repository.UNREAD_NEWEST_FIRST": "recipient_id=? AND sequence<?",
    "domains.notifications.repository.AFTER": "recipient_id=? AND sequence>?",
    "domains.sellers.repository.LISTINGS_OF": "seller_id=? AND (published_at,id)<(?,?)",
    "domains.sellers.ledger_repository.SALES_OF": "seller_id=? AND recorded_at>? AND (recorded_at,order_item_id)<(?,?)",
    "messaging.inbox.LETTERS": "state=? AND event_id<?",
}
"""What the first step of a page goes by: where its list begins, and the place after which it begins itself."""
RANKS = {
    BookOrder.TITLE: "title_rank",
    BookOrder.YEAR: "year_rank",
    BookOrder.RATING: "rating_rank",
    BookOrder.PRICE: "price_rank",
}
SEQUENCES = frozenset({"ids", "isbns", "names", "owner_ids", "seller_ids", "statuses"})
DOMAINS = sorted(path.parent.name for path in (Path(__file__).parents[2] / "domains").glob("*/tables.py"))


@pytest.fixture(params=DOMAINS)
async def domain(request: pytest.FixtureRequest) -> str:
    """Each domain in turn."""
    return request.param


@pytest.fixture
async def tables(domain: str, tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    """The domain's tables, as its migrations make them."""
    path = tmp_path / f"{domain}.db"
    await migrate(f"sqlite:///{path}", domain)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def statements_of(domain: str) -> list[Statement]:
    """What runs on the database of a domain: its own statements, and those of its outbox and inbox."""
    for package in (domains, messaging):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return [one for one in Statement.every() if one.name.startswith((f"domains.{domain}.", "messaging."))]


def plan_of(statement: Statement, tables: sqlite3.Connection) -> list[str]:
    """How SQLite finds the statement's rows, step by step."""
    plan = statement.plan("sqlite")
    sql, arguments = plan.render({name: [None] if name in SEQUENCES else None for name in plan.names})
    return [step for *_, step in tables.execute(f"EXPLAIN QUERY PLAN {sql}", arguments)]


def reads_a_whole_table(plan: list[str]) -> bool:
    """Whether a step goes through a table; what an earlier step made may be gone through."""
    made = {step.split()[-1] for step in plan if step.startswith(("CO-ROUTINE ", "MATERIALIZE "))}
    scans = [step for step in plan if step.startswith("SCAN ") and step.split()[1] not in made]
    return any("INDEX" not in step and "CONSTANT ROW" not in step for step in scans)


def test_no_statement_of_a_domain_reads_a_whole_table(domain: str, tables: sqlite3.Connection) -> None:
    plans = {statement.name: plan_of(statement, tables) for statement in statements_of(domain)}
    assert len(plans) > 10
    assert {name: plan for name, plan in plans.items() if reads_a_whole_table(plan)} == {}


@pytest.mark.parametrize(("page", "begins"), PAGES.items(), ids=str)
async def test_a_page_deep_in_a_list_begins_where_the_last_one_ended(page: str, begins: str, tmp_path: Path) -> None:
    """So it costs what the first page costs: nothing is gone through that it does not show, and nothing is sorted."""
    domain = page.split(".")[1] if page.startswith("domains.") else "orders"
    await migrate(f"sqlite:///{tmp_path}/pages.db", domain)
    [statement] = [one for one in statements_of(domain) if one.name == page]
    with closing(sqlite3.connect(tmp_path / "pages.db")) as tables:
        plan = plan_of(statement, tables)
    assert plan[0].partition("(")[2] == f"{begins})"
    assert [step for step in plan if "TEMP B-TREE FOR ORDER BY" in step] == []


@pytest.mark.parametrize(("order", "rank"), RANKS.items(), ids=str)
@pytest.mark.parametrize("available", [None, True])
async def test_a_page_deep_in_the_catalogue_begins_where_the_last_one_ended(
    order: BookOrder, rank: str, available: bool | None, tmp_path: Path
) -> None:
    await migrate(f"sqlite:///{tmp_path}/pages.db", "catalog")
    statement = search._statement(search._Shape(0, 0, frozenset(), available, order, after=True))
    with closing(sqlite3.connect(tmp_path / "pages.db")) as tables:
        plan = plan_of(statement, tables)
    assert plan[0].endswith(f"(({rank},isbn)>(?,?))")
    assert [step for step in plan if "TEMP B-TREE" in step] == []


@pytest.mark.parametrize("statement", [outbox.ANY_DUE, outbox.CLAIM, inbox.ANY_DUE, inbox.CLAIM_DUE])
def test_what_is_due_is_found_without_sorting_all_that_waits(statement: Statement, tables: sqlite3.Connection) -> None:
    assert [step for step in plan_of(statement, tables) if "TEMP B-TREE FOR ORDER BY" in step] == []
