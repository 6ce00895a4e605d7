"""The doctor looks at who takes the money."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.doctor import Finding, look
from app.settings import Settings
from tests.payments.fake_stripe import KEY, FakeStripe, Fault
from tests.payments.stripe_books import SECRET
from tests.production import SOUND


async def found(data: Path, **settings: Any) -> Finding:
    """What the doctor says of payments."""
    findings = await look(Settings.load(data=data, **settings))
    return next(finding for finding in findings if finding.what == "payments")


def account(stripe: FakeStripe, **changed: Any) -> dict[str, Any]:
    """Settings of the account at Stripe."""
    return {
        "payments": "stripe", "stripe_key": KEY, "stripe_webhook_secret": SECRET, "stripe_url": stripe.url,
    } | changed  # fmt: skip


async def test_the_mock_provider_is_well_where_nobody_buys(tmp_path: Path) -> None:
    assert (await found(tmp_path)).ok


async def test_stripe_is_well_when_it_takes_the_key(tmp_path: Path, stripe: FakeStripe) -> None:
    well = await found(tmp_path, **account(stripe))
    assert (well.ok, well.said) == (True, "Stripe answers, in test mode")
    assert not (await found(tmp_path, **SOUND | account(stripe))).ok


async def test_a_wrong_key_is_named_and_not_shown(tmp_path: Path, stripe: FakeStripe) -> None:
    wrong = await found(tmp_path, **account(stripe, stripe_key="sk_test_other"))
    assert not wrong.ok
    assert "AuthenticationError" in wrong.said
    assert "sk_test" not in wrong.said


async def test_a_stripe_that_is_away_is_named(tmp_path: Path, stripe: FakeStripe) -> None:
    stripe.fails("/payment_intents", Fault.LOST, times=3)
    assert "APIConnectionError" in (await found(tmp_path, **account(stripe))).said
