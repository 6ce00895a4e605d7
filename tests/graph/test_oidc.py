"""Tokens of an OIDC provider: its keys are fetched over HTTP, kept while it is away, and not asked for too often."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey
from starlette.applications import Starlette

from app.oidc import LIMIT_BYTES, JwksUrl, OidcVerifier, ProviderKeys, usable_keys
from graph.auth import Expected, IssuerAway, Role, TokenExpired, TokenInvalid
from graph.http import build_graph_app
from tests.graph.conftest import listening
from tests.graph.market import ADDRESS, Market
from tests.graph.oidc_provider import ISSUER, Provider, answer_of, new_key
from tests.graph.socket_client import connected

KEEP_SECONDS = 600.0
FLOOR_SECONDS = 10.0


class Gateway:
    """What one gateway knows of a provider, and a clock that goes when it is told to."""

    def __init__(self, provider: Provider, *, believed_seconds: float = 3600.0, **expected: str) -> None:
        self.now = 1000.0
        self.url = JwksUrl(provider.url, answer_seconds=0.5)
        self.keys = ProviderKeys(
            self.url.fetch, keep_seconds=KEEP_SECONDS, floor_seconds=FLOOR_SECONDS, clock=lambda: self.now
        )
        self.verifier = OidcVerifier(self.keys, Expected(issuer=ISSUER, **expected), believed_seconds=believed_seconds)
        self.verify = self.verifier.verify

    async def close(self) -> None:
        await self.keys.close()
        await self.url.close()

    async def refuses(self, token: str) -> None:
        with pytest.raises(TokenInvalid):
            await self.verify(token)

    async def cannot_tell(self, token: str) -> None:
        with pytest.raises(IssuerAway):
            await self.verify(token)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider with one key, `first`."""
    opened = Provider()
    opened.adds("first")
    async with opened.listening():
        yield opened


@pytest.fixture
async def gateway(provider: Provider) -> AsyncIterator[Gateway]:
    """A gateway that has asked for nothing yet."""
    opened = Gateway(provider)
    yield opened
    await opened.close()


@asynccontextmanager
async def opened(provider: Provider, **expected: Any) -> AsyncIterator[Gateway]:
    other = Gateway(provider, **expected)
    yield other
    await other.close()


# --- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "Ed25519"])
async def test_a_token_of_each_algorithm_is_believed(provider: Provider, gateway: Gateway, algorithm: str) -> None:
    provider.adds("second", algorithm)
    viewer = await gateway.verify(provider.token("second", email="ada@example.org", roles=["seller"]))
    assert (viewer.subject, viewer.email, viewer.issuer) == ("ada", "ada@example.org", ISSUER)
    assert viewer.roles == {Role.BUYER, Role.SELLER}


async def test_a_crowd_makes_one_request_for_keys(provider: Provider, gateway: Gateway) -> None:
    viewers = await asyncio.gather(*(gateway.verify(provider.token("first", f"p{n}")) for n in range(50)))
    assert [viewer.subject for viewer in viewers] == [f"p{n}" for n in range(50)]
    assert provider.asked == 1


async def test_a_new_key_is_believed_as_soon_as_a_token_names_it(provider: Provider, gateway: Gateway) -> None:
    await gateway.verify(provider.token("first"))
    provider.adds("second", "RS256")
    gateway.now += FLOOR_SECONDS
    assert (await gateway.verify(provider.token("second"))).subject == "ada"
    assert (await gateway.verify(provider.token("first"))).subject == "ada"
    assert provider.asked == 2


async def test_a_withdrawn_key_is_believed_until_the_keys_are_old(provider: Provider, gateway: Gateway) -> None:
    token = provider.token("first")
    await gateway.verify(token)
    provider.adds("second")
    provider.withdraws("first")
    gateway.now += KEEP_SECONDS - 1
    await gateway.verify(token)
    gateway.now += 1
    await gateway.refuses(token)
    assert (await gateway.verify(provider.token("second"))).subject == "ada"


async def test_strangers_key_ids_do_not_make_the_gateway_ask(provider: Provider, gateway: Gateway) -> None:
    strange = Provider()
    for number in range(20):
        strange.adds(f"strange-{number}")
    await gateway.verify(provider.token("first"))
    for name in strange.keys:
        await gateway.refuses(strange.token(name))
    assert provider.asked == 1
    gateway.now += FLOOR_SECONDS
    for name in strange.keys:
        await gateway.refuses(strange.token(name))
    assert provider.asked == 2


async def test_several_gateways_learn_of_a_new_key_each(provider: Provider, gateway: Gateway) -> None:
    async with opened(provider) as other:
        for each in (gateway, other):
            await each.verify(provider.token("first"))
        provider.adds("second")
        provider.withdraws("first")
        for each in (gateway, other):
            each.now += FLOOR_SECONDS
            assert (await each.verify(provider.token("second"))).subject == "ada"
            await each.refuses(Provider.token(provider, "second") + "A")
    assert provider.asked == 4


# --- a provider in trouble -----------------------------------------------------------------------------------------


