"""GraphQL over HTTP: which requests are taken, how others are refused, and what a bug looks like from outside."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graph.auth import Viewer
from graph.context import Services
from graph.http import build_graph_app
from kernel.database import Conflict, Full, Unavailable
from tests.graph.market import Market

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
QUERY = b'{"query": "{ books(first: 1) { nodes { isbn } } }"}'


async def post(market: Market, body: bytes, **headers: str) -> httpx.Response:
    given = {"Content-Type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await market.http.post("/graphql", content=body, headers=given)


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    return error["extensions"]["code"]


async def test_a_query_is_answered_as_json(market: Market) -> None:
    response = await post(market, QUERY)
    assert (response.status_code, response.headers["content-type"]) == (200, JSON)
    assert list(response.json()) == ["data"]


async def test_the_new_media_type_is_spoken_when_it_is_asked_for(market: Market) -> None:
    for accept in (GRAPHQL_JSON, f"{JSON}, {GRAPHQL_JSON};charset=utf-8", f"{GRAPHQL_JSON}; q=0.5, */*"):
        response = await post(market, QUERY, Accept=accept)
        assert response.headers["content-type"] == GRAPHQL_JSON
    for accept in ("*/*", JSON, f"{GRAPHQL_JSON};q=0, */*"):
        response = await post(market, QUERY, Accept=accept)
        assert response.headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query Q($n: Int) { books(first: $n) { nodes { isbn } } }", {"n": "many"}, "BAD_USER_INPUT"),
        ("{ books { nodes { isbn } } } { me { id } }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { me { id } } query B { me { id } }", None, "BAD_REQUEST"),
        ("fragment F on Book { isbn }", None, "BAD_REQUEST"),
        ("subscription { myOrders { version } }", None, "BAD_REQUEST"),
        ("{ a: me { id } " + " ".join(f"b{n}: me {{ id }}" for n in range(400)) + " }", None, "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_a_request_that_cannot_be_executed_has_no_data(
    market: Market, query: str, variables: dict[str, Any] | None, expected: str
) -> None:
    body = {"query": query, "variables": variables}
    strict = await market.http.post("/graphql", json=body, headers={"Accept": GRAPHQL_JSON})
    lenient = await market.http.post("/graphql", json=body)
    assert (strict.status_code, lenient.status_code) == (400, 200)
    for response in (strict, lenient):
        answer = response.json()
        assert list(answer) == ["errors"]
        assert {error["extensions"]["code"] for error in answer["errors"]} == {expected}


async def test_an_error_while_executing_keeps_the_rest(market: Market) -> None:
    body = {"query": "{ me { id } books(first: 1) { nodes { isbn } } }"}
    for accept in (JSON, GRAPHQL_JSON):
        response = await market.http.post("/graphql", json=body, headers={"Accept": accept})
        assert response.status_code == 200
        assert response.json()["data"]["me"] is None
        assert response.json()["errors"][0]["path"] == ["me"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": " "}',
        b'{"query": "{ me { id } }", "variables": []}',
        b'{"query": "{ me { id } }", "variables": "x"}',
        b'{"query": "{ me { id } }", "operationName": 1}',
        b'{"query": "{ me { id } }", "operationName": "not a name"}',
        b'{"query": "{ me { id } }", "extensions": 1}',
        b'{"query": "\xff"}',
        b'{"query": "{ me { id } }", "variables": {"n": NaN}}',
        b'{"query": "{ me { id } }", "variables": {"text": "\\ud800"}}',
        b'{"query": "{ me { id } }", "variables": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b"[" + QUERY + b"]",
        b"[]",
    ],
)
async def test_a_body_that_is_no_request_is_refused(market: Market, body: bytes) -> None:
    response = await post(market, body)
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


async def test_other_media_types_are_refused(market: Market) -> None:
    for media_type in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                       "application/graphql", f"{JSON}; charset=latin-1", f"{JSON}; x=y"):  # fmt: skip
        response = await post(market, QUERY, Content_Type=media_type)
        assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE"), media_type
    for media_type in (f"{JSON}; charset=utf-8", "Application/JSON;charset=UTF-8"):
        assert (await post(market, QUERY, Content_Type=media_type)).status_code == 200
    encoded = await post(market, QUERY, Content_Encoding="gzip")
    assert (encoded.status_code, code(encoded)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_beyond_the_limit_is_refused_however_it_is_sent(market: Market) -> None:
    large = QUERY + b" " * 64 * 1024

    async def chunks():
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    for content in (large, chunks()):
        response = await market.http.post("/graphql", content=content, headers={"Content-Type": JSON})
        assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")
    assert (await post(market, QUERY.ljust(64 * 1024))).status_code == 200


async def test_everything_but_post_is_refused(market: Market) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        response = await market.http.request(method, "/graphql", params={"query": "{ me { id } }"})
        assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
        assert response.headers["allow"] == "POST"


async def test_a_request_keeps_its_id_if_it_is_a_sane_one(market: Market) -> None:
    assert (await post(market, QUERY, X_Request_Id="trace-0123.abc")).headers["x-request-id"] == "trace-0123.abc"
    made = {
        (await post(market, QUERY, X_Request_Id=given)).headers["x-request-id"] for given in ("", "short", "x" * 65)
    }
    assert len(made) == 3
    assert all(len(identifier) == 36 for identifier in made)
    refused = await post(market, b"null", X_Request_Id="trace-0123.abc")
    assert refused.headers["x-request-id"] == "trace-0123.abc"


async def test_one_line_is_logged_for_a_request_and_says_nothing_personal(
    market: Market, capfd: pytest.CaptureFixture[str]
) -> None:
    buyer = market.buyer()
    capfd.readouterr()
    await buyer.data("query WhoAmI { me { email } }")
    logged = capfd.readouterr()
    lines = [line for line in (logged.out + logged.err).splitlines() if "graphql_request" in line]
    assert len(lines) == 1
    assert "WhoAmI" in lines[0]
    assert "ok" in lines[0]
    assert buyer.name not in lines[0]


class Broken:
    """Services of which none works."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object, **__: object) -> None:
            raise self._error

        return fail


