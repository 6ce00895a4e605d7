"""Every setting, read once from the environment (prefix BOOKSTALL_) and from the command line's options."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.complaint import Complaint
from app.production import unfit
from app.setting_types import (
    EMBEDDED_DATABASES,
    IN_PROCESS,
    NO_HOSTS,
    NO_OIDC,
    NO_ORIGINS,
    NO_STRIPE,
    BearerToken,
    BrokerUrl,
    CacheUrl,
    Currency,
    DatabasesUrl,
    EncryptedUrl,
    Folder,
    Hosts,
    IssuerName,
    KeysUrl,
    Name,
    Origins,
    Sender,
    parts_of,
    sentence_of,
)
from graph.limits import Limits
from kernel.fail_points import NONE as NO_FAIL_POINT
from kernel.fail_points import planned

DOMAINS = ("orders", "inventory", "catalog", "sellers", "notifications")
DEFAULT_DATA = Path(".bookstall")
PREFIX = "BOOKSTALL_"


class InvalidSetting(Complaint):
    """A setting has a value that cannot be; the message names it in one line."""


class Settings(Limits, BaseSettings):
    """How this process runs. The three URLs choose between the embedded form and the full stack."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False)

    data: Folder = DEFAULT_DATA
    """The folder of the embedded form: databases, keys, mail, the mock provider's charges."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 picks a free port."""
    allowed_origins: Origins = NO_ORIGINS
    """Whose pages may use the API besides the server's own: origins, with commas between them."""
    database_url: DatabasesUrl = SecretStr(EMBEDDED_DATABASES)
    """`sqlite` for files in the data folder, or a PostgreSQL URL with `{domain}` in it, for each domain its own."""
    transport_url: BrokerUrl = SecretStr(IN_PROCESS)
    """`inprocess`, or RabbitMQ's URL."""
    cache_url: CacheUrl = SecretStr(IN_PROCESS)
    """`inprocess`, or the URL of Redis."""
    trusted_network: bool = False
    """Whether the network to these servers is private, so that production takes plain connections to them."""
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
    currency: Currency = "EUR"
    """The one currency of this marketplace (ISO 4217, two digits after the point)."""
    hold_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """How long copies are held for an order whose charge has not begun; longer than `placing_seconds`."""
    placing_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long an order may wait for its charge to begin; then the sweep ends it."""
    charge_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How long the payment provider may take to answer."""
    answer_seconds: Annotated[float, Field(gt=0, le=3600)] = 8.0
    """How long a buyer waits for the outcome of a checkout before it is answered as pending; below `query_seconds`."""
    late_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long after that the sweep asks the provider what became of a charge."""
    action_seconds: Annotated[int, Field(ge=1, le=3600)] = 900
    """How long a buyer may take for what the payment requires, such as 3-D Secure."""
    cancel_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 1800
    """How long after paying a buyer may cancel; an operator always may."""
    key_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """How long the answer of an idempotency key is kept."""
    oidc_issuer: IssuerName = NO_OIDC
    """Whose tokens are good, as their `iss` says; without it they are signed with a key in the data folder."""
    oidc_jwks_url: KeysUrl = NO_OIDC
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
    stripe_url: EncryptedUrl = "https://api.stripe.com"
    """A test has another."""
    stripe_return_url: EncryptedUrl = NO_STRIPE
    """Where a buyer's browser comes back to from 3-D Secure; without it the frontend needs Stripe's script."""
    mail_sender: Sender = "Bookstall <shop@bookstall.example>"
    sample_books: Annotated[int, Field(ge=1, le=9277)] = 1000
    """How many of the real books the sample shop has."""
    sample_buyer: Name = "alice"
    """Who GraphiQL is signed in as in the embedded form."""
    session_hosts: Hosts = NO_HOSTS
    """The names and addresses, with commas between them, under which GraphiQL gets a session besides this machine's."""
    metrics_token: BearerToken | None = None
    """The bearer token that `/metrics` asks for; in production it answers nobody without one."""
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

    @field_validator("stripe_key", "stripe_webhook_secret")
    @classmethod
    def _of_stripe(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        value = secret.get_secret_value()
        if value == NO_STRIPE:
            if info.data.get("payments") == "stripe":
                raise ValueError("it is missing: payments by Stripe need it")
            return secret
        begins = ("sk_", "rk_") if info.field_name == "stripe_key" else ("whsec_",)
        if not value.startswith(begins) or not value.isascii() or not value.isprintable():
            raise ValueError(f"this is none of Stripe's, which begin with {' or '.join(begins)}")
        return secret

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """Raises InvalidSetting itself, which says whose fault it is."""
        if (self.oidc_issuer == NO_OIDC) != (self.oidc_jwks_url == NO_OIDC):
            missing = "ISSUER" if self.oidc_issuer == NO_OIDC else "JWKS_URL"
            raise InvalidSetting(f"BOOKSTALL_OIDC_{missing}: an issuer and where its keys are belong together")
        if self.answer_seconds >= self.query_seconds:
            below = f"less than BOOKSTALL_QUERY_SECONDS ({self.query_seconds:g})"
            reason = f"{self.answer_seconds:g} is too long, it has to be {below}: a slow checkout would end in TIMEOUT"
            raise InvalidSetting(f"BOOKSTALL_ANSWER_SECONDS: {reason}")
        if self.hold_seconds <= self.placing_seconds:
            above = f"more than BOOKSTALL_PLACING_SECONDS ({self.placing_seconds})"
            reason = f"{self.hold_seconds} is too short, it has to be {above}: an order that waits"
            raise InvalidSetting(f"BOOKSTALL_HOLD_SECONDS: {reason} for its charge would lose its copies")
        for name, reason in unfit(self) if self.production else ():
            raise InvalidSetting(f"BOOKSTALL_{name}: {reason}")
        return self

    @classmethod
    def load(cls, **options: Any) -> Self:
        """From the environment, overridden by the options that are not None; raises InvalidSetting."""
        refuse_unknown(os.environ)
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"][:1]).upper() or "SETTINGS"
            raise InvalidSetting(f"BOOKSTALL_{name}: {sentence_of(first)}") from None

    @property
    def origins(self) -> tuple[str, ...]:
        """Whose pages may use the API besides the server's own."""
        return parts_of(self.allowed_origins, NO_ORIGINS)

    @property
    def hosts_of_sessions(self) -> frozenset[str]:
        """Under which names GraphiQL gets a session besides those of this machine."""
        return frozenset(host.lower() for host in parts_of(self.session_hosts, NO_HOSTS))

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

    def server_of(self, domain: str) -> str:
        """The host and port of a domain's database, without the name and password in its URL."""
        return urlsplit(self.database_of(domain)).netloc.rpartition("@")[2]

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


def refuse_unknown(variables: Iterable[str]) -> None:
    """Raises InvalidSetting where one begins as settings do and is none: what is misspelt must not be overlooked."""
    settings = [name.upper() for name in Settings.model_fields]
    for variable in sorted(variables):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or name in settings:
            continue
        nearest = get_close_matches(name, settings, n=1)
        hint = f"do you mean {PREFIX}{nearest[0]}?" if nearest else "docs/operations.md lists them all"
        raise InvalidSetting(f"{variable} is no setting; {hint}")
