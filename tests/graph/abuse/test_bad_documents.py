"""Documents that ask for too much: each is refused before it is executed, however small it is."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from graph.context import Context
from graph.schema import schema
from tests.graph.abuse.bombs import BOMBS, ENDLESS, LONG_NAMES, UNREADABLE
from tests.graph.abuse.conftest import require_discreet
from tests.graph.market import Market
from tests.server import Server


async def answered(
    server: Server, document: str, variables: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    given = {"Accept": "application/graphql-response+json", **(headers or {})}
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        response = await http.post("/graphql", json={"query": document, "variables": variables}, headers=given)
    require_discreet(response.text)
    return response


@pytest.mark.parametrize("document", BOMBS.values(), ids=BOMBS)
async def test_a_document_that_asks_for_too_much_is_not_executed(server: Server, document: str) -> None:
    response = await answered(server, document)
    assert response.status_code == 400
    assert list(response.json()) == ["errors"]
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_document_that_cannot_be_read_is_said_to_be_so(server: Server, document: str) -> None:
    response = await answered(server, document)
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["GRAPHQL_PARSE_FAILED"]


@pytest.mark.parametrize("document", LONG_NAMES.values(), ids=LONG_NAMES)
async def test_a_name_that_is_too_long_is_refused_and_not_repeated(server: Server, document: str) -> None:
    response = await answered(server, document)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED", "nameLength": len(ENDLESS), "limit": 64}
    assert len(response.content) < 300


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        (f'{{ books(first: "{ENDLESS}") {{ nodes {{ isbn }} }} }}', None, "GRAPHQL_VALIDATION_FAILED"),
        (f"{{ books(first: {{ a: [{'1.5 ' * 400}] }}) {{ nodes {{ isbn }} }} }}", None, "GRAPHQL_VALIDATION_FAILED"),
        (f"{{ me {{ id }} }} {ENDLESS}", None, "GRAPHQL_PARSE_FAILED"),
        (f'{{ me {{ id }} }} "{ENDLESS}"', None, "GRAPHQL_PARSE_FAILED"),
        (
            "mutation M($input: SetCartLineInput!) { setCartLine(input: $input) { __typename } }",
            {"input": {ENDLESS: ENDLESS[:3000]}},
            "BAD_USER_INPUT",
        ),
        ("query Q($n: Int) { books(first: $n) { nodes { isbn } } }", {"n": ENDLESS}, "BAD_USER_INPUT"),
    ],
    ids=["a text", "a list", "a name nobody expects", "a text nobody expects", "an unknown field", "a variable"],
)
async def test_an_answer_does_not_repeat_what_was_sent_at_length(
    server: Server, document: str, variables: dict[str, Any] | None, code: str
) -> None:
    response = await answered(server, document, variables)
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}
    assert all(len(error["message"]) <= 500 for error in response.json()["errors"])
    assert len(response.content) < 2000


async def test_a_page_in_a_variable_costs_what_it_asks_for(server: Server) -> None:
    document = "query Q($n: Int!) { books(first: $n) { nodes { offers(first: $n) { nodes { id } } } } }"
    assert (await answered(server, document, {"n": 5})).status_code == 200
    response = await answered(server, document, {"n": 100})
    (error,) = response.json()["errors"]
    assert response.status_code == 400
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED", "cost": 11201, "limit": 5000}


async def test_the_cost_is_told_to_whom_asks_for_it(server: Server) -> None:
    document = "{ books(first: 10) { nodes { isbn } } }"
    told = (await answered(server, document, headers={"X-Query-Cost": "1"})).json()
    assert told["extensions"] == {"cost": {"cost": 12, "limit": 5000}}
    assert "extensions" not in (await answered(server, document)).json()


@pytest.mark.parametrize("descriptions", [True, False])
async def test_tools_may_read_the_schema(server: Server, descriptions: bool) -> None:
    response = await answered(server, get_introspection_query(descriptions=descriptions))
    assert list(response.json()) == ["data"]


@pytest.mark.parametrize(
    "text", ["\\u0000", "\\ud800", "\\ud800\\udc00", "%", "'; DROP TABLE books; --", '\\"', "x" * 20_000, "(" * 500]
)
async def test_a_text_that_is_searched_for_breaks_nothing(server: Server, text: str) -> None:
    response = await answered(server, f'{{ books(search: "{text}") {{ nodes {{ isbn }} }} }}')
    codes = [error["extensions"]["code"] for error in response.json().get("errors", [])]
    assert response.status_code in (200, 400)
    assert "INTERNAL_SERVER_ERROR" not in codes


async def test_between_two_documents_that_nobody_knows_everybody_else_has_a_turn(embedded_market: Market) -> None:
    loop, turns, asking = asyncio.get_running_loop(), 0, True

    def others() -> None:
        nonlocal turns
        turns += 1
        if asking:
            loop.call_soon(others)

    async def turn_of_the_answer(number: int) -> int:
        context = Context.of(embedded_market.shop.services, None)
        assert (await schema.execute(f"{{ nothing{number} }}", context_value=context)).errors
        return turns

    others()
    answered_in = await asyncio.gather(*(turn_of_the_answer(number) for number in range(10)))
    asking = False
    assert len(set(answered_in)) == 10
