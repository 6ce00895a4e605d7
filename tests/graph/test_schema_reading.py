"""Reading through GraphQL: ids, pages, books, offers, and what belongs to somebody else."""

from __future__ import annotations

from tests.graph.market import Market, fresh_isbn


async def test_anything_public_is_found_again_by_its_id(market: Market) -> None:
    offer, anybody = await market.offer(), market.stranger()
    document = f'{{ book(isbn: "{offer.isbn}") {{ id offers {{ nodes {{ id seller {{ id }} }} }} }} }}'
    book = (await anybody.data(document))["book"]
    (shown,) = book["offers"]["nodes"]
    for identifier, kind in ((book["id"], "Book"), (shown["id"], "Offer"), (shown["seller"]["id"], "Seller")):
        node = (await anybody.data("query Q($id: ID!) { node(id: $id) { __typename id } }", id=identifier))["node"]
        assert node == {"__typename": kind, "id": identifier}


async def test_an_order_is_its_buyers_alone(market: Market) -> None:
    offer, buyer, other = await market.offer(), market.buyer(), market.buyer()
    order = await buyer.buy(offer)
    document = """query Q($id: ID!, $number: String!) {
      node(id: $id) { id } byId: order(by: {id: $id}) { id } byNumber: order(by: {number: $number}) { id } }"""
    own = await buyer.data(document, id=order["id"], number=order["number"].lower())
    assert own == {"node": {"id": order["id"]}, "byId": {"id": order["id"]}, "byNumber": {"id": order["id"]}}
    foreign = await other.data(document, id=order["id"], number=order["number"])
    assert foreign == {"node": None, "byId": None, "byNumber": None}


