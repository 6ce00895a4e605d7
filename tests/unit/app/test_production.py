"""Production refuses what development gets along with, one sentence for each weakness."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.doctor import look
from app.gateway import gateway
from app.production import HIGHEST, KNOWN_PASSWORDS
from app.settings import InvalidSetting, Settings
from app.wiring import migrate_all, open_shop
from graph.limits import Limits
from tests.production import SOUND

DATABASE = "postgresql://shop:{password}@db.example:5432/bookstall_{{domain}}"
SAFE = DATABASE.format(password="kept-in-a-safe-place")


def refusal(**changes: Any) -> str:
    """Why these settings are not taken."""
    with pytest.raises(InvalidSetting) as refused:
        Settings.load(**SOUND | changes)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_production_needs_somebody_else_to_issue_tokens() -> None:
    said = refusal(oidc_issuer="none", oidc_jwks_url="none")
    assert said.startswith("BOOKSTALL_OIDC_ISSUER: in production tokens come from an OIDC provider")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("payments", "mock", "`stripe` or `none`"),
        ("fail_point", "charge.before", "none in production"),
        ("oidc_jwks_url", "http://people.example/keys", "https://"),
        ("oidc_issuer", "http://people.example", "https://"),
        ("allowed_origins", "https://shop.example,http://other.example", "https://"),
        ("database_url", DATABASE.format(password="for-development-only"), "everybody knows"),
        ("database_url", DATABASE.format(password="shop"), "everybody knows"),
        ("database_url", DATABASE.format(password="P%61ssword"), "everybody knows"),
        ("database_url", DATABASE.format(password="short-one"), "at least 12 characters"),
        ("database_url", "postgresql://shop@db.example/bookstall_{domain}", "needs a password"),
        ("transport_url", "amqp://guest:guest@broker.example/", "everybody knows"),
        ("transport_url", "amqp://broker.example/", "needs a password"),
        ("cache_url", "redis://cache.example:6379/0", "needs a password"),
        ("cache_url", "redis://:redis@cache.example:6379/0", "everybody knows"),
        ("database_url", SAFE, "is encrypted (?sslmode=verify-full)"),
        ("database_url", f"{SAFE}?sslmode=prefer", "is encrypted"),
        ("database_url", f"{SAFE}?sslmode=require&sslmode=disable", "is encrypted"),
        ("database_url", f"{SAFE}?ssl=require", "is encrypted"),
        ("database_url", SAFE.replace("postgresql://", "postgres://"), "is encrypted"),
        ("database_url", "postgresql:///bookstall_{domain}?host=db.example", "needs a password"),
        ("database_url", SAFE.replace("@", "@localhost:5432,"), "is encrypted"),
        ("database_url", "postgresql:///bookstall_{domain}?service=shop", "needs a password"),
        ("transport_url", "amqp://shop:kept-in-a-safe-place@broker.example/", "is encrypted (amqps://)"),
        ("cache_url", "redis://:kept-in-a-safe-place@cache.example/0", "BOOKSTALL_TRUSTED_NETWORK=true"),
        ("cache_url", "redis://:kept-in-a-safe-place@cache.example/0?sslmode=require", "is encrypted (rediss://)"),
    ],
)
def test_production_refuses_what_is_weak(name: str, value: str, reason: str) -> None:
    assert Settings.load(**SOUND).production
    said = refusal(**{name: value})
    assert said.startswith(f"BOOKSTALL_{name.upper()}: ")
    assert reason in said
    assert value == "mock" or value not in said
    assert Settings.load(**{**SOUND, "production": False, name: value}).production is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oidc_jwks_url", "http://127.0.0.1:8080/keys"),
        ("allowed_origins", "http://localhost:3000"),
        ("database_url", f"{SAFE}?sslmode=verify-full"),
        ("database_url", f"{SAFE}?sslmode=require"),
        ("database_url", SAFE.replace("db.example", "127.0.0.1")),
        ("database_url", SAFE.replace("db.example:5432", "[::1]:5432")),
        ("database_url", "postgresql:///bookstall_{domain}"),
        ("database_url", "postgresql:///bookstall_{domain}?host=/run/postgresql"),
        ("transport_url", "amqps://shop:kept%20in%20a%20safe@broker.example/"),
        ("cache_url", "redis://127.0.0.1:6379/0"),
        ("cache_url", "rediss://:kept-in-a-safe-place@cache.example/0"),
    ],
)
def test_production_takes_what_nobody_else_can_read_or_guess(name: str, value: str) -> None:
    assert Settings.load(**SOUND | {name: value}).production


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", SAFE),
        ("transport_url", "amqp://shop:kept-in-a-safe-place@broker.example/"),
        ("cache_url", "redis://:kept-in-a-safe-place@cache.example/0"),
    ],
)
def test_a_private_network_needs_no_encryption_but_passwords(name: str, value: str) -> None:
    assert Settings.load(**SOUND | {name: value, "trusted_network": True}).production
    weak = value.replace("kept-in-a-safe-place", "password")
    assert "everybody knows" in refusal(**{name: weak, "trusted_network": True})


def test_every_limit_of_production_is_decided() -> None:
    numbers = {name for name, default in Limits() if not isinstance(default, bool)}
    assert numbers - {"trusted_proxies"} == HIGHEST.keys()
    assert Settings.load(**SOUND | {"rate_per_viewer": 1, "rate_per_address": 1}).production


@pytest.mark.parametrize("name", HIGHEST)
def test_production_refuses_a_limit_that_is_none(name: str) -> None:
    assert getattr(Settings.load(**SOUND | {name: HIGHEST[name]}), name) == HIGHEST[name]
    assert refusal(**{name: HIGHEST[name] + 1}) == (
        f"BOOKSTALL_{name.upper()}: in production it is at most {HIGHEST[name]}: more is as good as no limit"
    )
    assert getattr(Settings.load(**{name: HIGHEST[name] + 1}), name) == HIGHEST[name] + 1


@pytest.mark.parametrize("name", ["rate_per_viewer", "rate_per_address"])
def test_production_takes_no_rate_of_zero(name: str) -> None:
    assert refusal(**{name: 0}) == f"BOOKSTALL_{name.upper()}: in production requests are counted: 0 is no limit"


def test_the_manual_lists_the_highest_limits() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    told = dict(re.findall(r"^\| `BOOKSTALL_(\w+)` \| at most `(\d+)` \|$", manual, re.MULTILINE))
    assert told == {name.upper(): str(highest) for name, highest in HIGHEST.items()}


def test_the_passwords_of_the_compose_file_are_known() -> None:
    compose = (Path(__file__).parents[3] / "deploy" / "compose.yaml").read_text()
    passwords = set(re.findall(r"_PASSWORD:-([^}]*)}", compose))
    assert passwords
    assert passwords <= KNOWN_PASSWORDS


@pytest.mark.parametrize(("given", "missing"), [("oidc_issuer", "JWKS_URL"), ("oidc_jwks_url", "ISSUER")])
def test_an_issuer_and_its_keys_belong_together(given: str, missing: str) -> None:
    with pytest.raises(InvalidSetting, match=f"BOOKSTALL_OIDC_{missing}: an issuer and where its keys are"):
        Settings.load(**{given: SOUND[given]})


@pytest.mark.parametrize(
    ("name", "value"),
    [("oidc_issuer", ""), ("oidc_issuer", "two words"), ("oidc_jwks_url", "people.example"),
     ("oidc_jwks_url", "file:///keys"), ("oidc_jwks_url", "https://user@people.example/keys"),
     ("oidc_jwks_url", "https://[people/keys"), ("oidc_audience", ""), ("oidc_roles_claim", ""),
     ("oidc_keep_seconds", 0), ("oidc_floor_seconds", 0), ("oidc_answer_seconds", 0)],
)  # fmt: skip
def test_what_cannot_be_an_issuer_is_named(name: str, value: object) -> None:
    assert refusal(**{name: value}).startswith(f"BOOKSTALL_{name.upper()}: ")


@pytest.mark.parametrize(
    ("settings", "explorable"),
    [({}, True), ({"explorable": False}, False), (SOUND, False), (SOUND | {"explorable": True}, True)],
)
def test_production_is_explored_only_where_a_setting_says_so(settings: dict[str, Any], explorable: bool) -> None:
    assert Settings.load(**settings).limits().explorable is explorable


@pytest.mark.parametrize(("explorable", "page", "session"), [(False, 404, 404), (True, 200, 404)])
async def test_production_gives_nobody_a_token(tmp_path: Path, explorable: bool, page: int, session: int) -> None:
    settings = Settings.load(data=tmp_path, **SOUND | {"explorable": explorable})
    await migrate_all(settings)
    async with open_shop(settings) as shop:
        transport = httpx.ASGITransport(gateway(shop))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            assert (await http.get("/graphiql")).status_code == page
            assert (await http.get("/graphiql/session")).status_code == session
            assert (await http.get("/mock-payments/mock-1")).status_code == 404
            told = (await http.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})).json()
            assert ("errors" in told) is not explorable
    assert not (tmp_path / "issuer.json").exists()


async def test_the_doctor_names_an_issuer_that_cannot_be_reached(tmp_path: Path) -> None:
    settings = Settings.load(data=tmp_path, **SOUND | {"oidc_jwks_url": "http://127.0.0.1:1/keys"})
    found = {finding.what: finding for finding in await look(settings)}
    assert "token key" not in found
    assert not found["token keys"].ok
    assert "is BOOKSTALL_OIDC_JWKS_URL right" in found["token keys"].said
