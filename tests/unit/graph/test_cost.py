"""What an operation costs: every list says in the schema how long it is, and multiplies what it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from app.demo import documents as demo
from app.settings import DOMAINS
from domains.orders import CART_LINES
from graph.documents import Bounds, Examined, examine
from graph.limits import Limits
from graph.schema import schema
from graph.schema.cart import ALTERNATIVES
from graph.schema.operators import LISTINGS_AT_ONCE
from graph.sizes import LINES, PROBLEMS, REFUNDS, TIMELINE, OnPage, declared_size
from tests import documents as journeys

ROOT = Path(__file__).parents[3]
LIMITS = Limits()
ISBNS = [f"97803064{number:05d}" for number in range(100)]
STOCK = "stock { total }"
"""What each book of `stockUpdates` costs with it: an update, a stock and a value."""


def examined(document: str) -> Examined:
    return examine(schema._schema, document, Bounds.of(LIMITS))


def cost(document: str, **variables: object) -> int:
    (operation,) = examined(document).operations.values()
    return operation.cost(variables)


def watching(argument: str, variables: str = "") -> str:
    return f"subscription Watch{variables} {{ stockUpdates(isbns: {argument}) {{ {STOCK} }} }}"


# --- what the schema says ---------------------------------------------------------------------------------------


def fields() -> Iterator[tuple[str, GraphQLField]]:
    """Every field that an operation can select, but those of introspection."""
    for kind in schema._schema.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__"):
            yield from ((f"{kind.name}.{name}", field) for name, field in kind.fields.items())


def is_list_of_objects(field: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(field.type)) and is_composite_type(get_named_type(field.type))


def test_every_list_of_objects_says_how_long_it_is() -> None:
    assert [name for name, field in fields() if is_list_of_objects(field) and declared_size(field) is None] == []


def test_what_is_on_a_page_lies_below_a_field_that_says_how_large_the_page_is() -> None:
    paged = {name.partition(".")[0] for name, field in fields() if isinstance(declared_size(field), OnPage)}
    above = [field for _, field in fields() if get_named_type(field.type).name in paged]
    assert len(above) >= len(paged) >= 9
    assert all("first" in field.args for field in above)


def test_lists_are_declared_with_the_most_or_the_usual_number_that_they_have() -> None:
    sizes = {name: size for name, field in fields() if isinstance(size := declared_size(field), int)}
    assert sizes == {
        "Cart.lines": CART_LINES,
        "Order.lines": LINES,
        "Refund.lines": LINES,
        "Cart.problems": PROBLEMS,
        "CartRejected.problems": PROBLEMS,
        "CheckoutRejected.problems": PROBLEMS,
        "BookRejected.problems": PROBLEMS,
        "ListingRejected.problems": PROBLEMS,
        "OutOfStock.alternatives": ALTERNATIVES,
        "Order.timeline": TIMELINE,
        "Order.refunds": REFUNDS,
        "Notification.deliveries": 2,
        "NotificationPreferences.preferences": 14,
        "Viewer.preferences": 14,
        "OperatorDesk.outboxLag": len(DOMAINS),
        "StockCheck.drifts": LISTINGS_AT_ONCE,
    }


# --- what is counted --------------------------------------------------------------------------------------------


def test_a_list_without_pages_counts_with_its_declared_size() -> None:
    assert cost("{ me { cart { lines { title } } } }") == 2 + 110
    assert cost("{ me { orders(first: 10) { nodes { lines { title } } } } }") == 2 + 10 * (1 + 11)


def test_a_list_of_plain_values_counts_as_one_value() -> None:
    assert cost("{ books(first: 10) { nodes { authors } } }") == 1 + 11


@pytest.mark.parametrize(
    ("argument", "items"),
    [
        ("[]", 1),
        (f'["{ISBNS[0]}"]', 1),
        (f'"{ISBNS[0]}"', 1),
        ("[" + " ".join(f'"{isbn}"' for isbn in ISBNS) + "]", 100),
        ("null", 1),
    ],
    ids=["no items", "one", "one that is coerced to a list", "a hundred", "null"],
)
def test_a_literal_list_counts_with_its_items(argument: str, items: int) -> None:
    assert cost(watching(argument)) == -(-items * 21 // 10)


@pytest.mark.parametrize(
    ("variables", "given", "items"),
    [
        ("($isbns: [ISBN!]!)", {"isbns": ISBNS}, 100),
        ("($isbns: [ISBN!]!)", {"isbns": ISBNS[:30]}, 30),
        ("($isbns: [ISBN!]!)", {"isbns": ISBNS[0]}, 1),
        ("($isbns: [ISBN!]!)", {}, 1),
        (f'($isbns: [ISBN!]! = ["{ISBNS[0]}", "{ISBNS[1]}", "{ISBNS[2]}"])', {}, 3),
        (f'($isbns: [ISBN!]! = ["{ISBNS[0]}", "{ISBNS[1]}", "{ISBNS[2]}"])', {"isbns": ISBNS}, 100),
        (f'($isbns: [ISBN!]! = ["{ISBNS[0]}", "{ISBNS[1]}", "{ISBNS[2]}"])', {"isbns": None}, 1),
        (f'($isbns: [ISBN!]! = "{ISBNS[0]}")', {}, 1),
    ],
)
def test_a_list_in_a_variable_counts_with_its_items(variables: str, given: dict[str, Any], items: int) -> None:
    assert cost(watching("$isbns", variables), **given) == -(-items * 21 // 10)


def test_variables_in_a_list_count_as_an_item_each() -> None:
    assert cost(watching("[$a, $b, $a]", "($a: ISBN!, $b: ISBN!)"), a=ISBNS[0], b=ISBNS[1]) == 7


@pytest.mark.parametrize("field", ["replayDeadLetters", "discardDeadLetters"])
def test_a_list_inside_an_input_counts_wherever_a_variable_begins(field: str) -> None:
    ids = [f"orders/{number}" for number in range(100)]
    kind = field[0].upper() + field[1:] + "Input"
    answer = "{ ... on InvalidField { message } }"
    literal = "[" + " ".join(f'"{text}"' for text in ids) + "]"
    assert cost(f"mutation M($input: {kind}!) {{ {field}(input: $input) {answer} }}", input={"ids": ids}) == 110
    assert cost(f"mutation M($ids: [ID!]!) {{ {field}(input: {{ ids: $ids }}) {answer} }}", ids=ids) == 110
    assert cost(f"mutation M($id: ID!) {{ {field}(input: {{ ids: [$id, $id] }}) {answer} }}", id="a") == 3
    assert cost(f"mutation M {{ {field}(input: {{ ids: {literal} }}) {answer} }}") == 110
    assert cost(f"mutation M($input: {kind}!) {{ {field}(input: $input) {answer} }}", input="no object") == 2


@pytest.mark.parametrize("size", ["99999999999", "1" * 5000])
def test_a_page_beyond_every_number_counts_as_empty_and_is_refused_by_its_field(size: str) -> None:
    assert cost(f"{{ books(first: {size}) {{ nodes {{ isbn }} }} }}") <= 23
    assert cost(f"query Q($n: Int = {size}) {{ books(first: $n) {{ nodes {{ isbn }} }} }}") <= 23


# --- what has to be within the limit ----------------------------------------------------------------------------

OPERATION = re.compile(r"(?:query|mutation|subscription)\b")
BLOCK = re.compile(r"^```graphql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = {
    **{f"demo, {name}": text for name, text in vars(demo).items() if isinstance(text, str) and OPERATION.match(text)},
    **{f"tests, {n}": text for n, text in vars(journeys).items() if isinstance(text, str) and OPERATION.match(text)},
    **{path.name: path.read_text("utf-8") for path in (ROOT / "web/graphiql/src/presets").glob("*.graphql")},
    **{
        f"{path.name}, {place}": text
        for path in (ROOT / "docs/api.md", ROOT / "README.md")
        for place, text in enumerate(BLOCK.findall(path.read_text("utf-8")))
    },
}


@pytest.mark.parametrize("document", SHOWN.values(), ids=SHOWN)
def test_what_the_documents_show_is_within_the_limit(document: str) -> None:
    found = examined(document)
    assert found.errors == []
    assert all(one.cost({"isbns": ISBNS, "first": 10}) <= LIMITS.query_cost for one in found.operations.values())
