"""A Stripe of our own for all tests of this folder, and the provider that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.payments.stripe import StripePayments
from app.payments.stripe_account import StripeAccount
from tests.payments.fake_stripe import KEY, FakeStripe, fake_stripe
from tests.payments.stripe_books import SECRET

ANSWER_SECONDS = 8.0


@pytest.fixture(scope="session")
async def stripe_server() -> AsyncIterator[FakeStripe]:
    """Each test brings orders of its own."""
    async with fake_stripe() as fake:
        yield fake


@pytest.fixture
def stripe(stripe_server: FakeStripe) -> FakeStripe:
    """The same, on a good day."""
    stripe_server.heal()
    return stripe_server


@pytest.fixture(scope="session")
async def account(stripe_server: FakeStripe) -> AsyncIterator[StripeAccount]:
    """The shop's account there."""
    account = StripeAccount(KEY, url=stripe_server.url, answer_seconds=ANSWER_SECONDS, pause_seconds=0.01)
    yield account
    await account.close()


@pytest.fixture
def payments(account: StripeAccount, stripe: FakeStripe) -> StripePayments:
    """The provider, over Stripe's own library."""
    return StripePayments(account)


def settings_with(stripe: FakeStripe) -> dict[str, str]:
    """The settings of a server that takes money there, and waits for no answer for long."""
    return {
        "BOOKSTALL_PAYMENTS": "stripe",
        "BOOKSTALL_STRIPE_KEY": KEY,
        "BOOKSTALL_STRIPE_WEBHOOK_SECRET": SECRET,
        "BOOKSTALL_STRIPE_URL": stripe.url,
        "BOOKSTALL_CHARGE_SECONDS": "8",
        "BOOKSTALL_LATE_SECONDS": "1",
    }
