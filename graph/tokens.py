"""A token as it is written: read strictly (RFC 7515, RFC 8725), and believed only after one key has signed it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

TOKEN_LIMIT_BYTES = 4096
ED25519 = "Ed25519"

Key = RSAKey | ECKey | OKPKey

# `EdDSA` is the older name of it (RFC 9864). What is not here is no algorithm: no `none`, nothing with a secret.
_MODELS = {
    "RS256": JWSRegistry.algorithms["RS256"],
    "ES256": JWSRegistry.algorithms["ES256"],
    "EdDSA": JWSRegistry.algorithms[ED25519],
    ED25519: JWSRegistry.algorithms[ED25519],
}
ALGORITHMS = frozenset(_MODELS)

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# A token never says which key it is checked with, and nothing in it changes how it is read.
_REFUSED_HEADERS = frozenset({"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"})
_KEY_ID_LENGTH = 256


class TokenInvalid(Exception):
    """The token is none of ours: damaged, forged, for somebody else, or living too long."""


class TokenExpired(TokenInvalid):
    """The token was ours and its time is over."""


@dataclass(frozen=True, slots=True)
class WrittenToken:
    """A token whose signature nobody has checked yet: `algorithm`, `key_id` and `type` are what it says of itself."""

    algorithm: str
    key_id: str | None
    type: str | None
    _signed: bytes
    _payload: bytes
    _signature: bytes

    @classmethod
    def read(cls, token: str) -> WrittenToken:
        """Take a token apart; raises TokenInvalid."""
        if len(token) > TOKEN_LIMIT_BYTES:
            raise TokenInvalid("the token is too long")
        if not _COMPACT.fullmatch(token):
            raise TokenInvalid("the token is no signed token")
        head, payload, signature = token.split(".")
        header = _json_object(_decoded(head))
        algorithm, key_id, type_ = header.get("alg"), header.get("kid"), header.get("typ")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise TokenInvalid("the token's algorithm is not taken")
        if not _REFUSED_HEADERS.isdisjoint(header):
            raise TokenInvalid("the token's header brings what is not taken")
        if (
            not isinstance(key_id, str | None)
            or len(key_id or "") > _KEY_ID_LENGTH
            or not isinstance(type_, str | None)
        ):
            raise TokenInvalid("the token's header cannot be")
        return cls(
            algorithm=algorithm,
            key_id=key_id,
            type=type_,
            _signed=f"{head}.{payload}".encode(),
            _payload=_decoded(payload),
            _signature=_decoded(signature),
        )

    def claims(self, key: Key) -> dict[str, Any]:
        """What the token says, if this key has signed it; raises TokenInvalid."""
        model = _MODELS[self.algorithm]
        try:
            model.check_key(key)
            holds = model.verify(self._signed, self._signature, key)
        except (JoseError, ValueError) as error:
            raise TokenInvalid("the key is for other tokens") from error
        if not holds:
            raise TokenInvalid("the token was not signed by this issuer")
        return _json_object(self._payload)


def algorithms_of(key: Key) -> Sequence[str]:
    """The algorithms that a key can check."""
    return [name for name, model in _MODELS.items() if _fits(key, name, model.key_type)]


def _fits(key: Key, algorithm: str, key_type: str) -> bool:
    try:
        _MODELS[algorithm].check_key(key)
    except JoseError:
        return False
    return key.key_type == key_type


def _decoded(part: str) -> bytes:
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise TokenInvalid("the token is not base64url") from error
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise TokenInvalid("the token is written in another way than it would be")
    return decoded


def _json_object(text: bytes) -> dict[str, Any]:
    """A JSON object in which no name comes twice: of two readers each could believe another one of them."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise TokenInvalid("the token is not written in JSON") from error
    if not isinstance(value, dict):
        raise TokenInvalid("the token holds no object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name comes twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
