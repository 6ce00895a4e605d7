"""A Stripe of our own over real HTTP: the wire form of its API, its idempotency keys, and its bad days."""

from __future__ import annotations

import asyncio
import copy
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.payments.stripe_books import Books, Fields, Refusal, listed

KEY = "sk_test_fake"


class Fault(StrEnum):
    """What goes wrong with a request."""

    BROKEN = "it is answered by 500, and nothing is done"
    BUSY = "it is answered by 429, and nothing is done"
    LOST = "it is done, and the connection ends before the answer"
    HANGS = "it is not answered, and nothing is done"
    HANGS_DONE = "it is done, and not answered"


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    key: str | None
    params: Fields


class FakeStripe:
    """`fails` arms a fault for requests to come; `asked` are those that came."""

    def __init__(self) -> None:
        self.books = Books()
        self.url = ""
        self.asked: list[Asked] = []
        self._faults: list[tuple[str, Fault]] = []
        self._saved: dict[str, tuple[object, int, Fields]] = {}

    def fails(self, path: str, fault: Fault, *, times: int = 1) -> None:
        """The next requests whose path ends so have this fault."""
        self._faults += [(path, fault)] * times

    def heal(self) -> None:
        """Nothing fails any more."""
        self._faults.clear()

    def application(self) -> Starlette:
        """What answers."""
        one = "/v1/payment_intents/{id}"
        return Starlette(
            routes=[
                self._route("POST", "/v1/payment_intents", self.books.create),
                self._route("GET", "/v1/payment_intents", lambda _, params: listed([*self.books.intents.values()])),
                self._route("GET", one, lambda name, _: self.books.intent(name)),
                self._route("POST", one + "/confirm", self.books.confirm),
                self._route("POST", one + "/cancel", self.books.cancel),
                self._route("POST", "/v1/refunds", self.books.refund),
                self._route("GET", "/v1/refunds", self.books.refunds_of),
            ]
        )

    def _route(self, method: str, path: str, work: Callable[[str, Fields], Fields]) -> Route:
        async def answer(request: Request) -> Response:
            query = request.url.query if method == "GET" else (await request.body()).decode()
            asked = Asked(method, request.url.path, request.headers.get("idempotency-key"), _fields(query))
            self.asked.append(asked)
            fault = self._fault_of(asked.path)
            if fault is Fault.HANGS:
                await _until_gone(request)
                return Cut()
            if fault is Fault.BROKEN:
                return JSONResponse({"error": {"type": "api_error", "message": "broken"}}, 500)
            if fault is Fault.BUSY:
                return JSONResponse({"error": {"type": "invalid_request_error", "code": "rate_limit"}}, 429)
            try:
                if request.headers.get("authorization") != f"Bearer {KEY}":
                    raise Refusal(401, type="invalid_request_error", message="Invalid API Key provided: sk_te***")
                status, body, told = self._once(asked, lambda: work(request.path_params.get("id", ""), asked.params))
            except Refusal as refusal:
                status, body, told = refusal.status, refusal.body, {}
            if fault is Fault.HANGS_DONE:
                await _until_gone(request)
            headers = {"Request-Id": f"req_{uuid4().hex}", **told}
            return Cut() if fault is Fault.LOST else JSONResponse(body, status, headers)

        return Route(path, answer, methods=[method])

    def _fault_of(self, path: str) -> Fault | None:
        for armed in self._faults:
            if path.endswith(armed[0]):
                self._faults.remove(armed)
                return armed[1]
        return None

    def _once(self, asked: Asked, work: Callable[[], Fields]) -> tuple[int, Fields, dict[str, str]]:
        """The same key gives the same answer, also where it was an error, says so, and has the same parameters."""
        wanted = (asked.path, asked.params)
        if asked.key in self._saved:
            before, status, body = self._saved[asked.key]
            if before != wanted:
                raise Refusal(400, type="idempotency_error", message="Keys can only be used with the same parameters.")
            return status, body, {"Idempotent-Replayed": "true"}
        try:
            status, body = 200, work()
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        if asked.key and asked.method == "POST":
            self._saved[asked.key] = (wanted, status, copy.deepcopy(body))
        return status, body, {}


class Cut(Response):
    """An answer that ends with its connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


@asynccontextmanager
async def fake_stripe() -> AsyncIterator[FakeStripe]:
    """It answers on a port of its own for the block."""
    fake = FakeStripe()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fake.url = fake.books.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            fake.application(), ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listening]))  # `serve` would take the test runner's signals
        try:
            yield fake
        finally:
            server.should_exit = True
            await serving


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _fields(form: str) -> Fields:
    """What is written as a form: `metadata[order_id]=1` is a field of a field, `types[0]=card` an item of a list."""
    fields: Fields = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        outer, bracket, inner = name.partition("[")
        if bracket:
            fields.setdefault(outer, {})[inner.rstrip("]")] = value
        else:
            fields[name] = value
    return fields
