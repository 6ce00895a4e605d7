"""GraphiQL in a real browser: it plays the shop offline, without an error and within its policy."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

from scripts.system_parts import find_chromium
from tests.server import Server

pytestmark = pytest.mark.browser

TABS = [
    "Search", "AddToCart", "Cart", "Checkout", "OrderUpdates", "CancelOrder", "StockUpdates", "Notifications",
    "PublishListing",
]  # fmt: skip
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
STRANGE_HOST = "bookstall.test"
"""A name that leads to this machine, as one that somebody else owns may."""
COUNT_VIOLATIONS = """
    window.violations = [];
    addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
"""
STORED_TAB = "JSON.parse(localStorage.getItem('graphiql:tabState')).activeTabIndex"


class Desk:
    """GraphiQL as its user sees it, and everything that the browser said and asked meanwhile."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[Request] = []
        self.sockets: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda request: self.requests.append(request))
        page.on("websocket", lambda socket: self.sockets.append(socket.url))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    async def open_tab(self, name: str) -> None:
        """Go to the example tab `name`."""
        await self.page.get_by_role("tab", name=name, exact=True).click()
        await expect(self.page.locator(".graphiql-query-editor .view-lines")).to_contain_text(name)

    async def write(self, editor: str, value: object) -> None:
        """Replace what the `Variables` or `Headers` editor holds by `value` as JSON."""
        await self.page.get_by_role("button", name=editor, exact=True).click()
        await self.page.locator(f".graphiql-editor-tool[aria-label='{editor}'] .monaco-editor:visible").click()
        await self.page.keyboard.press("ControlOrMeta+A")
        await self.page.keyboard.insert_text(json.dumps(value))
        await self.page.keyboard.press("ControlOrMeta+Shift+End")  # what the editor closed by itself
        await self.page.keyboard.press("Delete")

    async def play(self) -> None:
        """Press the play button."""
        await self.page.get_by_role("button", name="Execute query").click()

    async def ask(self) -> dict[str, Any]:
        """Play a query or a mutation; return its data."""
        async with self.page.expect_response("**/graphql") as answered:
            await self.play()
        answer = await (await answered.value).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def sees(self, text: str) -> None:
        """Wait until the response pane shows `text`."""
        await expect(self.page.locator(".graphiql-response .view-lines")).to_contain_text(text)

    async def sees_every_tab(self) -> None:
        """Wait until each of the example tabs is in sight."""
        tabs = self.page.get_by_role("tab")
        await expect(tabs).to_contain_text(TABS)
        for tab in await tabs.all():
            await expect(tab).to_be_in_viewport(ratio=0.9)

    def hosts(self) -> set[str]:
        """The hosts that anything was asked of; pictures inside the page's own styles have none."""
        asked = [request.url for request in self.requests] + self.sockets
        return {urlsplit(address).netloc for address in asked} - {""}

    async def violations(self) -> list[str]:
        """The directives of the page's policy that something ran into."""
        return await self.page.evaluate("window.violations")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        arguments = [*QUIET, "--no-sandbox", "--disable-gpu", "--disable-quic"]
        arguments.append(f"--host-resolver-rules=MAP {STRANGE_HOST} 127.0.0.1")
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def desk_at(browser: Browser, server: Server) -> AsyncIterator[Desk]:
    """A fresh visitor of `/graphiql`."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        async with window_of(context, server) as desk:
            yield desk
    finally:
        await context.close()


@asynccontextmanager
async def window_of(visitor: BrowserContext, server: Server) -> AsyncIterator[Desk]:
    """One more window of `visitor`, whose schema has arrived; the visit must leave no error and no violation."""
    desk = Desk(await visitor.new_page())
    await desk.page.add_init_script(COUNT_VIOLATIONS)
    async with desk.page.expect_response("**/graphql"):
        await desk.page.goto(f"{server.url}/graphiql")
    await expect(desk.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("query")
    yield desk
    assert await desk.violations() == []
    assert desk.errors == []
    assert desk.hosts() == {urlsplit(server.url).netloc}


async def test_a_visitor_buys_a_book_with_the_example_tabs_as_they_are(
    browser: Browser, embedded_server: Server, tmp_path: Path
) -> None:
    async with desk_at(browser, embedded_server) as desk, window_of(desk.page.context, embedded_server) as second:
        await second.open_tab("OrderUpdates")
        await second.play()
        await expect(second.page.get_by_role("button", name="Stop query")).to_be_visible()
        found = await desk.ask()
        await desk.sees(found["books"]["nodes"][0]["title"])
        await desk.page.screenshot(path=tmp_path / "search.png")

        await desk.open_tab("AddToCart")
        added = (await desk.ask())["addToCart"]
        assert added["__typename"] == "Cart", added
        await desk.open_tab("Cart")
        cart = (await desk.ask())["me"]["cart"]
        assert (cart["total"], cart["problems"]) == (added["total"], [])
        await desk.open_tab("Checkout")
        bought = (await desk.ask())["checkout"]
        assert bought["__typename"] == "CheckoutCompleted", bought
        again = (await desk.ask())["checkout"]
        assert (again["replayed"], again["order"]["id"]) == (True, bought["order"]["id"])

        await second.sees(bought["order"]["number"])
        await second.sees('"settled": true')
        await second.page.screenshot(path=tmp_path / "order.png")
        await desk.open_tab("Notifications")
        await desk.play()
        await desk.sees(f"Your order {bought['order']['number']} is paid")
        await desk.open_tab("CancelOrder")
        await desk.write("Variables", {"input": {"orderId": bought["order"]["id"], "reason": "I have it already."}})
        cancelled = (await desk.ask())["cancelOrder"]
        assert cancelled["__typename"] == "OrderCancelled", cancelled
        await second.sees('"status": "CANCELLED"')


async def test_a_visitor_watches_the_stock_of_a_book(browser: Browser, embedded_server: Server) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.open_tab("StockUpdates")
        await desk.play()
        await desk.sees('"isSnapshot": true')
        await desk.page.get_by_role("button", name="Stop query").click()
        await expect(desk.page.get_by_role("button", name="Execute query")).to_be_visible()
        assert [urlsplit(socket).path for socket in desk.sockets] == ["/graphql"]


async def test_selling_twice_finds_the_same_stall_and_listing(browser: Browser, embedded_server: Server) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.open_tab("PublishListing")
        first, second = await desk.ask(), await desk.ask()
        assert first["publishListing"]["__typename"] == "Listing", first
        assert second["publishListing"] == first["publishListing"]
        assert second["registerSeller"]["code"] == "ALREADY_REGISTERED"


async def test_a_refused_subscription_shows_why(browser: Browser, embedded_server: Server) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.open_tab("StockUpdates")
        await desk.write("Variables", {"isbns": []})
        await desk.play()
        await desk.sees('"code": "BAD_USER_INPUT"')
        await desk.write("Headers", {"Authorization": "Bearer nonsense"})
        await desk.play()
        await desk.sees("The socket was closed: 4401")


async def test_a_first_visit_opens_the_tabs_of_one_purchase(browser: Browser, embedded_server: Server) -> None:
    async with desk_at(browser, embedded_server) as desk:
        assert await desk.page.get_by_role("tab").all_inner_texts() == TABS
        session = await (await desk.page.request.get(f"{embedded_server.url}/graphiql/session")).json()
        await expect(desk.page.locator(".bookstall-wordmark")).to_contain_text(session["viewer"])


@pytest.mark.parametrize("width", [1280, 420])
async def test_every_tab_and_the_answer_are_in_sight_in_a_narrow_window(
    browser: Browser, embedded_server: Server, width: int
) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.page.set_viewport_size({"width": width, "height": 800})
        await desk.ask()
        await desk.sees_every_tab()
        answer = await desk.page.locator(".graphiql-response").bounding_box()
        assert answer is not None
        assert answer["width"] >= 300
        await expect(desk.page.locator(".graphiql-response")).to_be_in_viewport()


async def test_the_documentation_hides_no_tab(browser: Browser, embedded_server: Server) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.page.set_viewport_size({"width": 1280, "height": 800})
        await desk.page.get_by_role("button", name="Show Documentation Explorer").click()
        await expect(desk.page.locator(".graphiql-doc-explorer")).to_be_visible()
        await desk.sees_every_tab()


async def test_a_reload_keeps_the_tabs_and_the_one_that_was_open(
    browser: Browser, embedded_server: Server, eventually: Callable[..., Awaitable[Any]]
) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.open_tab("Checkout")
        await eventually(lambda: desk.page.evaluate(f"{STORED_TAB} === {TABS.index('Checkout')}"))
        await desk.page.reload()
        await expect(desk.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("mutation Checkout")
        assert await desk.page.get_by_role("tab").all_inner_texts() == TABS


async def test_the_visitors_own_authorization_takes_the_place_of_the_sessions(
    browser: Browser, embedded_server: Server
) -> None:
    async with desk_at(browser, embedded_server) as desk:
        own = f"Bearer {embedded_server.token('bob')}"
        await desk.write("Headers", {"authorization": own})
        await desk.ask()
        asked = [request for request in desk.requests if request.url.endswith("/graphql")]
        assert await asked[-1].header_value("authorization") == own


async def test_a_session_is_renewed_before_its_token_expires(browser: Browser, embedded_server: Server) -> None:
    async with desk_at(browser, embedded_server) as desk:
        await desk.ask()
        await desk.page.clock.install()
        await desk.page.clock.fast_forward("01:00:00")
        async with desk.page.expect_response("**/graphiql/session") as renewed:
            await desk.ask()
        assert (await renewed.value).ok


async def test_a_page_under_another_name_says_why_nobody_is_signed_in_and_asks_as_anybody(
    browser: Browser, embedded_server: Server
) -> None:
    desk = Desk(await browser.new_page())
    try:
        async with desk.page.expect_response("**/graphql"):
            await desk.page.goto(f"{embedded_server.url.replace('127.0.0.1', STRANGE_HOST)}/graphiql")
        wordmark = desk.page.locator(".bookstall-wordmark")
        await expect(wordmark).to_contain_text("name this host in BOOKSTALL_SESSION_HOSTS")
        await expect(desk.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("query")
        assert (await desk.ask())["books"]["nodes"]
        asked = [request for request in desk.requests if request.url.endswith("/graphql")]
        assert [await request.header_value("authorization") for request in asked] == [None] * len(asked)
    finally:
        await desk.page.close()
