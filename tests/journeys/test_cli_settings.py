"""What somebody is told who starts a command with settings that cannot be, in the words of who runs a shop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server import bookstall


@pytest.mark.parametrize("command", ["run --port 0", "gateway", "worker", "migrate", "doctor", "token --as alice"])
async def test_a_misspelt_setting_stops_every_command(tmp_path: Path, command: str) -> None:
    data = tmp_path / "data"
    said = await bookstall(*command.split(), "--data", data, settings={"BOOKSTALL_PAYMENT": "stripe"})
    assert said.complaint == "BOOKSTALL_PAYMENT is no setting; do you mean BOOKSTALL_PAYMENTS?"
    assert not data.exists()


@pytest.mark.parametrize(
    ("server", "why"), [("127.0.0.1:1", "connection refused"), ("nowhere.invalid:5432", "no such host is known")]
)
async def test_a_postgresql_that_is_away_is_named_by_its_place_alone(tmp_path: Path, server: str, why: str) -> None:
    settings = {"BOOKSTALL_DATABASE_URL": f"postgresql://someone:sesame@{server}/{{domain}}"}
    said = await bookstall("migrate", "--data", tmp_path / "data", settings=settings)
    assert said.complaint == f"PostgreSQL does not answer at {server} (BOOKSTALL_DATABASE_URL): {why}"


async def test_the_doctor_says_in_words_why_nobody_can_be_asked(tmp_path: Path) -> None:
    settings = {
        "BOOKSTALL_DATABASE_URL": "postgresql://127.0.0.1:1/{domain}",
        "BOOKSTALL_TRANSPORT_URL": "amqp://127.0.0.1:1/",
        "BOOKSTALL_CACHE_URL": "redis://127.0.0.1:1/0",
        "BOOKSTALL_OIDC_ISSUER": "https://people.example",
        "BOOKSTALL_OIDC_JWKS_URL": "http://127.0.0.1:1/keys",
    }
    said = await bookstall("doctor", "--data", tmp_path / "data", settings=settings)
    assert said.code == 1
    for words in (
        "cannot be reached (connection refused): is BOOKSTALL_DATABASE_URL right",
        "cannot be used (no connection): is BOOKSTALL_TRANSPORT_URL right",
        "cannot be fetched (no connection): is BOOKSTALL_OIDC_JWKS_URL right",
    ):
        assert words in said.out, said.out
