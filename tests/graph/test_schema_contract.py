"""What the schema promises as a whole: it is the committed one, described throughout, and fails in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    parse,
    validate,
)

from domains import orders
from graph.released import broken_promises
from graph.schema import schema
from graph.schema.cart import show_problem
from graph.schema.errors import shown_problems
from kernel.errors import InvalidField, Problem, UnsupportedCurrency
from kernel.money import Money

SNAPSHOT = Path(__file__).parents[2] / "graph" / "schema.graphql"
RELEASED = SNAPSHOT.with_name("schema.released.graphql")


@pytest.fixture(scope="module")
def served() -> GraphQLSchema:
    return build_schema(schema.as_str())


def own_types(served: GraphQLSchema) -> Iterator[Any]:
    standard = {"Int", "Float", "String", "Boolean", "ID"}
    return (kind for name, kind in served.type_map.items() if not name.startswith("__") and name not in standard)


def fields_of(kind: Any) -> dict[str, Any]:
    composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType
    return kind.fields if isinstance(kind, composite) else {}


def test_the_committed_schema_is_the_served_one() -> None:
    assert SNAPSHOT.read_text() == schema.as_str().rstrip() + "\n"


def test_what_the_last_release_has_is_there_still() -> None:
    assert broken_promises(RELEASED.read_text(), schema.as_str()) == []


def test_every_element_is_described(served: GraphQLSchema) -> None:
    undescribed = [kind.name for kind in own_types(served) if not kind.description]
    for kind in own_types(served):
        for name, field in fields_of(kind).items():
            undescribed += [f"{kind.name}.{name}"] if not field.description else []
            arguments = getattr(field, "args", {}).items()
            undescribed += [f"{kind.name}.{name}({given}:)" for given, arg in arguments if not arg.description]
        if isinstance(kind, GraphQLEnumType):
            undescribed += [f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description]
    assert undescribed == []


def test_a_crash_in_one_mutation_cannot_erase_another(served: GraphQLSchema) -> None:
    assert served.mutation_type is not None
    assert [name for name, field in served.mutation_type.fields.items() if isinstance(field.type, GraphQLNonNull)] == []


def test_lists_and_connections_are_never_null(served: GraphQLSchema) -> None:
    composite = (kind for kind in own_types(served) if isinstance(kind, GraphQLObjectType))
    nullable = [
        f"{kind.name}.{name}"
        for kind in composite
        for name, field in kind.fields.items()
        if isinstance(field.type, GraphQLList) or getattr(field.type, "name", "").endswith("Connection")
    ]
    assert [name for name in nullable if not name.endswith(".path")] == []


def test_mutations_answer_with_a_union_whose_failures_are_errors(served: GraphQLSchema) -> None:
    assert served.mutation_type is not None
    error = served.type_map["Error"]
    for name, field in served.mutation_type.fields.items():
        assert isinstance(field.type, GraphQLUnionType), name
        assert any(error not in member.interfaces for member in field.type.types), name
        assert set(field.args) <= {"input"}, name


def test_every_problem_of_every_face_has_a_code(served: GraphQLSchema) -> None:
    codes = served.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert {problem.code for problem in shown_problems()} == set(codes.values)


def test_every_problem_of_a_cart_has_a_type() -> None:
    of_checkouts = (orders.CheckoutInProgress, orders.CheckoutRejected, orders.IdempotencyKeyReused)
    of_orders = (
        orders.OrderNotFound, orders.CannotCancel, orders.CannotRefund, orders.RefundTooHigh, orders.RefundNotFound,
    )  # fmt: skip
    exported = [thing for thing in vars(orders).values() if isinstance(thing, type) and issubclass(thing, Problem)]
    for problem in (*exported, InvalidField, UnsupportedCurrency):
        if problem not in (*of_checkouts, *of_orders):
            assert show_problem(_any(problem)).code == problem.code


def test_a_problem_that_belongs_elsewhere_has_no_type_here() -> None:
    with pytest.raises(TypeError, match="no problem of a cart"):
        show_problem(orders.IdempotencyKeyReused())


def _any(problem: type[Problem]) -> Problem:
    samples = {UUID: uuid4(), int: 1, str: "x", Money: Money(1, "EUR"), datetime: datetime.now(UTC)}
    hints = get_type_hints(problem)
    return problem(**{field.name: samples[hints[field.name]] for field in fields(problem) if field.default is MISSING})


def test_one_document_can_ask_for_the_order_of_every_answer_to_a_checkout() -> None:
    document = """mutation($input: CheckoutInput!) { checkout(input: $input) {
        ... on CheckoutCompleted { order { id } } ... on CheckoutPending { order { id } }
        ... on CheckoutInProgress { order { id } } ... on CheckoutRejected { failedOrder { id } } } }"""
    assert validate(build_schema(schema.as_str()), parse(document)) == []
