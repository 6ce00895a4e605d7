"""What the values of settings may look like: each kind with its check, and the sentence for what it is not."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import ErrorDetails

from kernel.money import has_two_digits

EMBEDDED_DATABASES = "sqlite"
IN_PROCESS = "inprocess"
NO_STRIPE = "none"
NO_ORIGINS = "none"
NO_OIDC = "none"
NO_HOSTS = "none"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
POSTGRESQL = ("postgresql://", "postgres://")
TOKEN_LENGTH = 16

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+")
_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")


_SENTENCES = {
    "bool_parsing": "{input!r} is neither true nor false",
    "finite_number": "{input!r} is no number",
    "float_parsing": "{input!r} is no number",
    "greater_than": "{input} is too small: it has to be more than {gt:g}",
    "greater_than_equal": "{input} is too small: {ge:g} at least",
    "int_from_float": "{input!r} is no whole number",
    "int_parsing": "{input!r} is no whole number",
    "int_parsing_size": "it has too many digits",
    "less_than_equal": "{input} is too large: {le:g} at most",
    "literal_error": "{input!r} is not {expected}",
    "string_too_short": "it is empty",
    "value_error": "{error}",
}
"""By the kind of error that Pydantic finds. A secret has none but the last, whose sentences never repeat the value."""


def sentence_of(error: ErrorDetails) -> str:
    """What is wrong with a value, in the words of who runs a shop."""
    sentence = _SENTENCES.get(error["type"])
    return sentence.format(input=error["input"], **error.get("ctx", {})) if sentence else error["msg"]


def parts_of(named: str, none: str) -> tuple[str, ...]:
    """The parts of a value that has them with commas between, or says that there are none."""
    return () if named == none else tuple(part.strip() for part in named.split(","))


def _folder(path: object) -> object:
    if path == "":
        raise ValueError("the data folder needs a name")
    return Path(path).expanduser() if isinstance(path, str | Path) else path


def _origins(origins: str) -> str:
    for origin in parts_of(origins, NO_ORIGINS):
        if not _ORIGIN.fullmatch(origin):
            if _ORIGIN.fullmatch(origin.rstrip("/")):
                raise ValueError(f"{origin!r} is no origin: write it without a slash at the end")
            raise ValueError(f"{origin!r} is no origin such as https://shop.example")
    return origins


def _hosts(hosts: str) -> str:
    for host in parts_of(hosts, NO_HOSTS):
        written = _HOST.fullmatch(host)
        if not written or int(written["port"] or 0) > 65535:
            raise ValueError(f"{host!r} is no name or address such as shop.example, 192.0.2.1:8000 or [2001:db8::1]")
    return hosts


def _issuer(issuer: str) -> str:
    if not re.fullmatch(r"[!-~]{1,255}", issuer):
        raise ValueError("the issuer is written as in `iss`: usually a URL, without spaces")
    return issuer


def _keys(url: str) -> str:
    if url != NO_OIDC and not (re.fullmatch(r"https?://[^\s/@]+/\S*", url) and urlsplit(url).hostname):
        raise ValueError("the URL begins with https:// and names the JWK set")
    return url


def _currency(currency: str) -> str:
    if not has_two_digits(currency):
        raise ValueError(f"{currency!r} is no currency with two digits after the point")
    return currency


def _databases(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if url == EMBEDDED_DATABASES:
        return secret
    if not url.startswith(POSTGRESQL):
        raise ValueError("the URL is `sqlite` or begins with postgresql://")
    if "{domain}" not in url:
        raise ValueError("the URL needs {domain} in it: every domain has a database of its own")
    return _readable(secret)


def _broker(secret: SecretStr) -> SecretStr:
    return _in_process_or(secret, "amqp://", "amqps://")


def _cache(secret: SecretStr) -> SecretStr:
    return _in_process_or(secret, "redis://", "rediss://")


def _in_process_or(secret: SecretStr, plain: str, encrypted: str) -> SecretStr:
    url = secret.get_secret_value()
    if url == IN_PROCESS:
        return secret
    if not url.startswith((plain, encrypted)):
        raise ValueError(f"the URL is `inprocess` or begins with {plain} or {encrypted}")
    return _readable(secret)


def _readable(secret: SecretStr) -> SecretStr:
    try:
        urlsplit(secret.get_secret_value())
    except ValueError:
        raise ValueError("the URL cannot be read: brackets in its password are written as %5B and %5D") from None
    return secret


def _encrypted(url: str) -> str:
    parts = urlsplit(url)
    if url != NO_STRIPE and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("the URL begins with https://")
    return url


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name):
        raise ValueError(f"{name!r} is no name such as alice: of small letters, digits, dots and hyphens, 64 at most")
    return name


def _sender(sender: str) -> str:
    try:
        Address(addr_spec=parseaddr(sender)[1])
    except (ValueError, IndexError):
        raise ValueError("mail needs a sender with an address, as `Shop <shop@example.org>`") from None
    if not sender.isprintable():
        raise ValueError("a sender has no line breaks")
    return sender


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(rf"[!-~]{{{TOKEN_LENGTH},}}", secret.get_secret_value()):
        raise ValueError(f"the token has at least {TOKEN_LENGTH} characters, all of them ASCII, and no spaces")
    return secret


Folder = Annotated[Path, BeforeValidator(_folder)]
Origins = Annotated[str, AfterValidator(_origins)]
Hosts = Annotated[str, AfterValidator(_hosts)]
IssuerName = Annotated[str, AfterValidator(_issuer)]
KeysUrl = Annotated[str, AfterValidator(_keys)]
Currency = Annotated[str, AfterValidator(_currency)]
DatabasesUrl = Annotated[SecretStr, AfterValidator(_databases)]
BrokerUrl = Annotated[SecretStr, AfterValidator(_broker)]
CacheUrl = Annotated[SecretStr, AfterValidator(_cache)]
EncryptedUrl = Annotated[str, AfterValidator(_encrypted)]
Name = Annotated[str, AfterValidator(_name)]
Sender = Annotated[str, AfterValidator(_sender)]
BearerToken = Annotated[SecretStr, AfterValidator(_token)]
