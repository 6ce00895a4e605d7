"""Settings that cannot be: each is named with what it should be."""

from __future__ import annotations

import pytest

from app.settings import InvalidSetting, Settings, refuse_unknown


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("BOOKSTALL_PAYMENT", "do you mean BOOKSTALL_PAYMENTS?"),
        ("BOOKSTALL_STRIPEKEY", "do you mean BOOKSTALL_STRIPE_KEY?"),
        ("BOOKSTALL_PRODUCTIVE", "do you mean BOOKSTALL_PRODUCTION?"),
        ("BOOKSTALL_QUERY_TOKEN", "do you mean BOOKSTALL_QUERY_TOKENS?"),
        ("bookstall_payment", "do you mean BOOKSTALL_PAYMENTS?"),
        ("BOOKSTALL_", "docs/operations.md lists them all"),
        ("BOOKSTALL_XYZZY", "docs/operations.md lists them all"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest_one(variable: str, hint: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        refuse_unknown(["BOOKSTALL_PORT", variable, "PATH"])
    assert str(refused.value) == f"{variable} is no setting; {hint}"


def test_every_setting_and_the_variables_of_others_are_taken() -> None:
    refuse_unknown([f"BOOKSTALL_{name.upper()}" for name in Settings.model_fields])
    refuse_unknown(["bookstall_port", "BOOKSTALLS", "PAYMENT", "MY_BOOKSTALL_PAYMENT"])


@pytest.mark.parametrize(("hold", "placing"), [(60, 60), (59, 60), (600, 3600)])
def test_copies_are_held_for_longer_than_an_order_may_wait_for_its_charge(hold: int, placing: int) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings.load(hold_seconds=hold, placing_seconds=placing)
    assert str(refused.value) == (
        f"BOOKSTALL_HOLD_SECONDS: {hold} is too short, it has to be more than BOOKSTALL_PLACING_SECONDS ({placing}): "
        "an order that waits for its charge would lose its copies"
    )
    assert Settings.load(hold_seconds=placing + 1, placing_seconds=placing).hold_seconds == placing + 1


FOREIGN = ("Input should", "Value error", "valid ", "String ", "unable ", "Unable ")


@pytest.mark.parametrize("value", ["", "?", "-1", "1.5", "nan", "1" * 30, "1" * 5000], ids=lambda value: value[:30])
def test_no_setting_is_refused_in_the_words_of_a_library(value: str) -> None:
    said = [said for name in sorted(Settings.model_fields) if (said := complaint_of(**{name: value}))]
    assert all(line.startswith("BOOKSTALL_") and "\n" not in line for line in said), said
    assert len(said) > 20
    assert [line for line in said if any(words in line for words in FOREIGN)] == []


def complaint_of(**setting: str) -> str | None:
    """What is wrong with a setting, if it is refused."""
    try:
        Settings.load(**setting)
    except InvalidSetting as refused:
        return str(refused)
    return None


@pytest.mark.parametrize("origins", ["https://shop.example/", "https://a.example,http://127.0.0.1:3000/"])
def test_an_origin_has_no_slash_at_its_end(origins: str) -> None:
    refused = origins.split(",")[-1]
    assert complaint_of(allowed_origins=origins) == (
        f"BOOKSTALL_ALLOWED_ORIGINS: {refused!r} is no origin: write it without a slash at the end"
    )


@pytest.mark.parametrize(
    "name",
    ["database_url", "transport_url", "cache_url", "stripe_key", "stripe_webhook_secret", "metrics_token"],
)
def test_a_secret_that_is_refused_is_not_repeated(name: str) -> None:
    said = complaint_of(**{name: "open sesame"})
    assert said is not None
    assert "sesame" not in said
