"""Forged and misused tokens, of either issuer, over HTTP and in `connection_init`: none is believed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from joserfc.jwk import OKPKey
from starlette.applications import Starlette

from app.oidc import JwksUrl, OidcVerifier, ProviderKeys
from graph.auth import EMBEDDED_ISSUER, KEY_FILE, Expected
from graph.http import build_graph_app
from tests.graph.conftest import listening
from tests.graph.forgeries import FORGERIES, Mint
from tests.graph.market import Market
from tests.graph.oidc_provider import ISSUER, Provider
from tests.graph.socket_client import connected

ME = "{ me { id roles } }"


@dataclass
class Gate:
    """A gateway, where it listens for websockets, and what signs for the issuer that it believes."""

    http: httpx.AsyncClient
    socket_url: str
    mint: Mint

    async def ask(self, *headers: tuple[str, str]) -> httpx.Response:
        return await self.http.post("/graphql", json={"query": ME}, headers=[*headers])


@pytest.fixture(scope="module")
async def embedded_gate(market: Market) -> AsyncIterator[Gate]:
    """A gateway that signs its own tokens."""
    key = OKPKey.import_key(json.loads((market.shop.settings.data / KEY_FILE).read_bytes()))
    header = {"alg": "Ed25519", "typ": "JWT"}
    async with listening(market, market.shop.services) as url:
        yield Gate(market.http, url, Mint(key, header, {"iss": EMBEDDED_ISSUER}))


@pytest.fixture(scope="module")
async def oidc_gate(market: Market) -> AsyncIterator[Gate]:
    """A gateway that believes a provider's RSA key."""
    provider = Provider()
    provider.adds("first", "RS256")
    async with provider.listening():
        url = JwksUrl(provider.url, answer_seconds=5)
        keys = ProviderKeys(url.fetch, keep_seconds=600, floor_seconds=600)
        verifier = OidcVerifier(keys, Expected(issuer=ISSUER), believed_seconds=600)
        app = Starlette(routes=build_graph_app(market.shop.services, verifier))
        async with (
            listening(market, market.shop.services, verifier) as socket_url,
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://market") as http,
        ):
            header = {"alg": "RS256", "typ": "JWT", "kid": "first"}
            yield Gate(http, socket_url, Mint(provider.keys["first"][1], header, {}))
        await keys.close()
        await url.close()


@pytest.fixture(scope="module", params=["embedded", "oidc"])
def gate(request: pytest.FixtureRequest, market: Market) -> Gate:
    """A gateway with each kind of issuer."""
    return request.getfixturevalue(f"{request.param}_gate")


async def test_what_signs_the_forgeries_could_sign_a_good_one(gate: Gate) -> None:
    good = await gate.ask(("Authorization", f"Bearer {gate.mint.signs()}"))
    assert good.json()["data"]["me"]["roles"] == ["BUYER"]
    async with connected(gate.socket_url) as client:
        assert (await client.initialise(gate.mint.signs()))["type"] == "connection_ack"


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_is_refused_over_http(gate: Gate, forgery: str) -> None:
    refused = await gate.ask(("Authorization", f"Bearer {FORGERIES[forgery](gate.mint)}"))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith('Bearer realm="bookstall", error="invalid_token"')
    assert refused.json() == {
        "errors": [{"message": "The token is not valid here.", "extensions": {"code": "TOKEN_INVALID"}}]
    }


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_closes_a_websocket(gate: Gate, forgery: str) -> None:
    async with connected(gate.socket_url) as client:
        payload = {"authorization": f"Bearer {FORGERIES[forgery](gate.mint)}"}
        await client.send({"type": "connection_init", "payload": payload})
        assert await client.closed() == (4401, "TOKEN_INVALID")


async def test_of_two_tokens_none_is_believed(gate: Gate) -> None:
    header = ("Authorization", f"Bearer {gate.mint.signs()}")
    assert (await gate.ask(header, header)).status_code == 401
    async with connected(gate.socket_url) as client:
        await client.send(
            {"type": "connection_init", "payload": {"Authorization": header[1], "authorization": header[1]}}
        )
        assert await client.closed() == (4401, "TOKEN_INVALID")


async def test_a_second_token_does_not_change_who_a_socket_is(gate: Gate) -> None:
    async with connected(gate.socket_url) as client:
        await client.initialise(gate.mint.with_claims(sub="alice"))
        await client.subscribe(ME, "1")
        first = (await client.receive())["payload"]["data"]["me"]
        assert (await client.receive())["type"] == "complete"
        await client.subscribe(ME, "2")
        assert (await client.receive())["payload"]["data"]["me"] == first
        await client.receive()
        await client.send(
            {"type": "connection_init", "payload": {"Authorization": f"Bearer {gate.mint.with_claims(sub='bob')}"}}
        )
        assert (await client.closed())[0] == 4429
