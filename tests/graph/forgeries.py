"""Tokens that must not be believed: those of strangers, and those that an issuer signed but never for this."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc.util import urlsafe_b64encode

from graph.tokens import Key
from tests.graph.oidc_provider import claims_of, new_key, write_token

YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Mint:
    """What signs for an issuer: with it a forger would need no forgery."""

    key: Key
    header: dict[str, str]
    """As the issuer writes it."""
    claims: dict[str, Any]
    """What is different from `claims_of`."""

    @property
    def algorithm(self) -> str:
        return self.header["alg"]

    def signs(self, header: object = None, payload: object = None) -> str:
        """Any token, signed as it is."""
        return write_token(header or self.header, payload or self.payload(), self.algorithm, self.key)

    def payload(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token, changed; None takes one out."""
        return claims_of("mallory", **{**self.claims, **changes})

    def with_claims(self, **changes: Any) -> str:
        return self.signs(payload=self.payload(**changes))

    def with_header(self, **changes: Any) -> str:
        """The header, changed, under a signature that holds."""
        return self.signs(header={**self.header, **changes})

    def stolen(self, **changes: Any) -> str:
        """The header, changed, signed by a stranger's key of the same kind."""
        return write_token({**self.header, **changes}, self.payload(), self.algorithm, new_key(self.algorithm))


Forgery = Callable[[Mint], str]


def _unsigned(algorithm: str) -> Forgery:
    def forged(mint: Mint) -> str:
        parts = ({**mint.header, "alg": algorithm}, mint.payload())
        return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts) + "."

    return forged


def _with_the_public_key_as_secret(written: Callable[[Key], bytes]) -> Forgery:
    def forged(mint: Mint) -> str:
        return write_token({**mint.header, "alg": "HS256"}, mint.payload(), "HS256", written(mint.key))

    return forged


def _with_own_key(mint: Mint) -> str:
    key = new_key(mint.algorithm)
    header = {**mint.header, "jwk": key.as_dict(private=False)}
    return write_token(header, mint.payload(), mint.algorithm, key)


def _twice(name: str) -> Forgery:
    def forged(mint: Mint) -> str:
        payload = json.dumps(mint.payload())
        return mint.signs(payload=f'{{"{name}": "alice", {payload[1:]}')

    return forged


def _without(name: str) -> Forgery:
    return lambda mint: mint.with_claims(**{name: None})


def _soon(seconds: int) -> int:
    return claims_of()["iat"] + seconds


STRANGERS: dict[str, Forgery] = {
    "no algorithm": _unsigned("none"),
    "no algorithm, in capitals": _unsigned("NONE"),
    "an algorithm and no signature": lambda mint: mint.signs().rpartition(".")[0] + ".",
    "the public key as a secret, PEM": _with_the_public_key_as_secret(lambda key: key.as_pem(private=False)),
    "the public key as a secret, DER": _with_the_public_key_as_secret(lambda key: key.as_der(private=False)),
    "the public key as a secret, JSON": _with_the_public_key_as_secret(
        lambda key: json.dumps(key.as_dict(private=False)).encode()
    ),
    "a stranger's key": lambda mint: mint.stolen(),
    "a key in the header": _with_own_key,
    "keys at a URL": lambda mint: mint.stolen(jku="https://mallory.example/keys"),
    "a certificate at a URL": lambda mint: mint.stolen(x5u="https://mallory.example/certificate"),
    "a certificate in the header": lambda mint: mint.stolen(x5c=["MIIB"]),
    "a path as key id": lambda mint: mint.stolen(kid="../../../../dev/null"),
    "SQL as key id": lambda mint: mint.stolen(kid="x' UNION SELECT 'secret"),
    "a URL as key id": lambda mint: mint.stolen(kid="https://mallory.example/keys"),
    "a number as key id": lambda mint: mint.stolen(kid=7),
    "a long key id": lambda mint: mint.stolen(kid="k" * 1000),
    "a changed payload": lambda mint: ".".join(
        (mint.signs().split(".")[0], mint.with_claims(sub="alice").split(".")[1], mint.signs().split(".")[2])
    ),
    "huge": lambda mint: mint.signs(payload=mint.payload(more="x" * 5000)),
    "an encrypted one": lambda mint: "a.b.c.d.e",
    "deep in the header": lambda mint: mint.signs(header='{"alg": ' + "[" * 1200),
    "no JSON in the header": lambda mint: mint.signs(header="{alg: none}"),
}
"""What anybody can make."""

MISUSED: dict[str, Forgery] = {
    "critical extensions": lambda mint: mint.with_header(crit=["exp"], exp=1),
    "an unencoded payload": lambda mint: mint.with_header(b64=False, crit=["b64"]),
    "a key in the header of a good one": lambda mint: mint.with_header(jwk={"kty": "oct", "k": "AA"}),
    "keys at a URL of a good one": lambda mint: mint.with_header(jku="https://mallory.example/keys"),
    "another type": lambda mint: mint.with_header(typ="logout+jwt"),
    "a type that is no text": lambda mint: mint.with_header(typ=["JWT"]),
    "another algorithm": lambda mint: mint.with_header(alg="RS256" if mint.algorithm != "RS256" else "ES256"),
    "the header's names twice": lambda mint: mint.signs(header='{"alg": "none", ' + json.dumps(mint.header)[1:]),
    "another audience": lambda mint: mint.with_claims(aud="another shop"),
    "an audience that is none": lambda mint: mint.with_claims(aud={"bookstall": True}),
    "another issuer": lambda mint: mint.with_claims(iss="https://mallory.example"),
    "two issuers": lambda mint: mint.with_claims(iss=[mint.payload()["iss"], "x"]),
    **{f"no {name}": _without(name) for name in ("iss", "aud", "sub", "iat", "exp")},
    "a life of ten years": lambda mint: mint.with_claims(exp=_soon(10 * YEAR_SECONDS)),
    "an end that is never": lambda mint: mint.with_claims(exp=float("inf")),
    "an end that is no number": lambda mint: mint.with_claims(exp=float("nan")),
    "an end of 400 digits": lambda mint: mint.with_claims(exp=10**400, iat=1.5),
    "a beginning of 400 digits": lambda mint: mint.with_claims(exp=_soon(60) + 0.5, iat=-(10**400)),
    "an end before the beginning": lambda mint: mint.with_claims(iat=_soon(4), exp=_soon(3)),
    "an end that is text": lambda mint: mint.with_claims(exp="tomorrow"),
    "issued in the future": lambda mint: mint.with_claims(iat=_soon(60), exp=_soon(120)),
    "not good yet": lambda mint: mint.with_claims(nbf=_soon(60)),
    "a subject that is a number": lambda mint: mint.with_claims(sub=7),
    "a subject that is a list": lambda mint: mint.with_claims(sub=["mallory"]),
    "an empty subject": lambda mint: mint.with_claims(sub=""),
    "a subject with a NUL": lambda mint: mint.with_claims(sub="alice\0"),
    "a subject with a line break": lambda mint: mint.with_claims(sub="alice\nbob"),
    "half a character as subject": lambda mint: mint.with_claims(sub="\ud800"),
    "a subject too long": lambda mint: mint.with_claims(sub="x" * 256),
    "two subjects": _twice("sub"),
    "two ends": _twice("exp"),
    "no object": lambda mint: mint.signs(payload=["mallory"]),
    "deep": lambda mint: mint.signs(payload="[" * 2800),
    "no JSON": lambda mint: mint.signs(payload="mallory"),
}  # fmt: skip
"""What only the issuer's key can have signed, and still no token for this marketplace."""

FORGERIES = STRANGERS | MISUSED
