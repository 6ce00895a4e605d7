"""Tokens of an OIDC provider: its public keys, fetched over HTTP and kept, and who a token stands for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from graph.auth import Expected, IssuerAway, Viewer, viewer_of
from graph.tokens import Key, TokenInvalid, WrittenToken, algorithms_of
from kernel.clock import Clock, utc_now
from kernel.logging import log

LIMIT_BYTES = 256 * 1024
"""What a document of keys may have."""
LIMIT_KEYS = 100
RSA_BITS = 2048
"""Weaker keys are not believed."""
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What a token may call itself, if it does."""

Keys = Mapping[tuple[str, str], Key]
"""By key id and algorithm."""

_PUBLIC = {"RSA": (RSAKey, ("n", "e")), "EC": (ECKey, ("crv", "x", "y")), "OKP": (OKPKey, ("crv", "x"))}

_IN_WORDS = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no answer in time",
    httpx.ReadError: "the connection broke off",
    httpx.ReadTimeout: "no answer in time",
    httpx.RemoteProtocolError: "the connection broke off",
}

_log = log(__name__)


class KeysNotFetched(Exception):
    """The provider gave no usable keys; the message says why, without anything that it sent."""


class KeySource(Protocol):
    """Knows the issuer's public keys."""

    async def find(self, key_id: str, algorithm: str) -> Key | None:
        """The key of this id for this algorithm; raises IssuerAway where nobody can tell."""
        ...


class OidcVerifier:
    """Believes what one provider has signed for one audience."""

    def __init__(self, keys: KeySource, expected: Expected, *, believed_seconds: float, clock: Clock = utc_now) -> None:
        self.believed_seconds = believed_seconds
        self._keys = keys
        self._expected = expected
        self._clock = clock

    async def verify(self, token: str) -> Viewer:
        """The viewer that the token stands for; raises TokenExpired, TokenInvalid or IssuerAway."""
        written = WrittenToken.read(token)
        if written.type is not None and written.type.lower() not in TYPES:
            raise TokenInvalid("the token is of another type")
        if written.key_id is None:
            raise TokenInvalid("the token names no key")
        key = await self._keys.find(written.key_id, written.algorithm)
        if key is None:
            raise TokenInvalid("the token's key is none of the issuer's")
        return viewer_of(written.claims(key), self._expected, now=self._clock())


class ProviderKeys:
    """Keeps the keys of a provider, and asks for them when they are old or one is missing.

    Whatever strangers write into their tokens, the provider is asked once in `floor_seconds`. While it is away the last
    keys go on.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Keys]],
        *,
        keep_seconds: float,
        floor_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch` asks the provider; it raises KeysNotFetched."""
        self._fetch = fetch
        self._keep_seconds = keep_seconds
        self._floor_seconds = floor_seconds
        self._clock = clock
        self._keys: Keys | None = None
        self._fetched_at = self._asked_at = float("-inf")
        self._away = False
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str, algorithm: str) -> Key | None:
        """The key of this id for this algorithm; raises IssuerAway where nobody can tell."""
        name = (key_id, algorithm)
        old = self._clock() - self._fetched_at >= self._keep_seconds
        if self._keys is None or name not in self._keys or (old and not self._away):
            if asking := self._begin_asking():
                await asyncio.shield(asking)
        elif old:
            self._begin_asking()  # nobody has to wait for a provider that was away just now
        if self._keys is not None and name in self._keys:
            return self._keys[name]
        if self._keys is None or self._away:
            raise IssuerAway("the provider's keys cannot be had")
        return None

    async def close(self) -> None:
        """End what asks."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _begin_asking(self) -> asyncio.Task[None] | None:
        """The one request that is under way, begun unless the last one was a moment ago."""
        if self._asking is None and self._clock() - self._asked_at >= self._floor_seconds:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        return self._asking

    def _asked(self, _: asyncio.Task[None]) -> None:
        self._asking = None

    async def _ask(self) -> None:
        try:
            self._keys = await self._fetch()
        except KeysNotFetched as error:
            if not self._away:
                _log.warning("oidc_keys_not_fetched", reason=str(error))
            self._away = True
            return
        self._fetched_at, self._away = self._clock(), False
        _log.info("oidc_keys_fetched", keys=len({key_id for key_id, _ in self._keys}))


class JwksUrl:
    """Where a provider publishes its keys."""

    def __init__(self, url: str, *, answer_seconds: float) -> None:
        self._url = url
        self._answer_seconds = answer_seconds
        self._client: httpx.AsyncClient | None = None

    async def fetch(self) -> Keys:
        """The keys that are published now; raises KeysNotFetched."""
        if self._client is None:  # a worker never asks, and a client takes its time to be made
            self._client = httpx.AsyncClient(timeout=self._answer_seconds)
        try:
            async with asyncio.timeout(self._answer_seconds):
                document = await _download(self._client, self._url)
        except TimeoutError:
            raise KeysNotFetched(f"no answer within {self._answer_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise KeysNotFetched(_IN_WORDS.get(type(error), type(error).__name__)) from error
        keys = usable_keys(document)
        if not keys:
            raise KeysNotFetched("the answer has no usable keys")
        return keys

    async def close(self) -> None:
        """End the connections."""
        if self._client is not None:
            await self._client.aclose()


async def _download(client: httpx.AsyncClient, url: str) -> bytes:
    """The body of the answer, read no further than the limit."""
    body = bytearray()
    async with client.stream(
        "GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity"}
    ) as answer:
        if answer.status_code != httpx.codes.OK:
            raise KeysNotFetched(f"status {answer.status_code}")
        if "content-encoding" in answer.headers:
            raise KeysNotFetched("the answer is compressed")
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > LIMIT_BYTES:
                raise KeysNotFetched(f"the answer has more than {LIMIT_BYTES} bytes")
    return bytes(body)


def usable_keys(document: bytes) -> Keys:
    """The keys of a JWK set that can check signatures of ours; what else is in it is passed over."""
    try:
        written = orjson.loads(document)
    except orjson.JSONDecodeError:
        return {}
    members = written.get("keys") if isinstance(written, dict) else None
    keys: dict[tuple[str, str], Key] = {}
    for member in members[:LIMIT_KEYS] if isinstance(members, list) else ():
        key = _public_key(member) if isinstance(member, dict) else None
        if key is None:
            continue
        able = algorithms_of(key)
        for algorithm in able if member.get("alg", able[0]) in able else ():
            keys.setdefault((member["kid"], algorithm), key)
    return keys


def _public_key(member: Mapping[str, Any]) -> Key | None:
    """The public half of a key that is there to check signatures and strong enough."""
    kind = member.get("kty")
    if not isinstance(kind, str) or kind not in _PUBLIC or not isinstance(member.get("kid"), str):
        return None
    operations = member.get("key_ops", ["verify"])
    if member.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    form, names = _PUBLIC[kind]
    try:
        key = form.import_key({"kty": kind, **{name: member[name] for name in names}})
        weak = isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if algorithms_of(key) and not weak else None
