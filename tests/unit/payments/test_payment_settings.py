"""Settings of payments: what is missing or misspelt is named before a buyer finds out."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.payments.mock import Method
from app.payments.refusals import CHARGE_CODES, REFUND_CODES
from app.settings import InvalidSetting, Settings

ACCOUNT = {"payments": "stripe", "stripe_key": "sk_test_1", "stripe_webhook_secret": "whsec_1"}
DOCUMENT = Path(__file__).parents[3] / "docs" / "payments.md"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("payments", "paypal", "'mock', 'stripe' or 'none'"),
        ("stripe_key", "", "this is none of Stripe's, which begin with sk_ or rk_"),
        ("stripe_key", "pk_live_1", "this is none of Stripe's, which begin with sk_ or rk_"),
        ("stripe_key", "sk_test_1\n", "this is none of Stripe's, which begin with sk_ or rk_"),
        ("stripe_webhook_secret", "", "this is none of Stripe's, which begin with whsec_"),
        ("stripe_webhook_secret", "sk_test_1", "this is none of Stripe's, which begin with whsec_"),
        ("stripe_url", "http://stripe.example", "begins with https://"),
        ("stripe_return_url", "shop.example", "begins with https://"),
    ],
)
def test_what_cannot_be_is_named(name: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^BOOKSTALL_{name.upper()}: .*{reason}"):
        Settings.load(**ACCOUNT | {name: value})


def test_stripe_needs_its_key_and_secret() -> None:
    for missing in ("stripe_key", "stripe_webhook_secret"):
        said = f"BOOKSTALL_{missing.upper()}: it is missing: payments by Stripe need it"
        with pytest.raises(InvalidSetting, match=f"^{said}$"):
            Settings.load(**{name: value for name, value in ACCOUNT.items() if name != missing})


def test_the_mock_provider_needs_neither() -> None:
    assert Settings.load().payments == "mock"


def test_no_text_about_settings_has_a_secret_in_it() -> None:
    settings = Settings.load(**ACCOUNT)
    assert "sk_test" not in f"{settings!r} {settings}"
    assert "whsec" not in f"{settings!r} {settings}"


def test_the_documents_list_every_method_and_every_code() -> None:
    written = DOCUMENT.read_text()
    for word in (*Method, *CHARGE_CODES.values(), *REFUND_CODES.values()):
        assert f"`{word}`" in written, word
