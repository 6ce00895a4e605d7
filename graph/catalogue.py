"""Every error that a client can be told, with what to do about it; `bookstall errors` writes it as docs/errors.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema, build_schema, get_named_type

from graph.errors import Code

OF_CARTS: Mapping[str, frozenset[str]] = {
    "CartRejected": frozenset({"OfferGone", "OwnBook", "InvalidField"}),
    "Cart": frozenset({"OfferGone", "OwnBook", "PriceChanged", "OutOfStock"}),
}
"""What of the problems of a checkout can be among the `problems` of these: one union tells clients of all."""

EXPECTED: Mapping[str, str] = {
    "ALREADY_REGISTERED": "Go on with the `seller` that it has.",
    "AMOUNT_MISMATCH": "Show the `total`, and check out again when the buyer agrees to it.",
    "BOOK_ALREADY_KNOWN": "Go on with the `book` that it has.",
    "BOOK_REJECTED": "Show each of its `problems` beside its field.",
    "CANNOT_CANCEL": "Show the `message`; offer it where `Order.actions` has CANCEL alone.",
    "CANNOT_REFUND": "Show the `message`: there is nothing to do.",
    "CART_EMPTY": "Show the empty cart.",
    "CART_REJECTED": "Show its `problems`; the cart is as it was.",
    "CHECKOUT_IN_PROGRESS": "Watch its `order` by `orderUpdates`; check out again once that has ended.",
    "CHECKOUT_REJECTED": "Show its `problems` and the `cart`. With a `failedOrder` take a new key for the next try.",
    "COPIES_ARE_HELD": "Keep at least `held` copies, or try again when buyers have paid or given up.",
    "DISPLAY_NAME_TAKEN": "Ask for another name.",
    "IDEMPOTENCY_KEY_REUSED": "A bug of the client: make a new key whenever the request is another one.",
    "INVALID_FIELD": "Show the `message` beside the field that `path` leads to.",
    "LISTING_IS_WITHDRAWN": "Read the listing again; publish a new one to offer more.",
    "LISTING_NOT_FOUND": "Read the viewer's listings again.",
    "LISTING_REJECTED": "Show each of its `problems` beside its field.",
    "NOT_A_SELLER": "Lead the viewer to `registerSeller`.",
    "OFFER_GONE": "Take the line out with `setCartLine`, and show other offers of the book.",
    "ORDER_NOT_FOUND": "Read the orders again.",
    "OUT_OF_STOCK": "Offer to take `available` copies, or one of the `alternatives`.",
    "OWN_BOOK": "Take the line out with `setCartLine`.",
    "PAYMENT_DECLINED": "Ask for another way to pay, and check out again with a new key; [the reasons](payments.md).",
    "PRICE_CHANGED": "Show the `current` price; `setCartLine` with the same quantity accepts it.",
    "REFUND_NOT_FOUND": "Read `failedRefunds` again.",
    "REFUND_TOO_HIGH": "Ask for at most what is `left`.",
    "STALE_VERSION": "Read it again, show what changed, and repeat with the `current` version.",
    "TOO_MANY_LISTINGS": "Raise the quantity of one that is there with `adjustStock`, or withdraw one first.",
    "UNKNOWN_BOOK": "Ask an operator to add the book; one just added takes a moment.",
    "UNSUPPORTED_CURRENCY": "Send amounts in the `supported` currency.",
}
"""What a client does about an expected failure, by its code."""


@dataclass(frozen=True, slots=True)
class TopLevel:
    """When a top-level error comes, with which status beside 200 and on a websocket how, and what a client does."""

    statuses: tuple[int, ...]
    when: str
    advice: str


_FIX = "A bug of the client, which the `message` names: the same request fails again."
_NEW_TOKEN = "Get a new token, and send the request again."  # noqa: S105

TOP_LEVEL: Mapping[Code, TopLevel] = {
    Code.BAD_REQUEST: TopLevel((400,), "The request, the operation or its name is not what it looks like.", _FIX),
    Code.METHOD_NOT_ALLOWED: TopLevel((405,), "It was sent by a method that is not taken: GraphQL takes POST.", _FIX),
    Code.UNSUPPORTED_MEDIA_TYPE: TopLevel((415,), "The body is no JSON in UTF-8, or has a content encoding.", _FIX),
    Code.PAYLOAD_TOO_LARGE: TopLevel((413,), "The body is larger than requests may be.", _FIX),
    Code.GRAPHQL_PARSE_FAILED: TopLevel((400,), "The document is no GraphQL, or has too many tokens.", _FIX),
    Code.GRAPHQL_VALIDATION_FAILED: TopLevel(
        (400,), "The document does not fit the schema, or is beyond a limit, which is in `extensions`.", _FIX
    ),
    Code.BAD_USER_INPUT: TopLevel(
        (400,),
        "A variable, a cursor or a page size cannot be.",
        "Send another value; begin a list whose cursor is refused anew.",
    ),
    Code.UNAUTHENTICATED: TopLevel((401,), "This needs a token, and none was sent.", "Have the viewer sign in."),
    Code.TOKEN_INVALID: TopLevel((401,), "The token is not valid here.", "Have the viewer sign in again."),
    Code.TOKEN_EXPIRED: TopLevel((401,), "The token has expired.", _NEW_TOKEN),
    Code.FORBIDDEN: TopLevel(
        (403,),
        "The token lacks the role that this needs; or a websocket or what is beside GraphQL is not for whoever asks.",
        "Do not offer it to this viewer.",
    ),
    Code.NOT_FOUND: TopLevel(
        (404,),
        "What a subscription is to is not there, or not the viewer's; or there is nothing under the path.",
        "Read the list again that it came from.",
    ),
    Code.RATE_LIMITED: TopLevel(
        (429,),
        "The viewer or the address asked too often, or has too much open at once.",
        "Send it again after the seconds of `Retry-After`.",
    ),
    Code.REQUEST_TIMEOUT: TopLevel((408,), "The request took too long to arrive.", "Send it again."),
    Code.HEADERS_TOO_LARGE: TopLevel((431,), "The headers are too long, or too many.", _FIX),
    Code.TIMEOUT: TopLevel(
        (504,),
        "The operation took too long and was broken off. A checkout goes on by itself.",
        "Ask for less at a time. Send a mutation again with its idempotency key, or ask `checkoutAttempt`.",
    ),
    Code.SERVICE_UNAVAILABLE: TopLevel(
        (503,),
        "A database or the issuer of the token is away, or the server is overrun or has no room for more connections.",
        "Send it again after the seconds of `Retry-After`, a mutation with its idempotency key.",
    ),
    Code.INTERNAL_SERVER_ERROR: TopLevel(
        (500,),
        "A bug of ours. What went wrong stays in the log.",
        "Tell us the `correlationId` of its `extensions`, which is the `X-Request-Id` of the answer: it is in the log.",
    ),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected failure as the schema has it."""

    code: str
    type: GraphQLObjectType
    answered_by: tuple[str, ...]

    @property
    def besides(self) -> list[str]:
        """What it tells beside the fields of `Error`."""
        return [name for name in self.type.fields if name not in ("code", "message", "path")]


