"""How much a client may ask for at once."""

from strawberry.extensions import MaxTokensLimiter

BODY_LIMIT_BYTES = 64 * 1024
"""The longest body of a request."""

TOKEN_LIMIT = 1000
"""The most tokens of a document."""

OPERATIONS_PER_SOCKET = 20
"""The most operations that run on one websocket at a time."""

CONNECTION_INIT_SECONDS = 5
"""How long a websocket may take to say who it is."""

DOCUMENTS_CACHED = 500
"""How many documents are kept parsed and validated."""


def limit_tokens() -> MaxTokensLimiter:
    """Refuses a document of more than TOKEN_LIMIT tokens before it is parsed to the end."""
    return MaxTokensLimiter(max_token_count=TOKEN_LIMIT)
