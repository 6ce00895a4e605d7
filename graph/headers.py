"""What every answer tells browsers, whoever gives it, and which other origins' pages may ask."""

from __future__ import annotations

from collections.abc import Sequence

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


def header_middleware(allowed_origins: Sequence[str]) -> list[Middleware]:
    """Strict headers for all, and CORS for pages of these origins."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=allowed_origins,
        allow_methods=("POST",),
        allow_headers=("Authorization", "Content-Type", "X-Request-Id", "X-Query-Cost"),
        expose_headers=("Retry-After", "X-Request-Id"),
        max_age=PREFLIGHT_SECONDS,
    )
    return [Middleware(StrictHeaders), *([cors] if allowed_origins else [])]


class StrictHeaders:
    """Adds to each answer over HTTP what it does not say itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in STRICT.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_strictly)