async def asked_of_broken_services(market: Market, error: Exception, **headers: str) -> httpx.Response:
    """The answer to a question on which every service fails."""
    broken: Any = Broken(error)
    working = market.shop.services
    services = Services(
        orders=broken, inventory=broken, catalog=broken, sellers=broken, notifications=broken,
        hub=working.hub, desk=working.desk,
    )  # fmt: skip
    app = Starlette(routes=build_graph_app(services, market.shop.issuer))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://market") as http:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.post("/graphql", json={"query": '{ book(isbn: "0306406152") { isbn } }'}, headers=headers)


async def test_a_bug_is_masked_and_can_be_found_by_its_correlation_id(
    market: Market, capfd: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError("the password is hunter2")
    response = await asked_of_broken_services(market, error, X_Request_Id="trace-of-a-bug")
    assert response.json() == {
        "data": {"book": None},
        "errors": [
            {
                "message": "Something went wrong on our side.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["book"],
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "correlationId": "trace-of-a-bug"},
            }
        ],
    }
    logged = capfd.readouterr()
    assert "hunter2" in logged.out + logged.err


@pytest.mark.parametrize("error", [Unavailable("SELECT hunter2"), Full("hunter2"), Conflict("hunter2")])
async def test_a_database_that_is_away_is_a_reason_to_ask_again(
    market: Market, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    for media_type in (JSON, GRAPHQL_JSON):
        response = await asked_of_broken_services(market, error, Accept=media_type, X_Request_Id="trace-of-it")
        assert response.json() == {
            "data": {"book": None},
            "errors": [
                {
                    "message": "This cannot be answered right now: send the same request again in a moment.",
                    "locations": [{"line": 1, "column": 3}],
                    "path": ["book"],
                    "extensions": {"code": "SERVICE_UNAVAILABLE", "correlationId": "trace-of-it"},
                }
            ],
        }
        assert (response.status_code, response.headers["retry-after"]) == (200, "1")
    logged = capfd.readouterr()
    assert "resolver_unavailable" in logged.out + logged.err
    assert "Traceback" not in logged.out + logged.err


class BrokenVerifier:
    """A verifier that cannot reach its keys."""

    believed_seconds = 60.0

    async def verify(self, token: str) -> Viewer:
        raise RuntimeError("the password is hunter2")


async def test_a_crash_outside_of_the_resolvers_is_masked_too(market: Market) -> None:
    app = Starlette(routes=build_graph_app(market.shop.services, BrokenVerifier()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://market") as http:
        response = await http.post(
            "/graphql", content=QUERY, headers={"Content-Type": JSON, "Authorization": "Bearer x"}
        )
    assert (response.status_code, code(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert "hunter2" not in response.text
    assert response.json()["errors"][0]["extensions"]["correlationId"] == response.headers["x-request-id"]
