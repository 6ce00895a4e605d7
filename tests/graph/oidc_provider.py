"""A small OIDC provider: real keys, real HTTP, and every way in which it can fail to answer."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode

from graph.tokens import Key

ISSUER = "https://people.example/realm"
AUDIENCE = "bookstall"


def new_key(algorithm: str) -> Key:
    """A private key for an algorithm."""
    if algorithm == "RS256":
        return RSAKey.generate_key(2048)
    return ECKey.generate_key("P-256") if algorithm == "ES256" else OKPKey.generate_key("Ed25519")


def write_token(header: object, payload: object, algorithm: str, key: Key | bytes) -> str:
    """Any token, signed by a key or with a secret; text is written as it is, so that it need not be good JSON."""
    parts = [
        urlsafe_b64encode(part.encode() if isinstance(part, str) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    signed = b".".join(parts)
    if isinstance(key, bytes):
        signature = hmac.digest(key, signed, "sha256")
    else:
        signature = JWSRegistry.algorithms["Ed25519" if algorithm == "EdDSA" else algorithm].sign(signed, key)
    return b".".join((signed, urlsafe_b64encode(signature))).decode()


class Provider:
    """Signs tokens, and answers its one URL with its public keys unless it was told to answer something else."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Key]] = {}
        self.asked = 0
        self.url = ""
        self.answer: bytes | None = None
        self._waiting = asyncio.Event()
        self._silent = False

    def adds(self, key_id: str, algorithm: str = "ES256") -> None:
        """Publish a new key."""
        self.keys[key_id] = (algorithm, new_key(algorithm))

    def withdraws(self, key_id: str) -> None:
        """Publish a key no longer."""
        del self.keys[key_id]

    def token(self, key_id: str, subject: str = "ada", **claims: Any) -> str:
        """A token that is good for half an hour; None takes a claim out."""
        algorithm, key = self.keys[key_id]
        return write_token(
            {"alg": algorithm, "kid": key_id, "typ": "at+jwt"}, claims_of(subject, **claims), algorithm, key
        )

    def says(self, answer: bytes) -> None:
        """From now on answer with these bytes, headers and all."""
        self.answer = answer

    def is_away(self) -> None:
        """From now on answer that nobody is there."""
        self.says(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def falls_silent(self) -> None:
        """From now on take requests and answer none."""
        self._silent = True

    def is_back(self) -> None:
        """Answer with keys again."""
        self.answer, self._silent = None, False

    def published(self) -> dict[str, Any]:
        """The JWK set."""
        members = [
            {**key.as_dict(private=False), "kid": key_id, "alg": algorithm, "use": "sig"}
            for key_id, (algorithm, key) in self.keys.items()
        ]
        return {"keys": members}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Provider]:
        """Answers for the time of the block."""
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
            yield self
            self._waiting.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if self._silent:
            await self._waiting.wait()
        writer.write(self.answer if self.answer is not None else answer_of(json.dumps(self.published()).encode()))
        writer.close()


def claims_of(subject: str = "ada", **changes: Any) -> dict[str, Any]:
    """The claims of a good token; None takes one out."""
    now = int(time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 1800, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def answer_of(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An answer over HTTP."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
