"""Who is asking: what is believed of a token, and the issuer of the embedded form."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import orjson
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OKPKey

from graph.tokens import ED25519, TokenExpired, TokenInvalid, WrittenToken
from kernel.clock import Clock, utc_now

EMBEDDED_ISSUER = "bookstall-embedded"
AUDIENCE = "bookstall"
KEY_FILE = "issuer.json"
LIFE_LIMIT_SECONDS = 3600
LEEWAY_SECONDS = 5

_BEARER = re.compile(r"Bearer +([^ ]+)", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SUBJECT = re.compile(r"[!-~]{1,255}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_EMAIL_LENGTH = 254


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


class IssuerAway(Exception):
    """Nobody can tell now whether the token holds: its issuer's keys cannot be had."""


class KeyUnreadable(ValueError):
    """The issuer's key file is there and holds no usable key."""


class TokenVerifier(Protocol):
    """Turns a token into a viewer."""

    @property
    def believed_seconds(self) -> float:
        """After how long a token that was good has to be verified again: its key may have been withdrawn."""
        ...

    async def verify(self, token: str) -> Viewer:
        """The viewer that the token stands for; raises TokenExpired, TokenInvalid or IssuerAway."""
        ...


def bearer_token(header: object) -> str:
    """The token of an `Authorization` header; raises TokenInvalid where it has none."""
    match = _BEARER.fullmatch(header.strip()) if isinstance(header, str) else None
    if match is None:
        raise TokenInvalid("the header is no bearer token")
    return match[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the claims of a good token say, and where they name roles: in a claim or, by dots, inside of one."""

    issuer: str
    audience: str = AUDIENCE
    roles_claim: str = "roles"
    role_prefix: str = ""


class EmbeddedIssuer:
    """Issues and verifies the tokens of the embedded form with a key of its own, kept in the data folder."""

    believed_seconds = float(LIFE_LIMIT_SECONDS)

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
        return jwt.encode({"alg": ED25519}, claims, self._key, algorithms=[ED25519])

    async def verify(self, token: str) -> Viewer:
        """The viewer that the token stands for; raises TokenExpired or TokenInvalid."""
        written = WrittenToken.read(token)
        if written.type != "JWT":
            raise TokenInvalid("the token is of another type")
        return viewer_of(written.claims(self._key), Expected(issuer=EMBEDDED_ISSUER), now=self._clock())


def viewer_of(claims: Mapping[str, Any], expected: Expected, *, now: datetime) -> Viewer:
    """The viewer of a token whose signature holds; raises TokenExpired or TokenInvalid."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
        sub={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except ExpiredTokenError as error:
        raise TokenExpired("the token has expired") from error
    except (JoseError, ValueError, TypeError) as error:
        raise TokenInvalid("the token's claims are not for this marketplace") from error
    if not _SUBJECT.fullmatch(claims["sub"]):
        raise TokenInvalid("the token's subject cannot be")
    if not claims["exp"] - LIFE_LIMIT_SECONDS <= claims["iat"] < claims["exp"]:
        raise TokenInvalid("the token lives too long")
    return Viewer(
        subject=claims["sub"],
        email=_email_of(claims),
        roles=_roles_of(claims, expected),
        issuer=expected.issuer,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC) + timedelta(seconds=LEEWAY_SECONDS),
    )


def _email_of(claims: Mapping[str, Any]) -> str | None:
    """The address, unless it is none or the issuer says that nobody has confirmed it."""
    email = claims.get("email")
    if claims.get("email_verified", True) is not True or not isinstance(email, str):
        return None
    return email if len(email) <= _EMAIL_LENGTH and email.isprintable() and _EMAIL.fullmatch(email) else None


def _roles_of(claims: Mapping[str, Any], expected: Expected) -> frozenset[Role]:
    """The roles that are granted; everybody is a buyer, and what is no role of ours grants nothing."""
    granted = _claim(claims, expected.roles_claim)
    if not isinstance(granted, list):
        return frozenset({Role.BUYER})
    return frozenset({Role.BUYER, *(role for role in Role if f"{expected.role_prefix}{role.value}" in granted)})


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, which may have dots in it, or by the path to it."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


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
