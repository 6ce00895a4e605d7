"""`bookstall demo` with a token, as from another machine."""

from __future__ import annotations

from pathlib import Path

from tests.builders import Shop
from tests.server import bookstall


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


async def test_a_token_that_the_server_does_not_know_is_refused(shop: Shop) -> None:
    said = await bookstall("demo", "--url", shop.server.url, "--token", "nonsense")
    assert said.code == 1
    assert said.err.startswith("bookstall: ")
    assert len(said.err.splitlines()) == 1
