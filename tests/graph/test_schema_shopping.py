"""Buying through GraphQL: the way that works, and every problem with its type, code and path."""

from __future__ import annotations

from tests.graph.market import ADDRESS, PROBLEM, Market, fresh_name


def codes(result: dict) -> list[str]:
    return [problem["code"] for problem in result["problems"]]


async def test_a_buyer_fills_a_cart_and_pays_for_it(market: Market) -> None:
    offer, buyer = await market.offer(price="12.50"), market.buyer()
    cart = await buyer.add_to_cart(offer)
    assert (cart["__typename"], cart["total"]["amount"], cart["problems"]) == ("Cart", "12.50", [])
    bought = await buyer.check_out("12.50")
    assert (bought["__typename"], bought["order"]["status"], bought["replayed"]) == ("CheckoutCompleted", "PAID", False)


async def test_the_same_key_answers_the_same_order(market: Market) -> None:
    offer, buyer, key = await market.offer(copies=2), market.buyer(), fresh_name("key")
    await buyer.add_to_cart(offer)
    first = await buyer.check_out("12.50", idempotencyKey=key)
    second = await buyer.check_out("12.50", idempotencyKey=key)
    assert second["order"]["id"] == first["order"]["id"]
    assert second["replayed"] is True


async def test_the_same_key_for_another_purchase_is_refused(market: Market) -> None:
    offer, buyer, key = await market.offer(copies=2), market.buyer(), fresh_name("key")
    await buyer.add_to_cart(offer)
    await buyer.check_out("12.50", idempotencyKey=key)
    result = await buyer.check_out("13.50", idempotencyKey=key)
    assert (result["__typename"], result["code"]) == ("IdempotencyKeyReused", "IDEMPOTENCY_KEY_REUSED")
    assert result["path"] == ["input", "idempotencyKey"]


async def test_a_lost_answer_can_be_asked_for_again(market: Market) -> None:
    offer, buyer, key = await market.offer(), market.buyer(), fresh_name("key")
    await buyer.add_to_cart(offer)
    bought = await buyer.check_out("12.50", idempotencyKey=key)
    document = (
        "query Q($key: ID!) { checkoutAttempt(idempotencyKey: $key) { ... on CheckoutCompleted { order { id } } } }"
    )
    again = await buyer.data(document, key=key)
    assert again["checkoutAttempt"]["order"]["id"] == bought["order"]["id"]
    assert (await market.buyer().data(document, key=key))["checkoutAttempt"] is None


async def test_an_empty_cart_cannot_be_bought(market: Market) -> None:
    result = await market.buyer().check_out("0.00")
    assert result["__typename"] == "CheckoutRejected"
    assert "CART_EMPTY" in codes(result)
    assert result["failedOrder"] is None


