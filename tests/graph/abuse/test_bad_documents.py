"""Documents that ask for too much: each is refused before it is executed, however small it is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from tests.graph.abuse.bombs import BOMBS, UNREADABLE
from tests.graph.abuse.conftest import require_discreet
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
