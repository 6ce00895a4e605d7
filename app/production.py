"""What a marketplace where people buy must not be set to: each weakness with its setting and one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.setting_types import LOOPBACK

if TYPE_CHECKING:
    from app.settings import Settings

KNOWN_PASSWORDS = frozenset(
    {
        "for-development-only", "development", "bookstall", "admin", "changeme", "change-me", "guest", "password",
        "postgres", "rabbitmq", "redis", "root", "secret", "test", "user",
    }
)  # fmt: skip
"""Those of examples and of fresh installations, of ours too."""
PASSWORD_LENGTH = 12
HIGHEST = {
    "connections": 100_000,
    "connections_per_address": 20_000,
    "stall_seconds": 60,
    "header_bytes": 65_536,
    "header_count": 200,
    "request_seconds": 60,
    "body_bytes": 1_048_576,
    "json_depth": 100,
    "json_items": 10_000,
    "json_digits": 1000,
    "query_tokens": 10_000,
    "query_depth": 25,
    "query_aliases": 100,
    "query_root_fields": 50,
    "query_directives": 100,
    "query_repeats": 300,
    "query_cost": 50_000,
    "query_seconds": 60,
    "rate_per_viewer": 60_000,
    "rate_per_address": 1_000_000,
    "socket_message_bytes": 1_048_576,
    "socket_init_seconds": 60,
    "socket_operations": 200,
    "operations_per_address": 40_000,
    "groups_per_asker": 4000,
    "sockets_per_viewer": 1000,
    "socket_messages": 6000,
    "socket_ping_seconds": 120,
}
"""What a limit may be at most: beyond it strangers could stop the shop as if there were none."""
RATES = ("rate_per_viewer", "rate_per_address")
ENCRYPTED = {
    "postgresql": "?sslmode=verify-full",
    "postgres": "?sslmode=verify-full",
    "amqp": "amqps://",
    "redis": "rediss://",
}
"""How a URL says that nobody on the way can read along, by what it begins with where it does not."""
ENCRYPTING_MODES = frozenset({"require", "verify-ca", "verify-full"})


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
        if weakness := _weakness_of(getattr(settings, name).get_secret_value(), settings.trusted_network):
            yield name.upper(), f"in production {weakness}"
    for name in RATES:
        if not getattr(settings, name):
            yield name.upper(), "in production requests are counted: 0 is no limit"
    for name, highest in HIGHEST.items():
        if getattr(settings, name) > highest:
            yield name.upper(), f"in production it is at most {highest}: more is as good as no limit"


def _is_open_to_listeners(url: SplitResult) -> bool:
    return url.scheme == "http" and url.hostname not in LOOPBACK


def _weakness_of(server: str, trusted_network: bool) -> str | None:
    """What is wrong with a server's URL; one of this machine may need no password and no encryption."""
    url = urlsplit(server)
    if not url.scheme:
        return None
    return _weakness_of_password(url) or (None if trusted_network else _weakness_on_the_way(url))


def _weakness_of_password(url: SplitResult) -> str | None:
    if "@" not in url.netloc and _local(url):
        return None
    password, user = unquote(url.password or ""), unquote(url.username or "")
    if not password:
        return None if _local(url) else "a server on another machine needs a password in the URL"
    if password.lower() in KNOWN_PASSWORDS or password == user:
        return "the URL has a password that everybody knows"
    if len(password) < PASSWORD_LENGTH:
        return f"the password in the URL has at least {PASSWORD_LENGTH} characters"
    return None


def _weakness_on_the_way(url: SplitResult) -> str | None:
    mode = parse_qs(url.query).get("sslmode", [""])[-1]
    if url.scheme not in ENCRYPTED or (url.scheme.startswith("postgres") and mode in ENCRYPTING_MODES) or _local(url):
        return None
    encrypted = ENCRYPTED[url.scheme]
    return (
        f"a connection to another machine is encrypted ({encrypted}); "
        "where the network to it is private, BOOKSTALL_TRUSTED_NETWORK=true says so"
    )


def _local(url: SplitResult) -> bool:
    """Whether every server that the URL names is on this machine, reached by its loopback or a unix socket."""
    query = parse_qs(url.query)
    if "service" in query:  # libpq's file of services may name any machine
        return False
    named = url.netloc.rpartition("@")[2] or query.get("host", [""])[-1]
    hosts = [urlsplit(f"//{host}").hostname if host else None for host in unquote(named).split(",") if host[:1] != "/"]
    return all(host is None or host in LOOPBACK for host in hosts)
