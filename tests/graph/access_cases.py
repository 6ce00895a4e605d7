"""Every door of the schema, and what each of six people finds behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.nodes import encode_id
from kernel.pages import encode_cursor
from tests.graph.access_world import ACTORS, Ids, World
from tests.graph.market import fresh_isbn

SEEN = "seen"
UNSEEN = "unseen"
ANSWERED = "answered"
NULL = "null"
ANONYMOUS = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
NOT_FOUND = "NOT_FOUND"

Variables = Callable[[World, Ids], Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """A question with a field's name in front, and what becomes of it for whom.

    With a `mark` an answer is seen where it has that text in it; that is what must not be shown to others.
    """

    name: str
    document: str
    expected: Mapping[str, str]
    variables: Variables = field(default=lambda world, ids: {})
    mark: Callable[[World], str] | None = None

    @property
    def coordinate(self) -> str:
        """The type and field that it asks for."""
        return self.name.split()[0]


def all_(outcome: str) -> dict[str, str]:
    return dict.fromkeys(ACTORS, outcome)


def signed_in(outcome: str, **others: str) -> dict[str, str]:
    return {**all_(outcome), "nobody": ANONYMOUS, **others}


def buyers(outcome: str = SEEN, others: str = NULL, **named: str) -> dict[str, str]:
    return signed_in(others, buyer=outcome, **named)


def sellers(outcome: str, other: str, without: str = FORBIDDEN) -> dict[str, str]:
    return signed_in(without, seller=outcome, other_seller=other)


def operators(outcome: str, others: str = FORBIDDEN) -> dict[str, str]:
    return signed_in(others, operator=outcome)


def one_id(name: str) -> Variables:
    return lambda world, ids: {"id": getattr(ids, name)}


def _input(made: Callable[[World, Ids], Mapping[str, Any]]) -> Variables:
    return lambda world, ids: {"input": made(world, ids)}


def mutation(name: str, expected: Mapping[str, str], made: Variables, selection: str = "", mark: str = "") -> Case:
    kind = f"{name[0].upper()}{name[1:]}Input"
    document = f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ __typename {selection} }} }}"
    return Case(f"Mutation.{name}", document, expected, _input(made), (lambda world: mark) if mark else None)


def node(kind: str, key: Callable[[World, Ids], str], expected: Mapping[str, str]) -> Case:
    document = "query Q($id: ID!) { node(id: $id) { __typename id } }"
    return Case(f"Query.node {kind}", document, expected, lambda world, ids: {"id": key(world, ids)}, lambda _: kind)


def viewers(name: str, selection: str, mark: Callable[[World], str] | None = None) -> Case:
    expected = buyers(SEEN, UNSEEN) if mark else signed_in(ANSWERED)
    return Case(f"Viewer.{name}", f"{{ me {{ {name} {selection} }} }}", expected, mark=mark)


def stalls(name: str, selection: str, mark: Callable[[World], str]) -> Case:
    expected = sellers(SEEN, UNSEEN, NULL)
    return Case(f"SellerDesk.{name}", f"{{ me {{ selling {{ {name} {selection} }} }} }}", expected, mark=mark)


def desks(name: str, selection: str) -> Case:
    document = f"{{ me {{ operating {{ {name} {selection} }} }} }}"
    return Case(f"OperatorDesk.{name}", document, operators(ANSWERED, NULL))


def live(name: str, selection: str, expected: Mapping[str, str], **more: Any) -> Case:
    declared, given = more.pop("arguments", ("", ""))
    return Case(f"Subscription.{name}", f"subscription S{declared} {{ {name}{given} {selection} }}", expected, **more)


def _listing(name: str, versioned: str, **changes: Any) -> Variables:
    def made(world: World, ids: Ids) -> Mapping[str, Any]:
        real = getattr(world.ids, name)
        return {"listingId": getattr(ids, name), "version": world.versions[real][versioned], **changes}

    return made


def _viewer_id(world: World) -> str:
    return encode_id("Viewer", world.people["buyer"].name)


_ORDER = "{ id number deliveryAddress { line1 } lines { id } timeline { event } refunds { id } }"
_ATTEMPT = f"""query Q($key: ID!) {{ checkoutAttempt(idempotencyKey: $key) {{
  ... on CheckoutCompleted {{ order {_ORDER} }} }} }}"""
_ANY_ORDER = f"query Q($id: ID!) {{ me {{ operating {{ order(by: {{id: $id}}) {_ORDER} }} }} }}"
_BY_NUMBER = f"query Q($number: String!) {{ order(by: {{number: $number}}) {_ORDER} }}"

QUERIES = (
    Case("Query.me", "{ me { id } }", buyers(SEEN, UNSEEN), mark=_viewer_id),
    node("Book", lambda world, ids: encode_id("Book", world.offer.isbn), all_(SEEN)),
    node("Offer", lambda world, ids: world.offer.id, all_(SEEN)),
    node("Seller", lambda world, ids: world.seller_id, all_(SEEN)),
    node("Order", lambda world, ids: ids.order, {**all_(NULL), "buyer": SEEN}),
    node("Notification", lambda world, ids: ids.message, {**all_(NULL), "buyer": SEEN}),
    node("Listing", lambda world, ids: ids.listing, {**all_(NULL), "seller": SEEN}),
    node("OrderLine", lambda world, ids: ids.order_line, all_(NULL)),
    node("Refund", lambda world, ids: ids.refund, all_(NULL)),
    node("Sale", lambda world, ids: ids.sale, all_(NULL)),
    node("Viewer", lambda world, ids: _viewer_id(world), all_(NULL)),
    Case(
        "Query.book",
        "query Q($isbn: ISBN!) { book(isbn: $isbn) { isbn } }",
        all_(ANSWERED),
        lambda world, ids: {"isbn": world.book},
    ),
    Case("Query.books", "{ books(first: 1) { nodes { isbn } } }", all_(ANSWERED)),
    Case(
        "Query.seller",
        "query Q($id: ID!) { seller(id: $id) { displayName } }",
        all_(ANSWERED),
        lambda world, ids: {"id": world.seller_id},
    ),
    Case(
        "Query.order by id",
        f"query Q($id: ID!) {{ order(by: {{id: $id}}) {_ORDER} }}",
        buyers(),
        one_id("order"),
        lambda world: world.ids.order,
    ),
    Case(
        "Query.order by number",
        _BY_NUMBER,
        buyers(),
        lambda world, ids: {"number": ids.order_number},
        lambda world: world.ids.order,
    ),
    Case(
        "Query.checkoutAttempt", _ATTEMPT, buyers(), lambda world, ids: {"key": ids.key}, lambda world: world.ids.order
    ),
)

DESKS = (
    viewers("id", "", _viewer_id),
    viewers("email", "", lambda world: f"{world.people['buyer'].name}@example.org"),
    viewers("roles", ""),
    viewers("cart", "{ id lines { offerId quantity } }", lambda world: world.offer.id),
    viewers("orders", f"{{ nodes {_ORDER} }}", lambda world: world.ids.order),
    viewers("notifications", "{ nodes { id subject order { id } } }", lambda world: world.ids.message),
    viewers("unreadNotifications", ""),
    viewers("preferences", "{ kind channel enabled }", lambda world: '"enabled": false'),
    Case("Viewer.selling", "{ me { selling { __typename } } }", sellers(ANSWERED, ANSWERED, NULL)),
    Case("Viewer.operating", "{ me { operating { __typename } } }", operators(ANSWERED, NULL)),
    stalls("seller", "{ id }", lambda world: world.seller_id),
    stalls("email", "", lambda world: f"{world.people['seller'].name}@example.org"),
    stalls("statistics", "{ booksSold revenue { amount } }", lambda world: '"booksSold": 3'),
    stalls("listings", "{ nodes { id onHand stock { held } } }", lambda world: world.ids.listing),
    stalls("sales", "{ nodes { id amount { amount } listing { id } } }", lambda world: world.ids.sale),
    desks("deadLetters", "{ nodes { id body } }"),
    desks("stuckOrders", f"{{ nodes {{ order {_ORDER} }} }}"),
    desks("stockCheck", "{ checked }"),
    desks("failedRefunds", "{ nodes { id } }"),
    desks("outboxLag", "{ domain waiting }"),
    Case("OperatorDesk.order", _ANY_ORDER, operators(SEEN, NULL), one_id("order"), lambda world: world.ids.order),
)

_UNKNOWN = ["orders/01900000-0000-7000-8000-000000000000"]
_BOUGHT = """... on CheckoutCompleted { replayed order { id } }
  ... on CheckoutRejected { failedOrder { id } cart { total { amount } } }"""
_EURO = {"amount": "1.00", "currency": "EUR"}
_LISTING = "... on Listing { id } ... on Error { code message path }"

MUTATIONS = (
    mutation("addToCart", signed_in("Cart", seller="CartRejected"), lambda world, ids: {"offerId": world.offer.id}),
    mutation(
        "setCartLine",
        signed_in("Cart", seller="CartRejected"),
        lambda world, ids: {"offerId": world.offer.id, "quantity": 3},
    ),
    mutation(
        "checkout",
        signed_in("CheckoutRejected unseen", buyer="CheckoutCompleted seen"),
        lambda world, ids: {**world.purchase, "idempotencyKey": ids.key},
        _BOUGHT,
        '"replayed": true',
    ),
    mutation(
        "cancelOrder",
        signed_in("OrderNotFound", buyer="OrderCancelled", operator="OrderCancelled"),
        lambda world, ids: {"orderId": ids.order_to_cancel, "reason": "changed my mind"},
        "... on Error { code message path }",
    ),
    mutation(
        "refundOrder",
        operators("RefundRequested"),
        lambda world, ids: {
            "orderId": ids.order_to_refund,
            "idempotencyKey": "matrix",
            "reason": "a stain",
            "amount": _EURO,
        },
    ),
    mutation("retryRefund", operators("RefundRequested"), lambda world, ids: {"refundId": ids.refund}),
    mutation(
        "markNotificationsRead",
        buyers("NotificationsMarkedRead seen", "NotificationsMarkedRead unseen"),
        lambda world, ids: {"ids": [ids.message]},
        "... on NotificationsMarkedRead { marked }",
        '"marked": 1',
    ),
    mutation(
        "setNotificationPreference",
        signed_in("NotificationPreferences"),
        lambda world, ids: {"kind": "ORDER_REFUNDED", "channel": "MAIL", "enabled": True},
    ),
    mutation(
        "registerSeller",
        sellers("AlreadyRegistered", "AlreadyRegistered"),
        lambda world, ids: {"displayName": "Another Stall"},
    ),
    mutation(
        "publishListing",
        sellers("Listing", "Listing"),
        lambda world, ids: {"isbn": world.book, "condition": "GOOD", "price": _EURO},
    ),
    mutation(
        "changeListing",
        sellers("Listing", "ListingNotFound"),
        _listing("listing_to_change", "listing", location="Delft"),
        _LISTING,
    ),
    mutation(
        "withdrawListing", sellers("Listing", "ListingNotFound"), _listing("listing_to_withdraw", "listing"), _LISTING
    ),
    mutation(
        "adjustStock",
        sellers("ListingStock", "ListingNotFound"),
        _listing("listing_to_adjust", "stock", onHand=4),
        "... on Error { code message path }",
    ),
    mutation(
        "addBook",
        operators("Book"),
        lambda world, ids: {"isbn": fresh_isbn(), "title": "A Tale", "authors": ["Nora Writer"]},
    ),
    mutation("replayDeadLetters", operators("DeadLettersReplayed"), lambda world, ids: {"ids": _UNKNOWN}),
    mutation(
        "discardDeadLetters",
        operators("DeadLettersDiscarded"),
        lambda world, ids: {"ids": _UNKNOWN, "note": "of no use"},
    ),
    Case("Mutation.clearCart", "mutation { clearCart { __typename } }", signed_in("Cart")),
)

SUBSCRIPTIONS = (
    live(
        "orderUpdates",
        f"{{ version order {_ORDER} }}",
        buyers(SEEN, NOT_FOUND),
        arguments=("($id: ID!)", "(orderId: $id)"),
        variables=one_id("order"),
        mark=lambda world: world.ids.order,
    ),
    live("myOrders", f"{{ version order {_ORDER} }}", buyers(SEEN, UNSEEN), mark=lambda world: world.ids.order),
    live(
        "stockUpdates",
        "{ version stock { total } }",
        all_(ANSWERED),
        arguments=("($isbns: [ISBN!]!)", "(isbns: $isbns)"),
        variables=lambda world, ids: {"isbns": [world.offer.isbn]},
    ),
    live(
        "notifications",
        "{ version notification { id subject } }",
        buyers(SEEN, UNSEEN),
        arguments=("($after: String)", "(after: $after)"),
        variables=lambda world, ids: {"after": encode_cursor(0)},
        mark=lambda world: world.ids.message,
    ),
    live(
        "sales", "{ version desk { sales { nodes { id } } } }", sellers(SEEN, UNSEEN), mark=lambda world: world.ids.sale
    ),
)

CASES = (*QUERIES, *DESKS, *MUTATIONS, *SUBSCRIPTIONS)
