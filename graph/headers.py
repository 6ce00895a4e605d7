"""What every answer tells browsers, whoever gives it, and which other origins' pages may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFLIGHT_SECONDS = 600

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the editor positions its lines with style elements
        "img-src 'self' data:",
        "font-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
    )
)
SAFE = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SAFE_PAGE = SAFE | {
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
"""For pages, which load nothing but what the server itself has."""

STRICT = SAFE | {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""For answers that are no pages; a page has its own instead."""


HTTPS_ONLY = {"Strict-Transport-Security": f"max-age={365 * 24 * 60 * 60}"}
"""Browsers heed it where it comes over HTTPS. It speaks of this host alone: others of its domain may not have HTTPS."""


def header_middleware(allowed_origins: Sequence[str], *, https_only: bool = False) -> list[Middleware]:
    """Strict headers for all, and CORS for pages of these origins."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=allowed_origins,
        allow_methods=("POST",),
        allow_headers=("Authorization", "Content-Type", "X-Request-Id", "X-Query-Cost"),
        expose_headers=("Retry-After", "X-Request-Id"),
        max_age=PREFLIGHT_SECONDS,
    )
    headers = STRICT | HTTPS_ONLY if https_only else STRICT
    return [Middleware(StrictHeaders, headers), *([cors] if allowed_origins else [])]


class StrictHeaders:
    """Adds to each answer over HTTP what it does not say itself, to that of a refused handshake too."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_strictly(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_strictly)