async def test_while_the_provider_is_away_its_last_keys_go_on(provider: Provider, gateway: Gateway) -> None:
    await gateway.verify(provider.token("first"))
    provider.adds("second")
    provider.is_away()
    gateway.now += 10 * KEEP_SECONDS
    for _ in range(3):
        assert (await gateway.verify(provider.token("first"))).subject == "ada"
    await gateway.cannot_tell(provider.token("second"))
    assert provider.asked == 2
    provider.is_back()
    gateway.now += FLOOR_SECONDS
    assert (await gateway.verify(provider.token("second"))).subject == "ada"


async def test_without_keys_nobody_can_tell_and_the_provider_is_not_run_down(
    provider: Provider, gateway: Gateway
) -> None:
    provider.is_away()
    for _ in range(5):
        await gateway.cannot_tell(provider.token("first"))
    assert provider.asked == 1
    provider.is_back()
    gateway.now += FLOOR_SECONDS
    assert (await gateway.verify(provider.token("first"))).subject == "ada"


async def test_a_silent_provider_is_given_up(provider: Provider, gateway: Gateway) -> None:
    provider.falls_silent()
    await gateway.cannot_tell(provider.token("first"))


async def test_nobody_listens_there_at_all(provider: Provider, gateway: Gateway) -> None:
    with_nobody = Provider()
    with_nobody.url = "http://127.0.0.1:1/keys"
    async with opened(with_nobody) as other:
        await other.cannot_tell(provider.token("first"))


TROUBLE = {
    "garbage": answer_of(b"\xff\xfe not json"),
    "a list": answer_of(b"[]"),
    "no keys": answer_of(b'{"keys": []}'),
    "keys of nothing": answer_of(
        b'{"keys": [7, null, {}, {"kty": []}, {"kty": "RSA", "kid": "first", "n": 7, "e": []}]}'
    ),
    "deep": answer_of(b'{"keys": ' + b"[" * 100_000),
    "huge": answer_of(b" " * (LIMIT_BYTES + 1)),
    "endless": b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LIMIT_BYTES + 1),
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "compressed": answer_of(gzip.compress(b" " * 10_000_000), "Content-Encoding: gzip"),
    "elsewhere": answer_of(b"", "Location: http://127.0.0.1:1/", status="302 Found"),
    "an error": answer_of(b'{"keys": []}', status="500 Oh No"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_what_is_no_set_of_keys_replaces_none(provider: Provider, gateway: Gateway, trouble: str) -> None:
    good = provider.token("first")
    provider.says(TROUBLE[trouble])
    await gateway.cannot_tell(good)
    provider.is_back()
    gateway.now += FLOOR_SECONDS
    await gateway.verify(good)
    provider.says(TROUBLE[trouble])
    gateway.now += KEEP_SECONDS
    assert (await gateway.verify(good)).subject == "ada"


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"}, {"alg": "PS256"}, {"alg": ["RS256"]}, {"kid": 7},
     {"kid": None}, {"kty": "oct"}, {"kty": "EC"}, {"n": "AQAB"}, {"e": "!"}],
)  # fmt: skip
def test_a_key_for_something_else_is_passed_over(change: dict[str, Any]) -> None:
    written = {**new_key("RS256").as_dict(private=False), "kid": "k"}
    assert list(usable_keys(json.dumps({"keys": [written]}).encode())) == [("k", "RS256")]
    assert usable_keys(json.dumps({"keys": [{**written, **change}]}).encode()) == {}


def test_secrets_and_private_halves_are_not_what_tokens_are_checked_with() -> None:
    secret, pair = OctKey.generate_key(256).as_dict(), new_key("ES256").as_dict(private=True)
    document = json.dumps({"keys": [{**secret, "kid": "s", "alg": "HS256"}, {**pair, "kid": "p"}]})
    [(name, key)] = usable_keys(document.encode()).items()
    assert name == ("p", "ES256")
    assert not key.is_private


# --- claims ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "prefix", "claims"),
    [
        ("roles", "", {"roles": ["operator", "king"]}),
        ("realm_access.roles", "", {"realm_access": {"roles": ["operator"]}}),
        ("https://bookstall.example/roles", "", {"https://bookstall.example/roles": ["operator"]}),
        ("groups", "bookstall-", {"groups": ["seller", "bookstall-operator"]}),
    ],
)
async def test_roles_are_where_the_settings_say(provider: Provider, claim: str, prefix: str, claims: dict) -> None:
    async with opened(provider, roles_claim=claim, role_prefix=prefix) as gateway:
        assert (await gateway.verify(provider.token("first", **claims))).roles == {Role.BUYER, Role.OPERATOR}
        assert (await gateway.verify(provider.token("first"))).roles == {Role.BUYER}


