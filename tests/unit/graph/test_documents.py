"""Documents are measured before they are validated or executed, however their fragments spread each other."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from graphql import GraphQLSyntaxError, get_introspection_query

from graph.cost import DEEPEST
from graph.documents import MOST_ERRORS, TOKEN_BYTES, Bounds, Documents, Examined, examine
from graph.limits import CACHED_DOCUMENTS_BYTES, NEW_DOCUMENTS_BYTES, Limits
from graph.schema import schema

BOUNDS = Bounds.of(Limits())


def examined(document: str, **limits: Any) -> Examined:
    return examine(schema._schema, document, Bounds.of(Limits(**limits)))


def refusals(document: str, **limits: Any) -> list[dict[str, Any]]:
    """What was found and what the limit is, of each limit that the document is beyond."""
    return [
        {name: value for name, value in (error.extensions or {}).items() if name != "code"}
        for error in examined(document, **limits).errors
    ]


def cost(document: str, **variables: object) -> int:
    (operation,) = examined(document).operations.values()
    return operation.cost(variables)


def spreading(fragments: int, innermost: str) -> str:
    """A document of few bytes in which each fragment spreads the next one twice."""
    chain = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(fragments)]
    return "\n".join(["query Q($n: Int) { ...F0 }", *chain, f"fragment F{fragments} on Query {{ {innermost} }}"])


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("{ " + "a { " * 10 + "b" + " }" * 10 + " }", {"depth": 11, "limit": 10}),
        ("{ " + "a { " * 60 + "b" + " }" * 60 + " }", {"depth": 61, "limit": 10}),
        ("{ me { " + " ".join(f"a{n}: id" for n in range(16)) + " } }", {"aliases": 16, "limit": 15}),
        ("{ " + "me { id } " * 11 + " }", {"rootFields": 11, "limit": 10}),
        ("{ me { id " + "@skip(if: false) " * 21 + "} }", {"directives": 21, "limit": 20}),
        ("{ me { " + "cart { id } " * 32 + "} }", {"repeatedFields": 31, "limit": 30}),
        ("{ me { " + "id " * 311 + "} }", {"repeatedFields": 31, "limit": 30}),
        ('{ __schema { types { name } } __type(name: "A") { name } a: __schema { types { name } } }',
         {"introspections": 3, "limit": 2}),
    ],
)  # fmt: skip
def test_a_document_beyond_a_limit_says_what_was_found(document: str, found: dict[str, int]) -> None:
    assert found in refusals(document)


@pytest.mark.parametrize(
    "document",
    [
        "{ " + "a { " * 9 + "b" + " }" * 9 + " }",
        "{ me { " + " ".join(f"a{n}: id" for n in range(15)) + " } }",
        "{ " + "me { id } " * 10 + " }",
        "{ me { id " + "@skip(if: false) " * 20 + "} }",
        "{ me { " + "cart { id } " * 31 + "} }",
        "{ me { " + "id " * 301 + "} }",
    ],
)
def test_a_document_at_a_limit_is_within_it(document: str) -> None:
    assert not any("limit" in found for found in refusals(document))


def test_names_have_a_bounded_length() -> None:
    name, text = "x" * 64, "x" * 5000
    assert not examined(f'query {name} {{ {name}: books(search: "{text}") {{ nodes {{ isbn }} }} }}').errors
    (error,) = examined(f"{{ me {{\n  x{name}: id }} }}").errors
    assert error.formatted == {
        "message": "A name has at most 64 characters.",
        "locations": [{"line": 2, "column": 3}],
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED", "nameLength": 65, "limit": 64},
    }


def test_what_fragments_spread_counts_wherever_they_are_spread() -> None:
    aliased = (
        "{ me { ...A } other: me { ...A } } fragment A on Viewer { " + " ".join(f"a{n}: id" for n in range(8)) + " }"
    )
    assert {"aliases": 17, "limit": 15} in refusals(aliased)
    deep = "{ me { ...A } } fragment A on Viewer { " + "a { " * 9 + "b" + " }" * 9 + " }"
    assert {"depth": 11, "limit": 10} in refusals(deep)


def test_fragments_that_spread_each_other_are_measured_once() -> None:
    bomb = spreading(22, "books(first: $n) { nodes { isbn } }")
    assert {"rootFields": 2**22, "limit": 10} in refusals(bomb)
    (operation,) = examined(bomb).operations.values()
    assert operation.cost({"n": 10}) == 2**22 * 12
    assert {"rootFields": 2**53 - 1, "limit": 10} in refusals(spreading(80, "me { id }"))


def test_a_chain_that_is_too_long_and_a_circle_of_fragments_are_refused() -> None:
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(DEEPEST))
    (error,) = examined("{ ...F0 } " + chain).errors
    assert (error.extensions or {})["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "Cannot spread fragment" in examined("{ ...A } fragment A on Query { me { id } ...A }").errors[0].message
    with pytest.raises(GraphQLSyntaxError, match="too deeply"):
        examined("{ " + "a { " * 400 + "b" + " }" * 401)


def test_pages_multiply_what_is_on_them() -> None:
    assert cost("{ books(first: 100) { nodes { isbn } } }") == 111
    assert cost("{ books { nodes { isbn } } }") == 23
    assert cost("{ books(first: 10) { nodes { offers(first: 5) { nodes { available } } } } }") == 76
    assert cost("{ books(first: 10) { edges { cursor node { isbn } } pageInfo { hasNextPage } } }") == 25
    assert cost("{ books(first: 99999999999) { nodes { isbn } } }") == 1


def test_variables_are_counted_with_their_values() -> None:
    document = "query Q($n: Int = 50) { books(first: $n) { nodes { offers(first: $n) { nodes { available } } } } }"
    assert cost(document, n=2) == 10
    assert cost(document) == cost(document, n=50) == cost(document, n=50.0) == 2851
    assert cost(document, n=None) == cost(document, n="many") == 481
    assert cost(document, n=-5) == 1


def test_a_page_is_as_large_where_a_fragment_selects_from_it() -> None:
    plain = "{ books(first: 7) { nodes { isbn title } } }"
    spread = (
        "{ books(first: 7) { ...P } } fragment P on BookConnection { nodes { ...B } } fragment B on Book { isbn title }"
    )
    assert cost(plain) == cost(spread)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"descriptions": False},
        {"specified_by_url": True, "directive_is_repeatable": True, "schema_description": True,
         "input_value_deprecation": True},
    ],
)  # fmt: skip
def test_what_graphiql_and_code_generators_ask_is_answered(options: dict[str, bool]) -> None:
    document = get_introspection_query(**options)
    assert not examined(document).errors
    assert cost(document) == 0


def test_of_many_errors_the_first_are_told() -> None:
    errors = examined("{ me { " + " ".join(f"carrt{number}" for number in range(300)) + " } }").errors
    assert len(errors) == MOST_ERRORS + 1
    assert "Cannot query field 'carrt0'" in errors[0].message
    assert "error limit reached" in errors[-1].message


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { types { fields { type { fields { name } } } } } }",
        "{ __schema { types { interfaces { possibleTypes { name } } } } }",
        "{ __schema { types { fields { args { type { ofType { enumValues { name } } } } } } } }",
        '{ __type(name: "Book") { fields { type { ...T } } } } fragment T on __Type { fields { name } }',
    ],
)
def test_introspection_lists_of_types_do_not_lie_in_each_other(document: str) -> None:
    assert refusals(document) == [{"introspectionDepth": 2, "limit": 1}]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("{ __schema { types { fields { name } again: fields { name } } } }", 1),
        ("{ a: __schema { types { name } } b: __schema { types { name } } }", 2),
        ("{ __schema { types { ...T } } } fragment T on __Type { a: name ... on __Type { b: name } }", 2),
    ],
)
def test_introspection_is_answered_once_under_its_own_names(document: str, found: int) -> None:
    assert refusals(document) == [{"introspectionAliases": found, "limit": 0}]


def test_a_server_that_is_not_explorable_tells_no_schema() -> None:
    (error,) = examined("{ ... { ...S } } fragment S on Query { __schema { types { name } } }", explorable=False).errors
    assert "does not tell its schema" in error.message
    assert not examined("{ me { __typename } }", explorable=False).errors


def test_what_comes_again_is_remembered_however_much_is_sent_once() -> None:
    documents = Documents()

    def known(document: str) -> Examined:
        return documents.examined(schema._schema, document, BOUNDS)

    def flood(bytes: int, name: str) -> None:
        large = " ".join(f"query Q{number} {{ me {{ id }} }}" for number in range(115))
        for number in range(bytes // (900 * TOKEN_BYTES) + 1):
            known(f"query {name}{number} {{ me {{ id }} }} {large}")

    asked_for = "query AskedFor { me { id } }"
    first = known(asked_for)
    assert documents.remembered(asked_for, BOUNDS) is first
    flood(NEW_DOCUMENTS_BYTES, "First")
    assert documents.remembered(asked_for, BOUNDS) is None
    second = known(asked_for)
    flood(CACHED_DOCUMENTS_BYTES, "Second")
    assert documents.remembered(asked_for, BOUNDS) is second


def test_a_document_that_is_forgotten_leaves_nothing_for_the_garbage_collector() -> None:
    document = examined("{ me { id } } # with a comment").document
    assert document.loc is not None
    source = weakref.ref(document.loc.source)
    gc.collect()  # what its validation has left
    gc.disable()
    try:
        del document
        assert source() is None
    finally:
        gc.enable()


def test_a_server_that_does_not_tell_its_schema_suggests_nothing_of_it() -> None:
    told, untold = (examined("{ me { ids } }", explorable=explorable).errors[0] for explorable in (True, False))
    assert told.message == "Cannot query field 'ids' on type 'Viewer'. Did you mean 'id'?"
    assert untold.message == "Cannot query field 'ids' on type 'Viewer'."
