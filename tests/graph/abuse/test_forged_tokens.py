"""Forged and misused tokens, of either issuer, over HTTP and in `connection_init`: none is believed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from joserfc.jwk import OKPKey

from graph.auth import EMBEDDED_ISSUER, KEY_FILE
from tests.conftest import FORMS
from tests.graph.abuse.conftest import NewServer
from tests.graph.forgeries import FORGERIES, Mint
from tests.graph.oidc_provider import ISSUER, Provider
from tests.graph.socket_client import connected
from tests.server import Environment, Server

ME = "{ me { id roles } }"


@dataclass(frozen=True)
class Gate:
    """A server, and what signs for the issuer that it believes."""

    server: Server
    mint: Mint

    @property
    def socket_url(self) -> str:
        return f"ws{self.server.url.removeprefix('http')}/graphql"

    async def ask(self, *headers: tuple[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.server.url, timeout=30) as http:
            return await http.post("/graphql", json={"query": ME}, headers=[*headers])


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[Provider]:
    """A provider with an RSA key."""
    opened = Provider()
    opened.adds("first", "RS256")
    async with opened.listening():
        yield opened


@pytest.fixture(scope="module")
def believing(provider: Provider) -> Environment:
    """The settings of a server that believes the provider."""
    return {"BOOKSTALL_OIDC_ISSUER": ISSUER, "BOOKSTALL_OIDC_JWKS_URL": provider.url}


@pytest.fixture(scope="module")
async def oidc_embedded_server(
    new_embedded_server: NewServer, believing: Environment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """One process that believes the provider."""
    async with new_embedded_server(tmp_path_factory.mktemp("oidc") / "data", believing) as started:
        yield started


@pytest.fixture(scope="module")
async def oidc_stack_server(
    new_stack_server: NewServer, believing: Environment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A gateway that believes the provider."""
    async with new_stack_server(tmp_path_factory.mktemp("oidc") / "data", believing) as started:
        yield started


@pytest.fixture(scope="module", params=["", "oidc_"], ids=["own", "oidc"])
def issuer(request: pytest.FixtureRequest) -> str:
    """The two kinds of issuers: what the names of servers that believe one begin with."""
    return request.param


@pytest.fixture(scope="module", params=FORMS)
def server(request: pytest.FixtureRequest, issuer: str) -> Server:
    """A server of each form with each kind of issuer."""
    return request.getfixturevalue(f"{issuer}{request.param}_server")


@pytest.fixture(scope="module")
def gate(server: Server, issuer: str, provider: Provider) -> Gate:
    """The server, and the key that it believes."""
    if issuer:
        header = {"alg": "RS256", "typ": "JWT", "kid": "first"}
        return Gate(server, Mint(provider.keys["first"][1], header, {}))
    key = OKPKey.import_key(json.loads((server.data / KEY_FILE).read_bytes()))
    return Gate(server, Mint(key, {"alg": "Ed25519", "typ": "JWT"}, {"iss": EMBEDDED_ISSUER}))


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
