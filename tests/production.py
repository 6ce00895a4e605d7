"""Settings that are fit for production, for tests that change one of them."""

from __future__ import annotations

from typing import Any

SOUND: dict[str, Any] = {
    "production": True,
    "oidc_issuer": "https://people.example",
    "oidc_jwks_url": "https://people.example/keys",
    "payments": "none",
}
