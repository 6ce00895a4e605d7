"""Any history of a provider and its gateways: who is believed, and how often the provider is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.oidc import Keys, KeysNotFetched, ProviderKeys
from graph.auth import IssuerAway
from tests.graph.oidc_provider import new_key

KEEP_SECONDS = 60.0
FLOOR_SECONDS = 10.0
KEY_IDS = ("first", "second")
KEY = new_key("ES256")


class Provider:
    """Publishes some keys, or is away; and knows when it was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.published = {"first"}
        self.withdrawn_at: dict[str, float] = {}
        self.there = True
        self.asked: list[float] = []
        self.given: set[str] = set()
        self.was_away = False

    async def fetch(self) -> Keys:
        self.asked.append(self.now)
        self.was_away = not self.there
        if not self.there:
            raise KeysNotFetched("away")
        self.given = set(self.published)
        return {(key_id, "ES256"): KEY for key_id in self.published}

    def publish(self, key_id: str) -> None:
        self.published.add(key_id)
        self.withdrawn_at.pop(key_id, None)

    def withdraw(self, key_id: str) -> None:
        if len(self.published) > 1 and key_id in self.published:
            self.published.remove(key_id)
            self.withdrawn_at[key_id] = self.now


STEPS = [
    *(("wait", seconds) for seconds in (1.0, FLOOR_SECONDS, KEEP_SECONDS)),
    *((step, key_id) for step in ("publish", "withdraw", "ask", "ask") for key_id in KEY_IDS),
    *((step, None) for step in ("leave", "return", "strangers")),
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(STEPS), min_size=5, max_size=60))
@example([("ask", "first"), ("publish", "second"), ("withdraw", "first"), ("wait", KEEP_SECONDS), ("ask", "first")])
async def test_any_history_believes_what_is_published_and_asks_no_oftener_than_agreed(steps: Sequence[tuple]) -> None:
    provider = Provider()
    keys = ProviderKeys(
        provider.fetch, keep_seconds=KEEP_SECONDS, floor_seconds=FLOOR_SECONDS, clock=lambda: provider.now
    )
    for step, argument in steps:
        match step:
            case "wait":
                provider.now += argument
            case "publish":
                provider.publish(argument)
            case "withdraw":
                provider.withdraw(argument)
            case "leave":
                provider.there = False
            case "return":
                provider.there = True
            case "strangers":
                for outcome in await asyncio.gather(*(believed(keys, f"strange-{n}") for n in range(5))):
                    assert outcome is not True
            case "ask":
                await asks(provider, keys, argument)
        if keys._asking:
            await asyncio.wait({keys._asking})
        gaps = [later - earlier for earlier, later in zip(provider.asked, provider.asked[1:], strict=False)]
        assert all(gap >= FLOOR_SECONDS for gap in gaps)
    await keys.close()


async def asks(provider: Provider, keys: ProviderKeys, key_id: str) -> None:
    """Three tokens of one key come at once."""
    may_ask = not provider.asked or provider.now - provider.asked[-1] >= FLOOR_SECONDS
    before, was_away = set(provider.given), provider.was_away
    [outcome, *others] = await asyncio.gather(*(believed(keys, key_id) for _ in range(3)))
    assert all(other == outcome for other in others)
    if key_id in before & provider.published:
        assert outcome is True, "what is known and published is always believed"
    if provider.there and may_ask and key_id in provider.published:
        assert outcome is True, "a new key is believed as soon as the provider may be asked"
    if key_id not in provider.given | before:
        assert outcome is not True, "what the provider never gave is not believed"
    withdrawn = provider.now - provider.withdrawn_at.get(key_id, provider.now)
    if provider.there and not was_away and may_ask and withdrawn >= KEEP_SECONDS:
        assert outcome is not True, "what was withdrawn long ago is not believed"


async def believed(keys: ProviderKeys, key_id: str) -> bool | None:
    """Whether the key is found; None where nobody can tell."""
    with suppress(IssuerAway):
        return await keys.find(key_id, "ES256") is not None
    return None
