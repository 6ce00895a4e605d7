"""A marketplace in production: people come with the tokens of an OIDC provider, to one process and to several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import FORMS
from tests.graph.oidc_provider import ISSUER, Provider
from tests.graph.socket_client import connected
from tests.server import Environment, Server, bookstall, running

PRODUCTION = {
    "BOOKSTALL_PRODUCTION": "true",
    "BOOKSTALL_PAYMENTS": "none",
    "BOOKSTALL_OIDC_ISSUER": ISSUER,
    "BOOKSTALL_OIDC_FLOOR_SECONDS": "0.2",
}
ME = "{ me { email roles operating { outboxLag { domain } } } }"


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[Provider]:
    """A provider with one key, `first`."""
    opened = Provider()
    opened.adds("first", "RS256")
    async with opened.listening():
        yield opened


def production(provider: Provider) -> Environment:
    return PRODUCTION | {"BOOKSTALL_OIDC_JWKS_URL": provider.url}


@pytest.fixture(scope="module")
async def embedded_gate(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """`bookstall run`."""
    data = tmp_path_factory.mktemp("production") / "data"
    async with running(data, settings=production(provider)) as server:
        yield server


@pytest.fixture(scope="module")
async def stack_gate(
    stack_server: Server, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """Two more gateway processes of the full stack, behind one port."""
    data, settings = tmp_path_factory.mktemp("production") / "data", stack_server.environment | production(provider)
    settings |= {
        "BOOKSTALL_PRODUCTION": "false",
        "BOOKSTALL_EXPLORABLE": "false",
    }  # a test's RabbitMQ has a known password
    server = Server(data, "--workers", "2", command="gateway", settings=settings)
    await server.start()
    yield server
    assert await server.stop() == 0


@pytest.fixture(scope="module", params=FORMS)
def gate(request: pytest.FixtureRequest) -> Server:
    """A marketplace in production, in each form."""
    return request.getfixturevalue(f"{request.param}_gate")


async def asked(gate: Server, token: str, query: str = ME) -> httpx.Response:
    """An answer by whichever process takes a new connection."""
    async with httpx.AsyncClient(base_url=gate.url, timeout=30) as http:
        return await http.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"})


async def test_people_come_with_the_rights_that_the_provider_gives_them(gate: Server, provider: Provider) -> None:
    buyer = (await asked(gate, provider.token("first", email="ada@example.org"))).json()["data"]["me"]
    assert (buyer["email"], buyer["roles"], buyer["operating"]) == ("ada@example.org", ["BUYER"], None)
    operator = (await asked(gate, provider.token("first", "olga", roles=["operator"]))).json()["data"]["me"]
    assert operator["roles"] == ["BUYER", "OPERATOR"]
    assert len(operator["operating"]["outboxLag"]) == 5
    async with connected(gate.url.replace("http", "ws", 1) + "/graphql") as client:
        await client.initialise(provider.token("first"))
        await client.subscribe("subscription { notifications { unread isSnapshot } }")
        assert (await client.receive())["payload"]["data"]["notifications"] == {"unread": 0, "isSnapshot": True}


async def test_every_process_learns_of_a_new_key_and_goes_on_without_the_provider(
    gate: Server, provider: Provider, eventually
) -> None:
    name = f"key-{len(provider.keys)}"
    provider.adds(name)
    token = provider.token(name)

    async def everywhere() -> bool:
        answers = await asyncio.gather(*(asked(gate, token) for _ in range(40)))
        return all(answer.status_code == 200 for answer in answers)

    await eventually(everywhere)
    provider.is_away()
    try:
        # Nobody can choose the process that answers: one that was never asked before knows no new key.
        await eventually(everywhere)
    finally:
        provider.is_back()


async def test_nobody_is_given_a_token_or_shown_the_schema(gate: Server, provider: Provider) -> None:
    async with httpx.AsyncClient(base_url=gate.url) as http:
        for path in ("/graphiql", "/graphiql/session", "/mock-payments/mock-1"):
            assert (await http.get(path)).status_code == 404
    told = (await asked(gate, provider.token("first"), "{ __schema { queryType { name } } }")).json()
    assert [error["extensions"]["code"] for error in told["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    misspelt = (await asked(gate, provider.token("first"), "{ bok(isbn: 1) { title } }")).text
    assert "Did you mean" not in misspelt
    said = await bookstall("token", "--as", "alice", "--data", gate.data, settings=gate.environment)
    assert said.complaint == f"tokens come from {ISSUER}: get one there"
    assert not (gate.data / "issuer.json").exists()


async def test_the_doctor_counts_the_provider_s_keys(gate: Server, provider: Provider) -> None:
    said = await bookstall("doctor", "--data", gate.data, settings=gate.environment)
    assert f"{len(provider.keys)} of {ISSUER}, for " in said.out


async def test_nobody_is_given_the_stall_of_a_sample_seller(
    embedded_gate: Server, provider: Provider, tmp_path: Path
) -> None:
    desk = "{ books(first: 1) { nodes { isbn } } me { selling { seller { id } } } }"
    shown = (await asked(embedded_gate, provider.token("first", "mara", roles=["seller"]), desk)).json()["data"]
    assert shown == {"books": {"nodes": []}, "me": {"selling": {"seller": None}}}
    said = await bookstall("seed", "--data", tmp_path / "data", settings=production(provider))
    assert said.complaint.startswith("the sample shop is for development")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["run", "gateway", "worker", "migrate", "seed", "doctor"])
async def test_no_process_starts_on_weak_settings(tmp_path: Path, command: str) -> None:
    said = await bookstall(command, "--data", tmp_path / "data", settings={"BOOKSTALL_PRODUCTION": "true"})
    assert said.complaint.startswith("BOOKSTALL_OIDC_ISSUER: in production tokens come from an OIDC provider")
    assert not (tmp_path / "data").exists()
