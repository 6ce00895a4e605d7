"""graphql-ws, the client that browsers use: it asks, changes and watches over one socket, and comes back by itself."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from graph.auth import LEEWAY_SECONDS, EmbeddedIssuer
from kernel.clock import utc_now
from tests.builders import Shop
from tests.clients.node import run_node
from tests.server import Server

SCRIPT = Path(__file__).parent / "graphql_ws" / "shop.mjs"
SECONDS_LEFT = 5


async def test_a_socket_whose_token_expires_is_opened_again_with_another_and_goes_on(
    server: Server, shop: Shop
) -> None:
    offer, buyer = await shop.offer(copies=1), shop.buyer()
    issuer = EmbeddedIssuer(server.data, clock=lambda: utc_now() - timedelta(seconds=LEEWAY_SECONDS))
    url = f"ws{server.url.removeprefix('http')}/graphql"
    said = await run_node(
        SCRIPT, url, offer.id, issuer.issue(buyer.name, seconds=SECONDS_LEFT), server.token(buyer.name)
    )
    steps = [json.loads(line) for line in said.splitlines()]
    assert [step["step"] for step in steps] == [
        "connected", "watched", "closed", "connected", "watched again", "query", "mutation", "refused", "closed",
    ]  # fmt: skip
    seen = {step["step"]: step["seen"] for step in reversed(steps)}
    assert seen["query"] == {"me": await buyer.ask("{ me { id } }")}
    assert seen["mutation"]["addToCart"] == {"__typename": "Cart", "lines": [{"quantity": 1}]}
    assert [error["extensions"]["code"] for error in seen["refused"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert seen["closed"] == [4403, "TOKEN_EXPIRED"]
    assert seen["watched again"] == seen["watched"]
