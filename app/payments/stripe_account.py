"""The account at Stripe: every request to it, bounded in time, and the check of what it sends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import httpx
import stripe
from stripe import CardError, InvalidRequestError, PaymentIntent, RateLimitError, Refund, StripeError

from kernel.database import outside_transaction
from kernel.logging import log

RETRIES = 2
"""How often a request is repeated, under the same key: by the library, what was not answered."""
PAUSE_SECONDS = 0.5
"""Before a request is repeated that Stripe had no time for; twice that before the next."""
TOLERANCE_SECONDS = 300
"""How old the signature of an event may be."""

T = TypeVar("T")

_log = log(__name__)

# The library writes a file into the user's home for it, and tells Stripe of the machine.
stripe.enable_telemetry = False


class Forged(Exception):
    """An event that Stripe did not sign, or so long ago that it may be a replay."""


class StripeAccount:
    """Asks Stripe; what is not answered in time, or by a fault of Stripe's or ours, is None and a line in the log.

    No line has a key, a secret or a sentence of Stripe's in it: those may repeat what a buyer typed.
    """

    def __init__(self, key: str, *, url: str, answer_seconds: float, pause_seconds: float = PAUSE_SECONDS) -> None:
        """`url` is Stripe's, or another's in a test; `answer_seconds` is how long a request may take at most."""
        self._http = stripe.HTTPXClient(timeout=httpx.Timeout(answer_seconds, connect=answer_seconds / 3))
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": url.rstrip("/")},
            http_client=self._http,
            max_network_retries=RETRIES,
        )
        self._answer_seconds = answer_seconds
        self._pause_seconds = pause_seconds
        self.intents = self._client.v1.payment_intents
        self.refunds = self._client.v1.refunds

    async def close(self) -> None:
        """Lets go of connections."""
        await self._http.close_async()

    async def reach(self) -> None:
        """Asks for something that changes nothing; raises StripeError or TimeoutError."""
        async with asyncio.timeout(self._answer_seconds):
            await self.intents.list_async({"limit": 1})

    async def ask(self, what: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """The answer, None where there is none that means anything; raises CardError, InvalidRequestError."""
        outside_transaction(what)
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._patiently(call)
        except (CardError, InvalidRequestError):
            raise
        except StripeError as error:
            tell("Stripe did not do what it was asked", error, what=what)
        except TimeoutError:
            _log.warning("Stripe did not answer in time", what=what)
        return None

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Asks again where Stripe is asked too much, which the library does not; nothing was done then."""
        for tried in range(RETRIES):
            try:
                return await call()
            except RateLimitError:
                await asyncio.sleep(self._pause_seconds * 2**tried * random.uniform(0.5, 1))  # noqa: S311
        return await call()

    async def intent(self, reference: str) -> PaymentIntent | None:
        """An intent as it stands; raises InvalidRequestError for one that Stripe does not know."""
        return await self.ask("looking up a charge", lambda: self.intents.retrieve_async(reference))

    async def refunds_of(self, reference: str) -> list[Refund] | None:
        """An intent's refunds, the newest first; raises InvalidRequestError for one that Stripe does not know."""

        async def read() -> list[Refund]:
            page = await self.refunds.list_async({"payment_intent": reference, "limit": 100})
            return [refund async for refund in page.auto_paging_iter()]

        return await self.ask("looking up refunds", read)

    def event(self, payload: bytes, signature: str, secret: str) -> stripe.Event:
        """An event that Stripe has sent, with its signature; raises Forged."""
        try:
            return self._client.construct_event(payload, signature, secret, TOLERANCE_SECONDS)
        except (StripeError, ValueError, TypeError) as error:  # TypeError: a signature that is not ASCII
            raise Forged(type(error).__name__) from None


def named(thing: PaymentIntent | Refund, name: str) -> UUID | None:
    """The id of ours that we wrote on it."""
    try:
        return UUID((thing.metadata or {})[name])
    except (KeyError, ValueError):
        return None


def tell(event: str, error: StripeError, **more: str) -> None:
    """A line in the log about an error."""
    _log.warning(
        event,
        error=type(error).__name__,
        cause=type(error.__cause__).__name__ if error.__cause__ else None,
        code=error.code,
        status=error.http_status,
        request=error.request_id,
        **more,
    )
