"""Tokens: what the embedded issuer signs, keeps and believes."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from graph.auth import (
    AUDIENCE,
    EMBEDDED_ISSUER,
    EmbeddedIssuer,
    Expected,
    KeyUnreadable,
    Role,
    TokenExpired,
    TokenInvalid,
    viewer_of,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def claims(**changes: Any) -> dict[str, Any]:
    issued = int(NOW.timestamp())
    base = {"iss": EMBEDDED_ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": issued, "exp": issued + 3600}
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def believed(**changes: Any):
    return viewer_of(claims(**changes), Expected(issuer=EMBEDDED_ISSUER), now=NOW)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedIssuer:
    return EmbeddedIssuer(tmp_path_factory.mktemp("issuer"))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_token_tells_who_it_was_issued_to(tmp_path: Path) -> None:
    issuer = EmbeddedIssuer(tmp_path)
    viewer = await issuer.verify(issuer.issue("alice", "seller"))
    assert (viewer.subject, viewer.email, viewer.issuer) == ("alice", "alice@example.org", "bookstall-embedded")
    assert viewer.roles == {Role.BUYER, Role.SELLER}


async def test_a_token_outlives_the_process_that_issued_it(tmp_path: Path) -> None:
    token = EmbeddedIssuer(tmp_path).issue("alice")
    assert (await EmbeddedIssuer(tmp_path).verify(token)).subject == "alice"


async def test_two_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        issuers = list(threads.map(lambda _: EmbeddedIssuer(tmp_path), range(16)))
    for issuer in issuers:
        assert (await issuers[0].verify(issuer.issue("alice"))).subject == "alice"
    assert names_in(tmp_path) == ["issuer.json"]


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    EmbeddedIssuer(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new" / "issuer.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{}", "null", "not json", '{"kty": "OKP", "crv": "Ed25519", "x": "AA"}'])
def test_a_broken_key_file_is_told_in_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "issuer.json").write_text(content)
    with pytest.raises(KeyUnreadable, match="holds no"):
        EmbeddedIssuer(tmp_path)


def test_a_public_key_cannot_sign(tmp_path: Path) -> None:
    public = OKPKey.generate_key("Ed25519").as_dict(private=False)
    (tmp_path / "issuer.json").write_text(str(public).replace("'", '"'))
    with pytest.raises(KeyUnreadable, match="no private key"):
        EmbeddedIssuer(tmp_path)


@pytest.mark.parametrize(
    ("name", "role", "seconds"),
    [("", "buyer", 60), ("Alice", "buyer", 60), ("a b", "buyer", 60), ("a" * 65, "buyer", 60), ("alice", "king", 60),
     ("alice", "buyer", 0), ("alice", "buyer", 3601)],
)  # fmt: skip
def test_what_cannot_be_in_a_token_is_not_issued(tmp_path: Path, name: str, role: str, seconds: int) -> None:
    with pytest.raises(ValueError):
        EmbeddedIssuer(tmp_path).issue(name, role, seconds)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
async def test_other_algorithms_are_not_believed(tmp_path: Path, algorithm: str) -> None:
    issuer = EmbeddedIssuer(tmp_path)
    if algorithm == "none":
        token = issuer.issue("alice").split(".")
        forged = ".".join(["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", token[1], ""])
    else:
        forged = jwt.encode({"alg": algorithm}, claims(), OctKey.generate_key(256), algorithms=[algorithm])
    with pytest.raises(TokenInvalid):
        await issuer.verify(forged)


async def test_a_token_of_more_than_four_kilobytes_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(TokenInvalid, match="too long"):
        await EmbeddedIssuer(tmp_path).verify("x" * 4097)


@settings(max_examples=300)
@given(st.data())
async def test_no_token_with_another_character_in_it_is_believed(issuer: EmbeddedIssuer, data: st.DataObject) -> None:
    token = issuer.issue("alice", "operator")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(max_codepoint=0x2FF).filter(lambda character: character != token[place]))
    with pytest.raises(TokenInvalid):
        await issuer.verify(f"{token[:place]}{other}{token[place + 1 :]}")


@given(
    st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}", fullmatch=True))
)
async def test_any_text_is_answered(issuer: EmbeddedIssuer, text: str) -> None:
    with pytest.raises(TokenInvalid):
        await issuer.verify(text)


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "iat", "exp"])
def test_a_token_without_a_claim_is_invalid(missing: str) -> None:
    with pytest.raises(TokenInvalid):
        believed(**{missing: None})


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "another shop"},
        {"sub": ""},
        {"sub": 7},
        {"sub": "two words"},
        {"sub": "x" * 256},
        {"exp": "tomorrow"},
        {"iat": "yesterday"},
        {"exp": int(NOW.timestamp()) + 3601},
        {"iat": int(NOW.timestamp()) + 60, "exp": int(NOW.timestamp()) + 120},
    ],
)
def test_a_token_with_a_claim_that_cannot_be_is_invalid(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid) as refused:
        believed(**changes)
    assert not isinstance(refused.value, TokenExpired)


def test_a_token_is_taken_until_the_leeway_is_over() -> None:
    expires = NOW + timedelta(hours=1)
    assert viewer_of(claims(), Expected(issuer=EMBEDDED_ISSUER), now=expires + timedelta(seconds=4)).subject == "alice"
    with pytest.raises(TokenExpired):
        viewer_of(claims(), Expected(issuer=EMBEDDED_ISSUER), now=expires + timedelta(seconds=6))


@pytest.mark.parametrize("roles", [None, "operator", 7, [7], ["king"], [{}], {}])
def test_roles_that_are_none_of_ours_grant_nothing(roles: object) -> None:
    assert believed(roles=roles).roles == {Role.BUYER}


def test_an_audience_may_be_one_of_several() -> None:
    assert believed(aud=["elsewhere", AUDIENCE]).subject == "alice"
