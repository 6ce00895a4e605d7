"""Selling through GraphQL: registering, listing, correcting, and every problem with its type, code and path."""

from __future__ import annotations

from domains.sellers import PublishListing
from kernel.books import Grade
from kernel.money import Money
from tests.graph.market import PROBLEM, Client, Market, fresh_isbn, fresh_name

LISTING = f"... on Listing {{ id version withdrawn price {{ amount }} condition location }} {PROBLEM}"


def listing_of(isbn: str, **changes: object) -> dict[str, object]:
    return {
        "isbn": isbn, "condition": "GOOD", "price": {"amount": "9.90", "currency": "EUR"}, "location": "Utrecht",
        "quantity": 3, **changes,
    }  # fmt: skip


async def publish(seller: Client, isbn: str, **changes: object) -> dict:
    rejected = f"... on ListingRejected {{ problems {{ __typename {PROBLEM} ... on TooManyListings {{ limit }} }} }}"
    return await seller.mutate("publishListing", listing_of(isbn, **changes), f"{LISTING} {rejected}")


async def test_a_seller_registers_once(market: Market) -> None:
    applicant, name = market.applicant(), fresh_name("Stall")
    selection = (
        f"... on Seller {{ displayName booksSold }} ... on AlreadyRegistered {{ seller {{ displayName }} }} {PROBLEM}"
    )
    seller = await applicant.mutate("registerSeller", {"displayName": name}, selection)
    assert seller == {"__typename": "Seller", "displayName": name, "booksSold": 0}
    again = await applicant.mutate("registerSeller", {"displayName": name}, selection)
    assert (again["code"], again["seller"]["displayName"]) == ("ALREADY_REGISTERED", name)
    other = await market.applicant().mutate("registerSeller", {"displayName": name}, selection)
    assert (other["code"], other["path"]) == ("DISPLAY_NAME_TAKEN", ["input", "displayName"])
    nameless = await market.applicant().mutate("registerSeller", {"displayName": " "}, selection)
    assert (nameless["code"], nameless["path"]) == ("INVALID_FIELD", ["input", "displayName"])


async def test_everything_wrong_with_a_listing_is_told_at_once(market: Market) -> None:
    isbn = fresh_isbn()
    wrong = isbn[:-1] + str((int(isbn[-1]) + 1) % 10)
    price = {"amount": "-1.00", "currency": "USD"}
    result = await publish(market.applicant(), wrong, price=price, quantity=0)
    assert result["__typename"] == "ListingRejected"
    assert {(problem["code"], tuple(problem["path"] or ())) for problem in result["problems"]} == {
        ("INVALID_FIELD", ("input", "isbn")),
        ("UNSUPPORTED_CURRENCY", ("input", "price", "currency")),
        ("INVALID_FIELD", ("input", "price", "amount")),
        ("INVALID_FIELD", ("input", "quantity")),
        ("NOT_A_SELLER", ()),
    }


async def test_a_book_that_the_catalogue_does_not_know_cannot_be_listed(market: Market) -> None:
    result = await publish(await market.seller(), fresh_isbn())
    assert [(problem["code"], problem["path"]) for problem in result["problems"]] == [
        ("UNKNOWN_BOOK", ["input", "isbn"])
    ]


async def test_a_listing_too_many_of_one_book_is_told_with_the_limit(market: Market) -> None:
    seller, isbn = await market.seller(), await market.book()
    one = PublishListing(
        owner_id=seller.name, isbn=isbn, grade=Grade.GOOD, price=Money(990, "EUR"), location="", quantity=1
    )
    await market.shop.services.sellers.publish_many([one] * 50)
    result = await publish(seller, isbn)
    assert [(problem["code"], problem["path"], problem["limit"]) for problem in result["problems"]] == [
        ("TOO_MANY_LISTINGS", ["input", "isbn"], 50)
    ]


async def test_a_price_with_three_digits_is_an_invalid_field(market: Market) -> None:
    price = {"amount": "9.999", "currency": "EUR"}
    result = await publish(await market.seller(), await market.book(), price=price)
    assert [problem["path"] for problem in result["problems"]] == [["input", "price", "amount"]]


async def test_an_idempotency_key_publishes_one_listing(market: Market) -> None:
    seller, isbn, key = await market.seller(), await market.book(), fresh_name("key")
    first = await publish(seller, isbn, idempotencyKey=key)
    second = await publish(seller, isbn, idempotencyKey=key)
    assert first["id"] == second["id"]
    other = await publish(seller, isbn, idempotencyKey=key, quantity=4)
    assert [problem["code"] for problem in other["problems"]] == ["IDEMPOTENCY_KEY_REUSED"]


async def test_a_listing_is_changed_by_whoever_read_its_latest_version(market: Market) -> None:
    seller = await market.seller()
    listing = await publish(seller, await market.book())
    change = {"listingId": listing["id"], "version": listing["version"], "price": {"amount": "8.00", "currency": "EUR"}}
    changed = await seller.mutate("changeListing", change, LISTING)
    assert (changed["price"]["amount"], changed["version"]) == ("8.00", listing["version"] + 1)
    stale = await seller.mutate("changeListing", change, f"{LISTING} ... on StaleVersion {{ expected current }}")
    assert (stale["code"], stale["expected"], stale["current"]) == ("STALE_VERSION", 1, 2)
    other = await (await market.seller()).mutate("changeListing", change, LISTING)
    assert (other["code"], other["path"]) == ("LISTING_NOT_FOUND", ["input", "listingId"])


