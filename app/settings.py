"""Every setting, read once from the environment (prefix BOOKSTALL_) and from the command line's options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.complaint import Complaint
from kernel.money import has_two_digits

DOMAINS = ("orders", "inventory", "catalog", "sellers", "notifications")
DEFAULT_DATA = Path(".bookstall")


class InvalidSetting(Complaint):
    """A setting has a value that cannot be; the message names it in one line."""


class Settings(BaseSettings):
    """How this process runs. The three URLs choose between the embedded form and the full stack."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTALL_", frozen=True, extra="forbid")

    data: Path = DEFAULT_DATA
    """The folder of the embedded form: databases, keys, mail, the mock provider's charges."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 picks a free port."""
    database_url: str = "sqlite"
    """`sqlite` for files in the data folder, or a URL with `{domain}` in it: one database for each domain."""
    transport_url: Literal["inprocess"] = "inprocess"
    cache_url: Literal["inprocess"] = "inprocess"
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    """PostgreSQL connections of each domain in each process."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    """The one currency of this marketplace (ISO 4217, two digits after the point)."""
    mail_sender: str = "Bookstall <shop@bookstall.example>"
    sample_books: Annotated[int, Field(ge=1, le=9277)] = 1000
    """How many of the real books the sample shop has."""
    sample_buyer: str = "alice"
    """Who GraphiQL is signed in as in the embedded form."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    """`auto` writes text to a terminal and JSON to everything else."""
    stop_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How long a stopping process waits for what it is doing."""

    @field_validator("currency")
    @classmethod
    def _with_two_digits(cls, currency: str) -> str:
        if not has_two_digits(currency):
            raise ValueError(f"{currency} is no currency with two digits after the point")
        return currency

    @field_validator("database_url")
    @classmethod
    def _one_for_each_domain(cls, url: str) -> str:
        if url != "sqlite" and "{domain}" not in url:
            raise ValueError("the URL needs {domain} in it: every domain has a database of its own")
        return url

    @classmethod
    def load(cls, **options: Any) -> Self:
        """From the environment, overridden by the options that are not None; raises InvalidSetting."""
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(str(part) for part in first["loc"][:1]).upper() or "SETTINGS"
            raise InvalidSetting(f"BOOKSTALL_{name}: {first['msg'].removeprefix('Value error, ')}") from None

    def database_of(self, domain: str) -> str:
        """The URL of a domain's database."""
        if self.database_url == "sqlite":
            return f"sqlite:///{(self.data / f'{domain}.db').resolve()}"
        return self.database_url.replace("{domain}", domain)