async def test_all_problems_of_a_checkout_come_in_one_answer(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    await buyer.add_to_cart(offer)
    result = await buyer.check_out("1.00", deliveryAddress={"name": "", "country": "XX"})
    paths = {tuple(problem["path"]) for problem in result["problems"] if problem["__typename"] == "InvalidField"}
    address = ("input", "deliveryAddress")
    assert paths == {(*address, part) for part in ("name", "line1", "postalCode", "city", "country")}
    assert "AMOUNT_MISMATCH" in codes(result)


async def test_an_amount_other_than_the_total_is_told_with_both(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    await buyer.add_to_cart(offer)
    document = """mutation M($input: CheckoutInput!) { checkout(input: $input) { ... on CheckoutRejected {
      problems { ... on AmountMismatch { path agreed { amount } total { minorUnits } } } } } }"""
    given = {"amount": "12.49", "currency": "EUR"}
    whole = {"idempotencyKey": fresh_name("key"), "deliveryAddress": ADDRESS, "amount": given}
    problems = (await buyer.data(document, input=whole))["checkout"]["problems"]
    assert problems == [{"path": ["input", "amount"], "agreed": {"amount": "12.49"}, "total": {"minorUnits": 1250}}]


async def test_an_amount_with_three_digits_is_an_invalid_field(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    await buyer.add_to_cart(offer)
    result = await buyer.check_out("12.505")
    assert [problem["path"] for problem in result["problems"]] == [["input", "amount", "amount"]]
    assert len(result["cart"]["lines"]) == 1


async def test_a_refused_card_is_told_and_the_cart_stays(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    await buyer.add_to_cart(offer)
    result = await buyer.check_out("12.50", paymentMethod="card-declined")
    assert codes(result) == ["PAYMENT_DECLINED"]
    assert result["failedOrder"]["status"] == "PAYMENT_FAILED"
    assert len(result["cart"]["lines"]) == 1


async def test_more_copies_than_there_are_come_with_alternatives(market: Market) -> None:
    isbn = await market.book()
    short, other = await market.offer(isbn=isbn), await market.offer(isbn=isbn, price="20.00")
    buyer = market.buyer()
    await buyer.add_to_cart(short, quantity=2)
    document = """{ me { cart { problems { __typename ... on OutOfStock {
      code wanted available offer { id } alternatives { id } } } } } }"""
    (problem,) = (await buyer.data(document))["me"]["cart"]["problems"]
    assert problem == {
        "__typename": "OutOfStock", "code": "OUT_OF_STOCK", "wanted": 2, "available": 1,
        "offer": {"id": short.id}, "alternatives": [{"id": other.id}],
    }  # fmt: skip


async def test_nobody_buys_their_own_book(market: Market) -> None:
    seller = await market.seller()
    offer = await market.offer(seller=seller)
    result = await seller.add_to_cart(offer)
    assert (result["__typename"], codes(result)) == ("CartRejected", ["OWN_BOOK"])


async def test_an_offer_that_does_not_exist_is_gone(market: Market) -> None:
    unknown = "T2ZmZXI6MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw"
    result = await market.buyer().mutate(
        "addToCart", {"offerId": unknown}, "... on CartRejected { problems { ... on OfferGone { code offerId } } }"
    )
    assert result["problems"] == [{"code": "OFFER_GONE", "offerId": unknown}]


async def test_text_that_is_no_offer_id_is_an_invalid_field(market: Market) -> None:
    offer = await market.offer()
    book = (await market.stranger().data(f'{{ book(isbn: "{offer.isbn}") {{ id }} }}'))["book"]["id"]
    for wrong in ("paste the offer's id here", book, ""):
        for field in ("addToCart", "setCartLine"):
            given = {"offerId": wrong, "quantity": 1}
            result = await market.buyer().mutate(field, given, f"... on CartRejected {{ problems {{ {PROBLEM} }} }}")
            (problem,) = result["problems"]
            assert (problem["code"], problem["path"]) == ("INVALID_FIELD", ["input", "offerId"])


async def test_quantities_that_cannot_be_are_invalid_fields(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    for quantity in (0, -1, 1_000_000):
        result = await buyer.add_to_cart(offer, quantity)
        assert [problem["path"] for problem in result["problems"]] == [["input", "quantity"]]


async def test_a_line_is_set_and_taken_out(market: Market) -> None:
    offer, buyer = await market.offer(copies=5), market.buyer()
    selection = "... on Cart { lines { quantity offerId total { amount } } }"
    cart = await buyer.mutate("setCartLine", {"offerId": offer.id, "quantity": 3}, selection)
    assert cart["lines"] == [{"quantity": 3, "offerId": offer.id, "total": {"amount": "37.50"}}]
    cart = await buyer.mutate("setCartLine", {"offerId": offer.id, "quantity": 0}, selection)
    assert cart["lines"] == []


async def test_a_cart_is_cleared(market: Market) -> None:
    offer, buyer = await market.offer(), market.buyer()
    await buyer.add_to_cart(offer)
    cleared = await buyer.data("mutation { clearCart { ... on Cart { lines { quantity } } } }")
    assert cleared["clearCart"]["lines"] == []


async def test_a_crash_in_one_mutation_does_not_erase_its_sibling(market: Market) -> None:
    document = 'mutation { clearCart { __typename } addBook(input: {isbn: "", title: "", authors: []}) { __typename } }'
    answer = await market.buyer().ask(document)
    assert answer["data"] == {"clearCart": {"__typename": "Cart"}, "addBook": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
