"""Every setting, read once from the environment (prefix BOOKSTALL_) and from the command line's options."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.complaint import Complaint
from app.production import unfit
from graph.limits import Limits
from kernel.fail_points import NONE as NO_FAIL_POINT
from kernel.fail_points import planned
from kernel.money import has_two_digits

DOMAINS = ("orders", "inventory", "catalog", "sellers", "notifications")
DEFAULT_DATA = Path(".bookstall")
EMBEDDED_DATABASES = "sqlite"
IN_PROCESS = "inprocess"
NO_STRIPE = "none"
NO_ORIGINS = "none"
NO_OIDC = "none"
POSTGRESQL = ("postgresql://", "postgres://")


class InvalidSetting(Complaint):
    """A setting has a value that cannot be; the message names it in one line."""


class Settings(Limits, BaseSettings):
    """How this process runs. The three URLs choose between the embedded form and the full stack."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTALL_", frozen=True, extra="forbid")

    data: Path = DEFAULT_DATA
    """The folder of the embedded form: databases, keys, mail, the mock provider's charges."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 picks a free port."""
    allowed_origins: str = NO_ORIGINS
    """Whose pages may use the API besides the server's own: origins, with commas between them."""
    database_url: SecretStr = SecretStr(EMBEDDED_DATABASES)
    """`sqlite` for files in the data folder, or a PostgreSQL URL with `{domain}` in it, for each domain its own."""
    transport_url: SecretStr = SecretStr(IN_PROCESS)
    """`inprocess`, or RabbitMQ's URL."""
    cache_url: SecretStr = SecretStr(IN_PROCESS)
    """`inprocess`, or the URL of Redis."""
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    """PostgreSQL connections of each domain in each process, at most; one is kept open."""
    statement_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How long a statement may run on PostgreSQL."""
    lock_seconds: Annotated[float, Field(gt=0, le=300)] = 5.0
    """How long a statement may wait for a lock on PostgreSQL."""
    prefetch: Annotated[int, Field(ge=1, le=1000)] = 50
    """How many deliveries of RabbitMQ a domain of a process works on at once."""
    look_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How often bindings of RabbitMQ are looked after, and events that never came to a domain are looked for."""
    missed_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long ago an event was sent that never came, before it is sent again."""
    currency: str = "EUR"
    """The one currency of this marketplace (ISO 4217, two digits after the point)."""
    hold_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """How long copies are held for an order whose charge has not begun; longer than `placing_seconds`."""
    placing_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long an order may wait for its charge to begin; then the sweep ends it."""
    charge_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How long the payment provider may take to answer."""
    late_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long after that the sweep asks the provider what became of a charge."""
    action_seconds: Annotated[int, Field(ge=1, le=3600)] = 900
    """How long a buyer may take for what the payment requires, such as 3-D Secure."""
    cancel_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 1800
    """How long after paying a buyer may cancel; an operator always may."""
    key_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """How long the answer of an idempotency key is kept."""
    oidc_issuer: str = NO_OIDC
    """Whose tokens are good, as their `iss` says; without it they are signed with a key in the data folder."""
    oidc_jwks_url: str = NO_OIDC
    """Where this issuer publishes its keys."""
    oidc_audience: Annotated[str, Field(min_length=1)] = "bookstall"
    """What the issuer calls this marketplace in a token's `aud`."""
    oidc_roles_claim: Annotated[str, Field(min_length=1)] = "roles"
    """The claim with the list of roles, by its name or by a path with dots."""
    oidc_role_prefix: str = NO_OIDC
    """What the issuer writes before `seller` and `operator`."""
    oidc_keep_seconds: Annotated[float, Field(gt=0, le=86400)] = 600.0
    """How old the issuer's keys may be before they are fetched again."""
    oidc_floor_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """How long after one fetch of keys the next may follow."""
    oidc_answer_seconds: Annotated[float, Field(gt=0, le=60)] = 3.0
    """How long the issuer may take to answer."""
    payments: Literal["mock", "stripe", "none"] = "mock"
    """Who takes the money; the mock provider moves none, and with `none` nothing can be bought."""
    stripe_key: Annotated[SecretStr, Field(validate_default=True)] = SecretStr(NO_STRIPE)
    """The secret or restricted key of the account."""
    stripe_webhook_secret: Annotated[SecretStr, Field(validate_default=True)] = SecretStr(NO_STRIPE)
    """What Stripe signs its events with."""
    stripe_url: str = "https://api.stripe.com"
    """A test has another."""
    stripe_return_url: str = NO_STRIPE
    """Where a buyer's browser comes back to from 3-D Secure; without it the frontend needs Stripe's script."""
    mail_sender: str = "Bookstall <shop@bookstall.example>"
    sample_books: Annotated[int, Field(ge=1, le=9277)] = 1000
    """How many of the real books the sample shop has."""
    sample_buyer: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] = "alice"
    """Who GraphiQL is signed in as in the embedded form."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    """`auto` writes text to a terminal and JSON to everything else."""
    stop_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How long a stopping process waits for what it is doing."""
    production: bool = False
    """Whether people buy here: what tests alone need is refused."""
    fail_point: str = NO_FAIL_POINT
    """Where a test kills this process, or that it records what it passes through."""

    @field_validator("fail_point")
    @classmethod
    def _never_in_production(cls, plan: str, info: ValidationInfo) -> str:
        if planned(plan) is not None and info.data.get("production", True):
            raise ValueError("there is none in production")
        return plan

    @field_validator("data", mode="before")
    @classmethod
    def _named(cls, path: object) -> object:
        if path == "":
            raise ValueError("the data folder needs a name")
        return Path(path).expanduser() if isinstance(path, str | Path) else path

    @field_validator("allowed_origins")
    @classmethod
    def _of_pages(cls, origins: str) -> str:
        for origin in origins.split(","):
            if origins != NO_ORIGINS and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", origin.strip()):
                raise ValueError(f"{origin.strip()!r} is no origin such as https://shop.example")
        return origins

    @field_validator("oidc_issuer")
    @classmethod
    def _as_tokens_write_it(cls, issuer: str) -> str:
        if not re.fullmatch(r"[!-~]{1,255}", issuer):
            raise ValueError("the issuer is written as in `iss`: usually a URL, without spaces")
        return issuer

    @field_validator("oidc_jwks_url")
    @classmethod
    def _of_keys(cls, url: str) -> str:
        if url != NO_OIDC and not (re.fullmatch(r"https?://[^\s/@]+/\S*", url) and urlsplit(url).hostname):
            raise ValueError("the URL begins with https:// and names the JWK set")
        return url

    @field_validator("currency")
    @classmethod
    def _with_two_digits(cls, currency: str) -> str:
        if not has_two_digits(currency):
            raise ValueError(f"{currency!r} is no currency with two digits after the point")
        return currency

    @field_validator("database_url")
    @classmethod
    def _one_for_each_domain(cls, secret: SecretStr) -> SecretStr:
        url = secret.get_secret_value()
        if url != EMBEDDED_DATABASES and not url.startswith(POSTGRESQL):
            raise ValueError("the URL is `sqlite` or begins with postgresql://")
        if url != EMBEDDED_DATABASES and "{domain}" not in url:
            raise ValueError("the URL needs {domain} in it: every domain has a database of its own")
        return secret

    @field_validator("transport_url")
    @classmethod
    def _of_rabbitmq(cls, secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().startswith((IN_PROCESS, "amqp://", "amqps://")):
            raise ValueError("the URL is `inprocess` or begins with amqp://")
        return secret

    @field_validator("cache_url")
    @classmethod
    def _of_redis(cls, secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().startswith((IN_PROCESS, "redis://", "rediss://")):
            raise ValueError("the URL is `inprocess` or begins with redis://")
        return secret

    @field_validator("stripe_key", "stripe_webhook_secret")
    @classmethod
    def _of_stripe(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        value = secret.get_secret_value()
        if value == NO_STRIPE and info.data.get("payments") != "stripe":
            return secret
        begins = ("sk_", "rk_") if info.field_name == "stripe_key" else ("whsec_",)
        if not value.startswith(begins) or not value.isascii() or not value.isprintable():
            raise ValueError(f"Stripe gives you one that begins with {' or '.join(begins)}")
        return secret

    @field_validator("stripe_url", "stripe_return_url")
    @classmethod
    def _without_listeners(cls, url: str) -> str:
        parts = urlsplit(url)
        if url != NO_STRIPE and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("the URL begins with https://")
        return url

    @field_validator("mail_sender")
    @classmethod
    def _with_an_address(cls, sender: str) -> str:
        try:
            Address(addr_spec=parseaddr(sender)[1])
        except (ValueError, IndexError):
            raise ValueError("mail needs a sender with an address, as `Shop <shop@example.org>`") from None
        if not sender.isprintable():
            raise ValueError("a sender has no line breaks")
        return sender

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """Raises InvalidSetting itself, which says whose fault it is."""
        if (self.oidc_issuer == NO_OIDC) != (self.oidc_jwks_url == NO_OIDC):
            missing = "ISSUER" if self.oidc_issuer == NO_OIDC else "JWKS_URL"
            raise InvalidSetting(f"BOOKSTALL_OIDC_{missing}: an issuer and where its keys are belong together")
        for name, reason in unfit(self) if self.production else ():
            raise InvalidSetting(f"BOOKSTALL_{name}: {reason}")
        return self

    @classmethod
    def load(cls, **options: Any) -> Self:
        """From the environment, overridden by the options that are not None; raises InvalidSetting."""
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"][:1]).upper() or "SETTINGS"
            raise InvalidSetting(f"BOOKSTALL_{name}: {first['msg'].removeprefix('Value error, ')}") from None

    @property
    def origins(self) -> tuple[str, ...]:
        """Whose pages may use the API besides the server's own."""
        named = self.allowed_origins
        return () if named == NO_ORIGINS else tuple(origin.strip() for origin in named.split(","))

    def limits(self) -> Limits:
        """How much clients may ask for; in production they explore only where a setting says so."""
        explorable = self.explorable and not (self.production and "explorable" not in self.model_fields_set)
        return Limits(**{name: getattr(self, name) for name in Limits.model_fields} | {"explorable": explorable})

    def database_of(self, domain: str) -> str:
        """The URL of a domain's database."""
        if self.owns_its_databases:
            return f"sqlite:///{quote(str((self.data / f'{domain}.db').resolve()))}"
        url = self.database_url.get_secret_value().replace("{domain}", domain)
        return f"postgresql://{url.partition('://')[2]}"

    @property
    def issues_its_tokens(self) -> bool:
        """Whether tokens are signed with a key in the data folder rather than by a provider."""
        return self.oidc_issuer == NO_OIDC

    @property
    def owns_its_databases(self) -> bool:
        """Whether the databases are files of one process."""
        return self.database_url.get_secret_value() == EMBEDDED_DATABASES

    def require_full_stack(self) -> None:
        """Raises InvalidSetting where something is a file or the memory of one process: then there can be no other."""
        if self.owns_its_databases:
            raise InvalidSetting(
                "BOOKSTALL_DATABASE_URL: processes of their own need PostgreSQL; or use `bookstall run`"
            )
        self._require_server("transport_url", "RabbitMQ")
        self.require_shared_cache()

    def require_shared_cache(self) -> None:
        """Raises InvalidSetting where the cache is the memory of one process."""
        self._require_server("cache_url", "Redis")

    def _require_server(self, name: str, server: str) -> None:
        if getattr(self, name).get_secret_value() == IN_PROCESS:
            raise InvalidSetting(
                f"BOOKSTALL_{name.upper()}: processes of their own need {server}; or use `bookstall run`"
            )