async def test_an_order_tells_everything_that_was_bought(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    await buyer.buy(offer)
    document = """{ me { orders(status: PAID) { nodes { total { amount } deliveryAddress { city country line2 }
      lines { isbn title quantity condition total { amount } book { title } seller { displayName } offer { available } }
      timeline { event domain } actions } } } }"""
    (order,) = (await buyer.data(document))["me"]["orders"]["nodes"]
    assert order["deliveryAddress"] == {"city": "Utrecht", "country": "NL", "line2": None}
    assert order["lines"] == [
        {
            "isbn": offer.isbn, "title": "A Book", "quantity": 1, "condition": "GOOD", "total": {"amount": "12.50"},
            "book": {"title": "A Book"}, "seller": {"displayName": f"Stall of {offer.seller}"},
            "offer": {"available": 0},
        }
    ]  # fmt: skip
    assert {"event": "OrderPaid", "domain": "orders"} in order["timeline"]


async def test_what_is_no_id_names_nothing(market: Market) -> None:
    buyer = market.buyer()
    for text in ("", "x", "T3JkZXI6bm90LWEtdXVpZA", "Qm9vazo5", "ümläut"):
        document = "query Q($id: ID!) { node(id: $id) { id } order(by: {id: $id}) { id } seller(id: $id) { id } }"
        assert await buyer.data(document, id=text) == {"node": None, "order": None, "seller": None}


async def test_a_book_is_found_by_either_form_of_its_isbn(market: Market) -> None:
    document = "query Q($isbn: ISBN!) { book(isbn: $isbn) { isbn } }"
    isbn = await market.book()
    with_hyphens = f"{isbn[:3]}-{isbn[3:]}"
    assert (await market.stranger().data(document, isbn=with_hyphens))["book"] == {"isbn": isbn}
    assert (await market.stranger().data(document, isbn="0-306-40615-2"))["book"] is None


async def test_an_isbn_with_a_wrong_check_digit_is_told_apart(market: Market) -> None:
    isbn = fresh_isbn()
    wrong = isbn[:-1] + str((int(isbn[-1]) + 1) % 10)
    by_variable = await market.stranger().ask("query Q($isbn: ISBN!) { book(isbn: $isbn) { isbn } }", isbn=wrong)
    by_literal = await market.stranger().ask(f'{{ book(isbn: "{wrong}") {{ isbn }} }}')
    for answer in (by_variable, by_literal):
        assert "data" not in answer
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert "ISBN" in answer["errors"][0]["message"]


async def test_a_book_that_nobody_offers_has_no_stock(market: Market) -> None:
    isbn = await market.book()
    stock = "stock { total sellers minPrice { amount } version }"
    document = f'{{ book(isbn: "{isbn}") {{ {stock} offers {{ nodes {{ id }} }} }} }}'
    book = (await market.stranger().data(document))["book"]
    assert book["stock"] == {"total": 0, "sellers": 0, "minPrice": None, "version": 0}
    assert book["offers"]["nodes"] == []


async def test_offers_are_cheapest_first_and_come_in_pages(market: Market) -> None:
    isbn = await market.book()
    for price in ("3.00", "1.00", "2.00"):
        await market.offer(isbn=isbn, price=price)
    document = """query Q($isbn: ISBN!, $after: String) { book(isbn: $isbn) { offers(first: 2, after: $after) {
      nodes { price { amount } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    first = (await market.stranger().data(document, isbn=isbn))["book"]["offers"]
    after = first["pageInfo"]["endCursor"]
    second = (await market.stranger().data(document, isbn=isbn, after=after))["book"]["offers"]
    assert [[node["price"]["amount"] for node in page["nodes"]] for page in (first, second)] == [
        ["1.00", "2.00"],
        ["3.00"],
    ]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)


async def test_offers_are_filtered_by_condition(market: Market) -> None:
    offer = await market.offer()
    document = (
        "query Q($isbn: ISBN!, $in: [Condition!]) { book(isbn: $isbn) { offers(condition: $in) { nodes { id } } } }"
    )
    good = await market.stranger().data(document, isbn=offer.isbn, **{"in": ["GOOD"]})
    assert good["book"]["offers"]["nodes"] == [{"id": offer.id}]
    new = await market.stranger().data(document, isbn=offer.isbn, **{"in": ["NEW"]})
    assert new["book"]["offers"]["nodes"] == []


async def test_books_are_searched_and_paged(market: Market) -> None:
    isbns = {await market.book(f"Zanzibarian Tales {volume}") for volume in range(3)}
    document = """query Q($after: String) { books(search: "zanzibarian", first: 2, after: $after, orderBy: TITLE) {
      edges { cursor node { isbn } } pageInfo { hasNextPage endCursor } } }"""
    first = (await market.stranger().data(document))["books"]
    second = (await market.stranger().data(document, after=first["pageInfo"]["endCursor"]))["books"]
    assert {edge["node"]["isbn"] for page in (first, second) for edge in page["edges"]} == isbns
    assert first["edges"][-1]["cursor"] == first["pageInfo"]["endCursor"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


async def test_pages_that_cannot_be_are_bad_input(market: Market) -> None:
    for arguments in ("first: 0", "first: 101", "first: -1", 'after: "nonsense"', 'after: "WzFd"'):
        answer = await market.stranger().ask(f"{{ books({arguments}) {{ nodes {{ isbn }} }} }}")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"], arguments


async def test_a_lookup_takes_exactly_one_key(market: Market) -> None:
    document = '{ order(by: {id: "x", number: "y"}) { id } }'
    answer = await market.buyer().ask(document)
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    answer = await market.buyer().ask("query Q($by: OrderLookup!) { order(by: $by) { id } }", by={})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_the_token_says_is_who_the_viewer_is(market: Market) -> None:
    seller = await market.seller()
    viewer = (await seller.data("{ me { email roles operating { __typename } selling { seller { displayName } } } }"))[
        "me"
    ]
    assert viewer == {
        "email": f"{seller.name}@example.org",
        "roles": ["BUYER", "SELLER"],
        "operating": None,
        "selling": {"seller": {"displayName": f"Stall of {seller.name}"}},
    }