def expected_failures(schema: GraphQLSchema) -> Iterator[Expected]:
    """Every expected failure by its code, with the fields that can answer it."""
    codes = schema.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    answers = {place: frozenset(_failures_of(schema, place)) for place in _places(schema)}
    for code in sorted(codes.values):
        kind = schema.type_map[type_name(code)]
        assert isinstance(kind, GraphQLObjectType)
        yield Expected(code, kind, tuple(place for place in answers if kind.name in answers[place]))


def type_name(code: str) -> str:
    """The type of an expected failure is its code in camel case."""
    return code.title().replace("_", "")


def _places(schema: GraphQLSchema) -> Iterator[str]:
    """Mutations and a cart; a mutation without an input has nothing that could be wrong."""
    assert schema.mutation_type is not None
    yield from (name for name, mutation in schema.mutation_type.fields.items() if mutation.args)
    yield "Cart.problems"


def _failures_of(schema: GraphQLSchema, place: str) -> Iterator[str]:
    """The names of the types by which a mutation can fail, those of its `problems` among them."""
    if place == "Cart.problems":
        yield from _problems_of(schema.type_map["Cart"])
        return
    assert schema.mutation_type is not None
    for member in get_named_type(schema.mutation_type.fields[place].type).types:
        if _is_failure(member):
            yield member.name
            yield from _problems_of(member)


def _problems_of(kind: Any) -> Iterator[str]:
    if "problems" in kind.fields:
        for problem in get_named_type(kind.fields["problems"].type).types:
            if problem.name in OF_CARTS.get(kind.name, {problem.name}):
                yield problem.name


def _is_failure(kind: GraphQLObjectType) -> bool:
    return any(interface.name == "Error" for interface in kind.interfaces)


def errors_page(schema_text: str) -> str:
    """docs/errors.md."""
    schema = build_schema(schema_text)
    return PAGE.format(
        expected="\n".join(map(_expected_row, expected_failures(schema))),
        top_level="\n".join(_top_level_row(code, told) for code, told in TOP_LEVEL.items()),
    )


def _expected_row(failure: Expected) -> str:
    cells = (
        f"`{failure.code}`",
        f"`{failure.type.name}`",
        ", ".join(f"`{name}`" for name in failure.besides),
        failure.type.description or "",
        ", ".join(f"`{place}`" for place in failure.answered_by),
        EXPECTED[failure.code],
    )
    return f"| {' | '.join(cells)} |"


def _top_level_row(code: Code, told: TopLevel) -> str:
    statuses = ", ".join(str(status) for status in told.statuses)
    return f"| `{code}` | {statuses} | {told.when} | {told.advice} |"


PAGE = """\
# Errors

Everything that a client can be told, and what to do about it. `bookstall errors` writes this page from
`graph/catalogue.py`.

## Expected failures

They are members of a mutation's result, and never top-level errors. All implement `Error`: `code` is for programs and
never changes, `message` is an English sentence, `path` leads to the argument that is wrong (`["input",
"deliveryAddress", "city"]`) and is null where none is. [graphql.md](graphql.md#errors) shows how to ask for them.
`Cart.problems` tells beforehand what `checkout` would say of the cart; `checkoutAttempt` answers as `checkout` did.

| code | type | fields besides | what happened | where it can come | what to do |
|---|---|---|---|---|---|
{expected}

## Everything else

It is in the top-level `errors`, with the code in `extensions.code`. The status is the one here for a request that was
not executed at all, and 200 otherwise; a document that is not valid has 400 for who accepts
`application/graphql-response+json`, and 200 for others. On a websocket it is an error of the operation;
[the codes](graphql.md#limits) with which a websocket is closed are among the limits. Nothing that went wrong inside
is told: no text of an exception, no statement, no path.

| code | status | what happened | what to do |
|---|---|---|---|
{top_level}
"""
