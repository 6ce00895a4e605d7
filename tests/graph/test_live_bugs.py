"""Bugs that no field is to blame for: a websocket says that there was one, and under which id the log tells more."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from domains.inventory import BookStock
from graph.auth import TokenVerifier, Viewer
from kernel.logging import correlation_id
from tests.graph.conftest import listening
from tests.graph.market import Market, fresh_isbn
from tests.graph.socket_client import connected
from tests.graph.test_live_sharing import stock

STOCK = "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { isbn } }"
ME = "query Me { me { email } }"
MASKED = "Something went wrong on our side."
UNWRITABLE = "\ud800"
"""Half a character, which no JSON can hold."""


class GarbledInventory:
    """Stock of books whose ISBN nobody can write."""

    async def find_stock(self, isbns: Collection[str]) -> dict[str, BookStock]:
        return {isbn: stock(isbn + UNWRITABLE, 1) for isbn in isbns}


class GarblingVerifier:
    """A verifier of viewers whose address nobody can write."""

    believed_seconds = 60.0

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def verify(self, token: str) -> Viewer:
        return replace(await self._verifier.verify(token), email=UNWRITABLE)


def with_correlation(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds what a line belongs to."""
    return {**line, "correlation": correlation_id()}


@pytest.mark.parametrize(
    ("document", "event"),
    [(STOCK, "shared_subscription_failed"), (ME, "operation_failed")],
    ids=["shared", "alone"],
)
async def test_a_crash_of_an_operation_is_masked_and_can_be_found(market: Market, document: str, event: str) -> None:
    services = replace(market.shop.services, inventory=GarbledInventory())
    verifier = GarblingVerifier(market.shop.issuer)
    with capture_logs(processors=[with_correlation]) as lines:
        async with listening(market, services, verifier) as url, connected(url) as client:
            await client.initialise(market.shop.issuer.issue("alice"))
            await client.subscribe(document, isbns=[fresh_isbn()])
            message = await client.receive()
            await client.subscribe("{ __typename }", "next")
            assert (await client.receive())["payload"] == {"data": {"__typename": "Query"}}
    assert (message["id"], message["type"]) == ("1", "error")
    [error] = message["payload"]
    [bug] = [line for line in lines if line["event"] == event]
    assert bug["exc_info"]
    assert error == {
        "message": MASKED,
        "extensions": {"code": "INTERNAL_SERVER_ERROR", "correlationId": bug["correlation"]},
    }
