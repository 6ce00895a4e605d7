"""A small GraphQL client as a frontend has one: requests by HTTP, subscriptions by graphql-transport-ws."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, WebSocketException
from websockets.typing import Subprotocol

from app.complaint import Complaint

PROTOCOL = Subprotocol("graphql-transport-ws")
REQUEST_SECONDS = 15.0
TOKENS_REFUSED = {
    "TOKEN_INVALID": (
        "it does not know the key of the token: name its data folder with --data, or one of its tokens with --token"
    ),
    "TOKEN_EXPIRED": "the token has expired; get a new one",
}
"""What the reasons mean with which a server closes a websocket for its token."""
PATHS = ("/graphql", "/graphiql")
"""Of the addresses that a server prints."""
PLAIN_ANSWERS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls an answer that is not encrypted, by its version."""

Variables = Mapping[str, Any]


class LiveClient:
    """One buyer's connection to a server, by its public API only; raises Complaint for whatever goes wrong."""

    def __init__(self, http: httpx.AsyncClient, socket: ClientConnection) -> None:
        self._http = http
        self._socket = socket
        self._numbers = count(1)
        self._streams: dict[str, asyncio.Queue[Any]] = {}

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, token: str, *, seconds: float = REQUEST_SECONDS) -> AsyncIterator[Self]:
        """A client whose websocket is open and acknowledged; a request that takes longer than `seconds` fails."""
        base = _checked(url)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with (
                httpx.AsyncClient(base_url=base, headers=headers, timeout=seconds, trust_env=False) as http,
                connect(
                    f"{base.replace('http', 'ws', 1)}/graphql",
                    subprotocols=[PROTOCOL],
                    open_timeout=seconds,
                    proxy=None,
                ) as socket,
            ):
                async with asyncio.timeout(seconds):
                    await _acknowledged(socket, headers)
                client = cls(http, socket)
                reading = asyncio.create_task(client._read())
                try:
                    yield client
                finally:
                    reading.cancel()
                    with suppress(asyncio.CancelledError):
                        await reading
        except ConnectionClosedError as error:
            raise Complaint(f"the server at {url} closed the connection{_why(error)}") from None
        except (TimeoutError, httpx.TimeoutException):
            raise Complaint(f"the server at {url} did not answer within {seconds:g} s") from None
        except (OSError, httpx.HTTPError, WebSocketException) as error:
            raise Complaint(f"no Bookstall server answers at {url}: {_reason(error)}") from None

    async def ask(self, document: str, variables: Variables | None = None) -> dict[str, Any]:
        """The data of a query or mutation."""
        response = await self._http.post("/graphql", json={"query": document, "variables": variables or {}})
        try:
            answer = response.json()
        except ValueError:
            raise Complaint(f"the server answered {response.status_code} and no JSON") from None
        if answer.get("errors"):
            raise Complaint(f"the server answered: {answer['errors'][0]['message']}")
        return answer["data"]

    async def lose(self, document: str, variables: Variables | None = None) -> None:
        """Sends a query or mutation over a connection that breaks before the answer is read."""
        async with self._http.stream("POST", "/graphql", json={"query": document, "variables": variables or {}}):
            return

    async def post(self, url: str) -> None:
        """Presses a button of a page."""
        response = await self._http.post(url)
        if response.is_error:
            raise Complaint(f"{url} answered {response.status_code}")

    async def follow(self, document: str, variables: Variables | None = None) -> AsyncIterator[dict[str, Any]]:
        """The updates of a subscription."""
        identifier = str(next(self._numbers))
        self._streams[identifier] = queue = asyncio.Queue()
        payload = {"query": document, "variables": variables or {}}
        await self._socket.send(json.dumps({"id": identifier, "type": "subscribe", "payload": payload}))
        while (update := await queue.get()) is not None:
            if isinstance(update, Complaint):
                raise update
            yield update

    async def _read(self) -> None:
        end = Complaint("the server closed the connection")
        try:
            async for text in self._socket:
                message = json.loads(text)
                queue = self._streams.get(message.get("id", ""))
                match message["type"]:
                    case "ping":
                        await self._socket.send(json.dumps({"type": "pong"}))
                    case "next" if queue:
                        errors = message["payload"].get("errors")
                        queue.put_nowait(_refused(errors) if errors else message["payload"]["data"])
                    case "error" if queue:
                        queue.put_nowait(_refused(message["payload"]))
                    case "complete" if queue:
                        queue.put_nowait(None)
        except ConnectionClosedError as error:
            end = Complaint(f"the server closed the connection{_why(error)}")
        finally:
            for queue in self._streams.values():
                queue.put_nowait(end)


def _checked(url: str) -> str:
    """The address that all paths begin with; raises Complaint where it cannot be one."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            base = url.rstrip("/")
            return next((base.removesuffix(path) for path in PATHS if base.endswith(path)), base)
    raise Complaint(f"{url!r} is no address of a server: it is written like http://127.0.0.1:8000")


async def _acknowledged(socket: ClientConnection, headers: Mapping[str, str]) -> None:
    await socket.send(json.dumps({"type": "connection_init", "payload": headers}))
    answer = json.loads(await socket.recv())
    if answer.get("type") != "connection_ack":
        raise Complaint(f"the server did not accept the connection: {answer}")


def _why(error: ConnectionClosedError) -> str:
    """What the server said when it closed the connection."""
    reason = error.rcvd.reason if error.rcvd else ""
    return f": {TOKENS_REFUSED.get(reason, reason)}" if reason else ""


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "it speaks no TLS: http:// instead?" if error.reason in PLAIN_ANSWERS else f"TLS fails ({error.reason})"
    code = error.errno if isinstance(error, OSError) else None
    return os.strerror(code) if code and code > 0 else (str(error) or type(error).__name__).splitlines()[0]


def _refused(errors: list[dict[str, Any]]) -> Complaint:
    return Complaint(f"the server answered: {errors[0]['message']}")
