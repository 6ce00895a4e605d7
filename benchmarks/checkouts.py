"""How many checkouts a second a running server answers: `python -m benchmarks.checkouts --url URL --data DIR`.

Buyers go round: add one copy to the cart, check out. Figures are good as ratios within one run on one machine: start
the server with `bookstall run --no-samples` in an empty data folder, and name the interpreter.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
import typer

from domains.catalog import read_sample_books
from graph.auth import EmbeddedIssuer

ADDRESS = {"name": "A Buyer", "line1": "1 Canal Street", "postalCode": "3511 AB", "city": "Utrecht", "country": "NL"}
PRICE = {"amount": "5.00", "currency": "EUR"}
BOOKS = 32
COPIES = 10_000

ADD_BOOK = "mutation($input: AddBookInput!) { addBook(input: $input) { __typename } }"
REGISTER = "mutation($input: RegisterSellerInput!) { registerSeller(input: $input) { __typename } }"
PUBLISH = """mutation($input: PublishListingInput!) {
  publishListing(input: $input) { ... on Listing { offer { id } } ... on ListingRejected { problems { __typename } } }
}"""
OFFERS = "query($isbn: ISBN!) { book(isbn: $isbn) { offers(first: 100) { nodes { id } } } }"
ADD = """mutation Add($input: AddToCartInput!) {
  addToCart(input: $input) { ... on Cart { total { amount currency } } ... on Error { message } }
}"""
CHECKOUT = """mutation Checkout($input: CheckoutInput!) {
  checkout(input: $input) {
    ... on CheckoutCompleted { order { id number status total { amount currency } } }
    ... on Error { code message }
  }
}"""


class Server:
    """Asks the server as anybody does."""

    def __init__(self, url: str, data: Path) -> None:
        self._issuer = EmbeddedIssuer(data)
        self._http = httpx.AsyncClient(base_url=url, timeout=30, limits=httpx.Limits(max_connections=256))

    async def ask(self, name: str, role: str, document: str, **variables: object) -> dict:
        """The data of the answer."""
        headers = {"Authorization": f"Bearer {self._issuer.issue(name, role)}"}
        answer = await self._http.post("/graphql", headers=headers, json={"query": document, "variables": variables})
        body = answer.json()
        if body.get("errors"):
            raise SystemExit(json.dumps(body["errors"][0]))
        return body["data"]


async def measure(url: str, data: Path, buyers: int, rounds: int) -> None:
    """Stocks the shelf, plays all rounds, prints one line."""
    server = Server(url, data)
    offers = await _stocked(server)
    run = uuid4().hex[:8]
    times: list[float] = []

    async def buyer(number: int) -> None:
        name = f"bench-{run}-{number}"
        for _ in range(rounds):
            offer = offers[number % len(offers)]
            cart = await server.ask(name, "buyer", ADD, input={"offerId": offer, "quantity": 1})
            request = {
                "idempotencyKey": uuid4().hex, "deliveryAddress": ADDRESS, "amount": cart["addToCart"]["total"],
            }  # fmt: skip
            began = time.perf_counter()
            answer = await server.ask(name, "buyer", CHECKOUT, input=request)
            times.append(time.perf_counter() - began)
            if answer["checkout"].get("order", {}).get("status") != "PAID":
                raise SystemExit(json.dumps(answer))

    began = time.perf_counter()
    await asyncio.gather(*(buyer(number) for number in range(buyers)))
    seconds = time.perf_counter() - began
    cuts = statistics.quantiles(times, n=100)
    print(
        f"{len(times)} checkouts by {buyers} buyers: {len(times) / seconds:.0f} carts and checkouts a second, "
        f"a checkout took {cuts[49] * 1000:.0f} ms (p50), {cuts[98] * 1000:.0f} ms (p99); {sys.version.split()[0]}"
    )


async def _stocked(server: Server) -> list[str]:
    """An offer with plenty of copies of each of the first books."""
    books = read_sample_books(BOOKS)
    await server.ask("bench-seller", "seller", REGISTER, input={"displayName": "Bench"})
    for book in books:
        added = {"isbn": book.isbn, "title": book.title, "authors": list(book.authors)}
        await server.ask("operator", "operator", ADD_BOOK, input=added)
    return [await _published(server, book.isbn) for book in books]


async def _published(server: Server, isbn: str) -> str:
    listing = {
        "isbn": isbn, "condition": "GOOD", "price": PRICE, "location": "Utrecht", "quantity": COPIES,
        "idempotencyKey": f"bench-{isbn}",
    }  # fmt: skip
    async with asyncio.timeout(30):
        while True:
            await server.ask("bench-seller", "seller", PUBLISH, input=listing)
            book = (await server.ask("operator", "operator", OFFERS, isbn=isbn))["book"]
            if book["offers"]["nodes"]:
                return book["offers"]["nodes"][0]["id"]


def main(
    url: str = "http://127.0.0.1:8000", data: Path = Path(".bookstall"), buyers: int = 32, rounds: int = 20
) -> None:
    """Measures a running server."""
    try:
        asyncio.run(measure(url, data, buyers, rounds))
    except httpx.ConnectError:
        raise SystemExit(f"no server answers at {url}: start one with `bookstall run --no-samples`") from None


if __name__ == "__main__":
    typer.run(main)
