"""`bookstall demo` with a token, as from another machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.live_client import LiveClient
from graph.auth import EmbeddedIssuer
from kernel.clock import utc_now
from tests.builders import Shop
from tests.encryption import encrypting
from tests.server import Server, bookstall


async def test_the_demo_plays_without_the_data_folder_for_whoever_s_token_it_is_given(
    shop: Shop, tmp_path: Path
) -> None:
    options = ("--url", shop.server.url, "--data", tmp_path / "nowhere", "--token", shop.buyer().token or "")
    for _ in range(2):  # the second time there are messages already, and an order
        said = await bookstall("demo", *options)
        assert (said.code, said.err) == (0, ""), said
        assert "Everything arrived" in said.out
    assert not (tmp_path / "nowhere").exists()


async def test_the_demo_buys_nobody_s_cart(shop: Shop, tmp_path: Path) -> None:
    buyer = shop.buyer()
    await buyer.adds(await shop.offer())
    said = await bookstall("demo", "--url", shop.server.url, "--token", buyer.token or "")
    assert (said.code, said.out.count("add to the cart")) == (1, 0)
    assert "the cart of this token's buyer is not empty" in said.err


@pytest.mark.parametrize("token", ["abc", "", "Bearer abc", "Bearer a.b.c", "a.b", "a.b.c.d", "a..c"])
async def test_what_is_no_token_is_sent_to_no_server(token: str) -> None:
    said = await bookstall("demo", "--url", "http://127.0.0.1:1", "--token", token)
    assert said.code == 1
    assert said.complaint == (
        "--token: this is no token: one is three parts with dots between them, without the word Bearer"
    )


async def test_a_token_of_another_key_is_told_from_one_that_has_expired(shop: Shop, tmp_path: Path) -> None:
    long_ago = EmbeddedIssuer(shop.server.data, clock=lambda: utc_now() - timedelta(hours=2))
    for token, reason in (
        (
            EmbeddedIssuer(tmp_path).issue("alice"),
            "it does not know the key of the token: name its data folder with --data,"
            " or one of its tokens with --token",
        ),
        (long_ago.issue("alice"), "the token has expired; get a new one"),
    ):
        said = await bookstall("demo", "--url", shop.server.url, "--token", token)
        assert said.complaint == f"the server at {shop.server.url} closed the connection: {reason}"


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/graphiql"])
async def test_the_addresses_that_a_server_prints_are_taken_as_they_are(shop: Shop, path: str) -> None:
    async with LiveClient.connected(f"{shop.server.url}{path}", shop.buyer().token or "") as client:
        assert await client.ask("{ __typename }") == {"__typename": "Query"}


async def test_a_demo_over_tls_where_there_is_none_says_which_address_to_try(
    embedded_server: Server, keyed: Path
) -> None:
    url = embedded_server.url.replace("http", "https", 1)
    said = await bookstall("demo", "--url", url, "--data", keyed)
    assert said.complaint == f"no Bookstall server answers at {url}: it speaks no TLS: http:// instead?"


async def test_a_demo_over_tls_with_a_certificate_that_nobody_vouches_for_says_so(
    embedded_server: Server, keyed: Path
) -> None:
    async with encrypting(int(embedded_server.url.rpartition(":")[2]), keyed) as port:
        url = f"https://127.0.0.1:{port}"
        said = await bookstall("demo", "--url", url, "--data", keyed)
    assert said.complaint == (
        f"no Bookstall server answers at {url}: its certificate does not hold (self-signed certificate)"
    )
