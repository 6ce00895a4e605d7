"""`/webhooks/stripe`: Stripe says that something happened to a charge or a refund."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.payments.stripe import ChargeOutcome
from app.payments.stripe_account import Forged
from app.payments.stripe_news import ChargeNews, NotKnownNow, RefundNews, StripeNews
from domains.orders import Refunded, RefundReturned
from graph.errors import Code
from graph.request import JSON, Refused
from kernel.database import DatabaseError
from kernel.logging import correlated, log

PATH = "/webhooks/stripe"
BODY_BYTES = 256 * 1024

_log = log(__name__)


class Recorder(Protocol):
    """Orders, which hears what became of its charges and refunds; LookupError for those that it does not know."""

    async def record_outcome(self, order_id: UUID, outcome: ChargeOutcome, /) -> object: ...

    async def record_refund(self, refund_id: UUID, outcome: Refunded | RefundReturned, /) -> object: ...


class StripeWebhook:
    """Records what an event is about, as it stands now.

    Nothing is kept about which events came: orders records the same outcome twice as it does once, so an event may be
    repeated for days. Stripe repeats what is not answered by 200.
    """

    def __init__(self, news: StripeNews, orders: Recorder) -> None:
        self._news = news
        self._orders = orders

    def routes(self) -> list[BaseRoute]:
        """Its one route."""
        return [Route(PATH, self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """200 for what is recorded or not ours, 400 for a forgery, 413 for too much, 503 for what has to come again."""
        with correlated(None):
            try:
                body = await _body(request)
                if body is None:
                    return _refusal(413, Code.PAYLOAD_TOO_LARGE, "An event has at most 256 KiB.")
                news = await self._news.read(body, request.headers.get("stripe-signature", ""))
                for one in news:
                    await self._record(one)
            except ClientDisconnect:
                return _refusal(400, Code.BAD_REQUEST, "The event was cut off.")
            except Forged as error:
                _log.warning("an event was not signed by Stripe", reason=str(error))
                return _refusal(400, Code.BAD_REQUEST, "The signature is not Stripe's.")
            except (NotKnownNow, DatabaseError) as error:
                _log.warning("an event has to come again", reason=type(error).__name__)
                return _refusal(503, Code.SERVICE_UNAVAILABLE, "Send it again.", Retry_After="5")
            return JSONResponse({"recorded": len(news)})

    async def _record(self, news: ChargeNews | RefundNews) -> None:
        try:
            if isinstance(news, ChargeNews):
                await self._orders.record_outcome(news.order_id, news.outcome)
                return
            if isinstance(news.outcome, RefundReturned):  # also weeks after it was done
                _log.warning("a refund failed at Stripe", refund_id=str(news.refund_id), code=news.outcome.code)
            await self._orders.record_refund(news.refund_id, news.outcome)
        except LookupError:
            _log.info("an event is about nothing of this shop", about=str(news[0]))


async def _body(request: Request) -> bytes | None:
    """None where it is too long, without reading it to its end."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES:
            return None
    return bytes(body)


def _refusal(status: int, code: Code, message: str, **headers: str) -> Response:
    return Refused(status, code, message, **headers).response(JSON)
