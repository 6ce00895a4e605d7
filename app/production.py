"""What a marketplace where people buy must not be set to: each weakness with its setting and one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

if TYPE_CHECKING:
    from app.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
KNOWN_PASSWORDS = frozenset(
    {
        "for-development-only", "development", "bookstall", "admin", "changeme", "change-me", "guest", "password",
        "postgres", "rabbitmq", "redis", "root", "secret", "test", "user",
    }
)  # fmt: skip
"""Those of examples and of fresh installations, of ours too."""
PASSWORD_LENGTH = 12


def unfit(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings that production refuses, with the reason of each."""
    if settings.issues_its_tokens:
        reason = "in production tokens come from an OIDC provider: the key in the data folder is for development"
        yield "OIDC_ISSUER", reason
    for name in ("oidc_issuer", "oidc_jwks_url"):
        if _is_open_to_listeners(urlsplit(getattr(settings, name))):
            yield name.upper(), "in production it begins with https://, so that nobody on the way can change the keys"
    if settings.payments == "mock":
        yield "PAYMENTS", "in production it is `stripe` or `none`: the mock provider gives books away"
    for origin in settings.origins:
        if _is_open_to_listeners(urlsplit(origin)):
            yield "ALLOWED_ORIGINS", "in production pages come over https://, so that nobody on the way can change them"
    for name in ("database_url", "transport_url", "cache_url"):
        if weakness := _weakness_of(getattr(settings, name).get_secret_value()):
            yield name.upper(), f"in production {weakness}"


def _is_open_to_listeners(url: SplitResult) -> bool:
    return url.scheme == "http" and url.hostname not in LOOPBACK


def _weakness_of(server: str) -> str | None:
    """What is wrong with the password in a server's URL; a server of this machine may need none."""
    url = urlsplit(server)
    if not url.scheme or ("@" not in url.netloc and _local(url)):
        return None
    password, user = unquote(url.password or ""), unquote(url.username or "")
    if not password:
        return None if _local(url) else "a server on another machine needs a password in the URL"
    if password.lower() in KNOWN_PASSWORDS or password == user:
        return "the URL has a password that everybody knows"
    if len(password) < PASSWORD_LENGTH:
        return f"the password in the URL has at least {PASSWORD_LENGTH} characters"
    return None


def _local(url: SplitResult) -> bool:
    return url.hostname is None or url.hostname in LOOPBACK
