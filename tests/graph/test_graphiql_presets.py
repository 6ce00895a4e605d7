"""GraphiQL's example tabs are documents that the committed schema takes, with variables that fit it and the samples."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, OperationType, build_schema, parse, validate
from graphql.execution.values import get_variable_values

from app.payments.mock import Method
from app.samples import sample_listings
from domains.catalog import read_sample_books
from graph.nodes import decode_id
from kernel.money import Money
from kernel.pages import encode_cursor

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "web" / "graphiql" / "src" / "presets").glob("*.graphql"))
NAMES = [
    "Search", "AddToCart", "Cart", "Checkout", "OrderUpdates", "CancelOrder", "StockUpdates", "Notifications",
    "PublishListing",
]  # fmt: skip
HINT_CHARACTERS = 48
"""How much of a line the editor shows in a window of 1280 pixels."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "graph" / "schema.graphql").read_text(encoding="utf-8"))


def hint_of(preset: Path) -> str:
    lines = preset.read_text(encoding="utf-8").splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))


def operation_of(preset: Path) -> OperationDefinitionNode:
    (operation,) = parse(preset.read_text(encoding="utf-8")).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def variables_of(name: str) -> dict[str, Any]:
    return json.loads((PRESETS[0].parent / f"{name}.json").read_text(encoding="utf-8"))


def test_the_tabs_follow_one_purchase() -> None:
    operations = [operation_of(preset) for preset in PRESETS]
    assert [operation.name.value for operation in operations if operation.name] == NAMES


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_tab_opens_with_a_hint(preset: Path) -> None:
    lines = preset.read_text(encoding="utf-8").splitlines()
    hint = [line for line in lines if line.startswith("#")]
    assert 1 <= len(hint) <= 4
    assert lines[: len(hint)] == hint
    assert max(map(len, hint)) <= HINT_CHARACTERS


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_tab_is_valid_against_the_schema(schema: GraphQLSchema, preset: Path) -> None:
    assert validate(schema, parse(preset.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_tab_has_the_variables_that_it_asks_for(schema: GraphQLSchema, preset: Path) -> None:
    asked = operation_of(preset).variable_definitions or ()
    file = preset.with_suffix(".json")
    given = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    assert set(given) == {definition.variable.name.value for definition in asked}
    values = get_variable_values(schema, asked, given)
    assert not isinstance(values, list), values


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_subscription_says_that_leaving_its_tab_stops_it(preset: Path) -> None:
    subscribes = operation_of(preset).operation is OperationType.SUBSCRIPTION
    assert ("leaving the tab stops it" in hint_of(preset).lower()) is subscribes


def test_the_checkout_names_other_ways_to_pay() -> None:
    methods = re.findall(r"card-[a-z0-9]+", hint_of(PRESETS[0].with_name("4-checkout.graphql")))
    assert methods
    assert set(methods) <= set(Method)


def test_the_tabs_buy_and_watch_an_offer_of_the_sample_shop() -> None:
    offer = decode_id(variables_of("2-add-to-cart")["input"]["offerId"], "Offer")
    (listing,) = (one for one in sample_listings(read_sample_books(60), "EUR") if one.id == offer)
    amount = variables_of("4-checkout")["input"]["amount"]
    assert listing.price == Money.parse(amount["amount"], amount["currency"])
    assert variables_of("7-stock-updates") == {"isbns": [listing.isbn]}


def test_the_notifications_begin_with_the_first_message() -> None:
    assert variables_of("8-notifications") == {"after": encode_cursor(0)}


def test_the_built_page_holds_the_tabs_of_the_sources() -> None:
    built = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "graph/static/graphiql/assets").glob("*.js"))
    for preset in PRESETS:
        hint = preset.read_text(encoding="utf-8").splitlines()[0]
        assert hint in built, f"{preset.stem} is not built: run scripts/build_graphiql.sh"
