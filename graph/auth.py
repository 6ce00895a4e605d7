"""Who is asking: tokens, what is believed of them, and the issuer of the embedded form."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import orjson
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OKPKey

from kernel.clock import Clock, utc_now

EMBEDDED_ISSUER = "bookstall-embedded"
AUDIENCE = "bookstall"
ALGORITHM = "Ed25519"
KEY_FILE = "issuer.json"
TOKEN_LIMIT_BYTES = 4096
LIFE_LIMIT_SECONDS = 3600
LEEWAY_SECONDS = 5

_BEARER = re.compile(r"Bearer +([^ ]+)", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SUBJECT = re.compile(r"[!-~]{1,128}")


class Role(StrEnum):
    """What a viewer may do beside buying, which everybody may."""

    BUYER = "buyer"
    SELLER = "seller"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever a token stands for."""

    subject: str
    email: str | None
    roles: frozenset[Role]
    issuer: str
    expires_at: datetime


class TokenInvalid(Exception):
    """The token is none of ours: damaged, forged, for somebody else, or living too long."""


class TokenExpired(TokenInvalid):
    """The token was ours and its time is over."""


class KeyUnreadable(ValueError):
    """The issuer's key file is there and holds no usable key."""


class TokenVerifier(Protocol):
    """Turns a token into a viewer."""

    async def verify(self, token: str) -> Viewer:
        """The viewer that the token stands for; raises TokenExpired or TokenInvalid."""
        ...


def bearer_token(header: object) -> str:
    """The token of an `Authorization` header; raises TokenInvalid where it has none."""
    match = _BEARER.fullmatch(header.strip()) if isinstance(header, str) else None
    if match is None:
        raise TokenInvalid("the header is no bearer token")
    return match[1]


class EmbeddedIssuer:
    """Issues and verifies the tokens of the embedded form with a key of its own, kept in the data folder."""

    def __init__(self, data_dir: Path, *, clock: Clock = utc_now) -> None:
        self._key = _load_or_make_key(data_dir / KEY_FILE)
        self._clock = clock

    def issue(self, name: str, role: str = Role.BUYER, seconds: int = LIFE_LIMIT_SECONDS) -> str:
        """A token for `name`, a buyer who also has `role`; raises ValueError for what cannot be in one."""
        if not _NAME.fullmatch(name):
            raise ValueError("a name has 1 to 64 of the characters a-z, 0-9, dot, underscore and hyphen")
        if role not in set(Role):
            raise ValueError(f"a role is one of {', '.join(Role)}")
        if not 1 <= seconds <= LIFE_LIMIT_SECONDS:
            raise ValueError(f"a token lives between 1 and {LIFE_LIMIT_SECONDS} seconds")
        issued = int(self._clock().timestamp())
        claims = {
            "iss": EMBEDDED_ISSUER,
            "aud": AUDIENCE,
            "sub": name,
            "email": f"{name}@example.org",
            "roles": sorted({Role.BUYER.value, Role(role).value}),
            "iat": issued,
            "exp": issued + seconds,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    async def verify(self, token: str) -> Viewer:
        """The viewer that the token stands for; raises TokenExpired or TokenInvalid."""
        if len(token) > TOKEN_LIMIT_BYTES:
            raise TokenInvalid("the token is too long")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise TokenInvalid("the token was not signed by this issuer") from error
        return viewer_of(claims, issuer=EMBEDDED_ISSUER, now=self._clock())


def viewer_of(claims: dict[str, Any], *, issuer: str, now: datetime) -> Viewer:
    """The viewer of a token whose signature holds; raises TokenExpired or TokenInvalid."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": AUDIENCE},
        sub={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError as error:
        raise TokenExpired("the token has expired") from error
    except (JoseError, ValueError, TypeError) as error:
        raise TokenInvalid("the token's claims are not for this marketplace") from error
    subject, email = claims["sub"], claims.get("email")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise TokenInvalid("the token's subject cannot be")
    if claims["exp"] - claims["iat"] > LIFE_LIMIT_SECONDS:
        raise TokenInvalid("the token lives too long")
    return Viewer(
        subject=subject,
        email=email if isinstance(email, str) else None,
        roles=_roles_of(claims.get("roles")),
        issuer=issuer,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC) + timedelta(seconds=LEEWAY_SECONDS),
    )


def _roles_of(claim: object) -> frozenset[Role]:
    """The roles that a claim grants; everybody is a buyer, and what is no role of ours grants nothing."""
    granted = claim if isinstance(claim, list) else []
    return frozenset({Role.BUYER, *(role for role in Role if role.value in granted)})


def _load_or_make_key(path: Path) -> OKPKey:
    """The key of the file, made first where there is none; of two processes that make one, one wins for both."""
    if not path.exists():
        _write_new(path, orjson.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
    try:
        key = OKPKey.import_key(orjson.loads(path.read_bytes()))
        if key.is_private:
            return key
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise KeyUnreadable(f"{path} holds no key; remove it to have a new one made") from error
    raise KeyUnreadable(f"{path} holds no private key; remove it to have a new one made")


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there, readable by its owner alone; one that is there already stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