@pytest.mark.parametrize(
    "claims", [{"realm": 7}, {"realm": {"roles": "operator"}}, {"realm": {"roles": {"operator": 1}}}]
)
async def test_roles_that_are_no_list_grant_nothing(provider: Provider, claims: dict) -> None:
    async with opened(provider, roles_claim="realm.roles") as gateway:
        assert (await gateway.verify(provider.token("first", **claims))).roles == {Role.BUYER}


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ada@example.org"}, "ada@example.org"),
        ({"email": "ada@example.org", "email_verified": True}, "ada@example.org"),
        ({"email": "ada@example.org", "email_verified": False}, None),
        ({"email": "ada@example.org", "email_verified": "yes"}, None),
        ({"email": "nobody"}, None),
        ({"email": "a@b\nBcc: c@d"}, None),
        ({"email": f"{'a' * 250}@example.org"}, None),
        ({"email": ["ada@example.org"]}, None),
    ],
)
async def test_an_address_is_one_that_somebody_confirmed(
    provider: Provider, gateway: Gateway, claims: dict, email: str | None
) -> None:
    assert (await gateway.verify(provider.token("first", **claims))).email == email


async def test_the_audience_is_the_one_of_the_settings(provider: Provider, gateway: Gateway) -> None:
    async with opened(provider, audience="https://books.example") as other:
        token = provider.token("first", aud=["https://books.example", "https://elsewhere.example"])
        assert (await other.verify(token)).subject == "ada"
        await gateway.refuses(token)


async def test_an_expired_token_is_told_from_a_bad_one(provider: Provider, gateway: Gateway) -> None:
    with pytest.raises(TokenExpired):
        await gateway.verify(provider.token("first", iat=1000, exp=2000))


# --- over the wire -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def asking(market: Market, gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the marketplace that believes this provider."""
    app = Starlette(routes=build_graph_app(market.shop.services, gateway.verifier))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://market") as http:
        yield http


async def test_people_of_the_provider_are_viewers(market: Market, provider: Provider, gateway: Gateway) -> None:
    async with asking(market, gateway) as http:
        good = await http.post(
            "/graphql",
            json={"query": "{ me { email roles cart { version } } }"},
            headers={"Authorization": f"Bearer {provider.token('first', email='ada@example.org')}"},
        )
        own = {"Authorization": f"Bearer {market.shop.issuer.issue('alice')}"}
        bad = await http.post("/graphql", json={"query": "{ me { email } }"}, headers=own)
    assert good.json()["data"]["me"]["email"] == "ada@example.org"
    assert (bad.status_code, bad.json()["errors"][0]["extensions"]["code"]) == (401, "TOKEN_INVALID")
    assert 'error="invalid_token"' in bad.headers["www-authenticate"]


async def test_somebody_without_an_address_buys_like_everybody(
    market: Market, provider: Provider, gateway: Gateway, eventually
) -> None:
    offer = await market.offer()
    headers = {"Authorization": f"Bearer {provider.token('first', 'someone|without@mail')}"}
    async with asking(market, gateway) as http:

        async def ask(document: str, **variables: object) -> dict:
            body = {"query": document, "variables": variables}
            return (await http.post("/graphql", json=body, headers=headers)).json()["data"]

        await ask("mutation M($id: ID!) { addToCart(input: {offerId: $id}) { __typename } }", id=offer.id)
        given = {
            "idempotencyKey": "once",
            "deliveryAddress": ADDRESS,
            "amount": {"amount": offer.price, "currency": "EUR"},
        }
        bought = await ask("mutation M($input: CheckoutInput!) { checkout(input: $input) { __typename } }", input=given)
        assert bought == {"checkout": {"__typename": "CheckoutCompleted"}}

        async def settled() -> bool:
            orders = (await ask("{ me { orders { nodes { settled } } } }"))["me"]["orders"]["nodes"]
            return orders == [{"settled": True}]

        await eventually(settled)


async def test_while_nobody_can_tell_a_client_is_told_to_come_again(
    market: Market, provider: Provider, gateway: Gateway
) -> None:
    provider.is_away()
    headers = {"Authorization": f"Bearer {provider.token('first')}"}
    async with asking(market, gateway) as http:
        told = await http.post("/graphql", json={"query": "{ me { email } }"}, headers=headers)
        public = await http.post("/graphql", json={"query": "{ books(first: 1) { nodes { isbn } } }"})
    assert (told.status_code, told.json()["errors"][0]["extensions"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert told.headers["retry-after"] == "1"
    assert "errors" not in public.json()
    async with listening(market, market.shop.services, gateway.verifier) as url, connected(url) as client:
        payload = {"Authorization": f"Bearer {provider.token('first')}"}
        await client.send({"type": "connection_init", "payload": payload})
        assert await client.closed() == (1013, "ISSUER_AWAY")


async def test_a_withdrawn_key_ends_the_streams_of_its_tokens(market: Market, provider: Provider) -> None:
    async with (
        opened(provider, believed_seconds=0.05) as gateway,
        listening(market, market.shop.services, gateway.verifier) as url,
        connected(url) as client,
        connected(url) as other,
    ):
        provider.adds("second")
        for socket, key in ((client, "first"), (other, "second")):
            await socket.initialise(provider.token(key, f"{key}-watcher"))
            await socket.subscribe("subscription { notifications { version } }")
            assert (await socket.receive())["type"] == "next"
        provider.withdraws("first")
        gateway.now += KEEP_SECONDS
        assert await client.closed() == (4401, "TOKEN_INVALID")
        await other.subscribe("{ me { email } }", "2")
        assert (await other.receive())["type"] == "next"
