"""Which subscriptions share an execution: exactly those that would be executed alike."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from graph.limits import Limits
from graph.sharing import Sharing
from tests.unit.graph.watching import BOOKS, shared

STOCK = """subscription S($isbns: [ISBN!]!, $more: Boolean = false) {
  stockUpdates(isbns: $isbns) { version stock { total @include(if: $more) } } }"""
ORDER = "subscription($id: ID!) { orderUpdates(orderId: $id) { version } }"


def key(query: str = STOCK, *, name: str | None = None, limits: Limits | None = None, **variables: object) -> Hashable:
    """Under what a request is shared; None where it is not."""
    request = shared(query, variables, name, limits)
    return request and request.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"isbns": ["0-306-40615-2"]}, {"isbns": ["978-0-306-40615-7"]}),
        ({"isbns": [BOOKS[0]]}, {"isbns": [BOOKS[0]], "more": False}),
        ({"isbns": [BOOKS[0]], "more": True}, {"more": True, "isbns": [BOOKS[0]]}),
        ({"isbns": [BOOKS[0]]}, {"isbns": [BOOKS[0]], "unknown": 1}),
        ({"isbns": [BOOKS[0]]}, {"isbns": BOOKS[0]}),
    ],
)
def test_the_same_variables_are_shared_however_they_are_written(one: dict, other: dict) -> None:
    assert key(**one) == key(**other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"isbns": [BOOKS[0]]}, {"isbns": [BOOKS[1]]}),
        ({"isbns": [BOOKS[0], BOOKS[1]]}, {"isbns": [BOOKS[1], BOOKS[0]]}),
        ({"isbns": [BOOKS[0]]}, {"isbns": [BOOKS[0], BOOKS[0]]}),
        ({"isbns": [BOOKS[0]]}, {"isbns": [BOOKS[0]], "more": True}),
        ({"isbns": [BOOKS[0]], "more": False}, {"isbns": [BOOKS[0]], "more": None}),
    ],
)
def test_other_variables_are_not_shared(one: dict, other: dict) -> None:
    assert None not in (key(**one), key(**other))
    assert key(**one) != key(**other)


@pytest.mark.parametrize(
    "written",
    [
        STOCK.replace("{", " {\n").replace(",", " "),
        f"# today\n{STOCK} # and so on",
        f"query Other {{ me {{ id }} }} {STOCK}",
    ],
    ids=["white space", "comments", "what is not meant"],
)
def test_the_same_operation_is_shared_however_it_is_written(written: str) -> None:
    assert key(written, name="S", isbns=[BOOKS[0]]) == key(isbns=[BOOKS[0]]) is not None


def test_what_an_operation_spreads_is_part_of_it() -> None:
    document = (
        "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { ...F } } fragment F on StockUpdate { %s }"
    )
    one, other = (key(document % field, isbns=[BOOKS[0]]) for field in ("isbn", "version"))
    assert None not in (one, other)
    assert one != other


def test_a_variable_that_is_left_out_is_not_one_that_is_null() -> None:
    document = "subscription($n: Int) { sales { desk { listings(first: $n) { nodes { id } } } } }"
    assert None not in (key(document), key(document, n=None))
    assert key(document) != key(document, n=None)


def test_operations_of_one_document_are_told_apart() -> None:
    document = (
        f'subscription A {{ stockUpdates(isbns: ["{BOOKS[0]}"]) {{ version }} }} '
        f'subscription B {{ stockUpdates(isbns: ["{BOOKS[1]}"]) {{ version }} }}'
    )
    assert key(document, name="A") != key(document, name="B")
    assert None not in (key(document, name="A"), key(document, name="B"))
    assert key(document) is key(document, name="C") is None


@pytest.mark.parametrize(
    ("document", "sharing"),
    [
        (STOCK, Sharing.EVERYBODY),
        ("subscription($isbns: [ISBN!]!) { ...F } fragment F on Subscription { ... { stockUpdates(isbns: $isbns) "
         "{ version } } }", Sharing.EVERYBODY),
        ("subscription($isbns: [ISBN!]!) { a: stockUpdates(isbns: $isbns) { version } }", Sharing.EVERYBODY),
        ("subscription { myOrders { version } }", Sharing.VIEWER),
        ("subscription { sales { version } }", Sharing.VIEWER),
        ('subscription { orderUpdates(orderId: "x") { version } }', Sharing.VIEWER),
    ],
)  # fmt: skip
def test_a_field_says_who_shares_it(document: str, sharing: Sharing) -> None:
    request = shared(document, {"isbns": [BOOKS[0]]})
    assert request is not None
    assert request.sharing is sharing


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("subscription {", {}),
        ("subscription { nothing }", {}),
        ("{ books { nodes { isbn } } }", {}),
        ("mutation { clearCart { __typename } }", {}),
        ("subscription { notifications { version } }", {}),
        ("subscription { __typename }", {}),
        ("subscription { myOrders { version } sales { version } }", {}),
        (STOCK, {}),
        (STOCK, {"isbns": ["nonsense"]}),
        (STOCK, {"isbns": [BOOKS[0]], "more": "yes"}),
        (ORDER, {"id": {"a": 1}}),
    ],
)
def test_what_cannot_be_executed_or_is_told_to_each_alone_is_not_shared(document: str, variables: dict) -> None:
    assert key(document, **variables) is None


def test_what_costs_too_much_is_not_shared() -> None:
    assert key(isbns=[BOOKS[0]]) is not None
    assert key(isbns=[BOOKS[0]], limits=Limits(query_cost=1)) is None
    assert key(isbns=[BOOKS[0]], limits=Limits(query_depth=1)) is None