async def test_changes_that_cannot_be_are_told_with_their_field(market: Market) -> None:
    seller = await market.seller()
    listing = await publish(seller, await market.book())
    base = {"listingId": listing["id"], "version": listing["version"]}
    for change, code, path in (
        ({"price": {"amount": "8.001", "currency": "EUR"}}, "INVALID_FIELD", ["input", "price", "amount"]),
        ({"price": {"amount": "8.00", "currency": "USD"}}, "UNSUPPORTED_CURRENCY", ["input", "price", "currency"]),
        ({"listingId": "nonsense"}, "INVALID_FIELD", ["input", "listingId"]),
    ):
        result = await seller.mutate("changeListing", {**base, **change}, LISTING)
        assert (result["code"], result["path"]) == (code, path)


async def test_a_withdrawn_listing_stays_withdrawn(market: Market) -> None:
    seller = await market.seller()
    listing = await publish(seller, await market.book())
    edit = {"listingId": listing["id"], "version": listing["version"]}
    withdrawn = await seller.mutate("withdrawListing", edit, LISTING)
    assert withdrawn["withdrawn"] is True
    again = await seller.mutate("withdrawListing", {**edit, "version": withdrawn["version"]}, LISTING)
    assert again["code"] == "LISTING_IS_WITHDRAWN"
    wrong = await seller.mutate("withdrawListing", {**edit, "listingId": "nonsense"}, LISTING)
    assert (wrong["code"], wrong["path"]) == ("INVALID_FIELD", ["input", "listingId"])


async def test_stock_is_corrected_at_the_version_that_was_read(market: Market) -> None:
    seller = await market.seller()
    await market.offer(seller=seller, copies=3)
    document = "{ me { selling { listings { nodes { id onHand stock { onHand held version } } } } } }"
    (listing,) = (await seller.data(document))["me"]["selling"]["listings"]["nodes"]
    selection = f"... on ListingStock {{ onHand available version }} {PROBLEM}"
    given = {"listingId": listing["id"], "onHand": 7, "version": listing["stock"]["version"]}
    adjusted = await seller.mutate("adjustStock", given, selection)
    assert (adjusted["onHand"], adjusted["available"]) == (7, 7)
    stale = await seller.mutate("adjustStock", given, selection)
    assert stale["code"] == "STALE_VERSION"
    absurd = await seller.mutate("adjustStock", {**given, "onHand": -1}, selection)
    assert (absurd["code"], absurd["path"]) == ("INVALID_FIELD", ["input", "onHand"])
    foreign = await (await market.seller()).mutate("adjustStock", given, selection)
    assert foreign["code"] == "LISTING_NOT_FOUND"
    wrong = await seller.mutate("adjustStock", {**given, "listingId": "nonsense"}, selection)
    assert (wrong["code"], wrong["path"]) == ("INVALID_FIELD", ["input", "listingId"])


async def test_selling_needs_the_role(market: Market) -> None:
    document = 'mutation { registerSeller(input: {displayName: "x"}) { __typename } }'
    for client, code in ((market.buyer(), "FORBIDDEN"), (market.stranger(), "UNAUTHENTICATED")):
        answer = await client.ask(document)
        assert answer["data"] == {"registerSeller": None}
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


async def test_a_sale_is_in_the_sellers_books(market: Market, eventually) -> None:
    seller = await market.seller()
    await market.buyer().buy(await market.offer(seller=seller, price="12.50"))
    document = """{ me { selling { statistics { booksSold revenue { amount } } sales { nodes {
      quantity amount { amount } reversed book { title } listing { publishedQuantity } } } } } }"""

    async def sold() -> dict | None:
        desk = (await seller.data(document))["me"]["selling"]
        return desk if desk["statistics"]["booksSold"] else None

    desk = await eventually(sold)
    assert desk["statistics"] == {"booksSold": 1, "revenue": {"amount": "12.50"}}
    assert desk["sales"]["nodes"] == [
        {
            "quantity": 1, "amount": {"amount": "12.50"}, "reversed": False, "book": {"title": "A Book"},
            "listing": {"publishedQuantity": 1},
        }
    ]  # fmt: skip


async def test_the_desk_of_somebody_who_has_not_registered_is_empty(market: Market) -> None:
    lists = "listings { nodes { id } } sales { nodes { id } }"
    document = f"{{ me {{ selling {{ seller {{ id }} email statistics {{ version }} {lists} }} }} }}"
    desk = (await market.applicant().data(document))["me"]["selling"]
    assert desk == {
        "seller": None,
        "email": None,
        "statistics": None,
        "listings": {"nodes": []},
        "sales": {"nodes": []},
    }


async def test_a_sellers_listing_is_nobody_elses_node(market: Market) -> None:
    seller = await market.seller()
    listing = await publish(seller, await market.book())
    document = "query Q($id: ID!) { node(id: $id) { id } }"
    assert (await seller.data(document, id=listing["id"]))["node"] == {"id": listing["id"]}
    assert (await market.buyer().data(document, id=listing["id"]))["node"] is None
    assert (await market.stranger().data(document, id=listing["id"]))["node"] is None
