"""docs/errors.md is what the code says, and what the code says of errors is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLSchema, build_schema

from graph.catalogue import EXPECTED, OF_CARTS, TOP_LEVEL, errors_page, expected_failures, type_name
from graph.errors import Code
from graph.schema import schema as built
from graph.schema.errors import shown_problems
from tests.graph.paths import leads_into

ROOT = Path(__file__).parents[2]
SPAN = re.compile(r"`([^`]+)`")
REFUSAL = re.compile(r"_?[rR]efused?\((\d{3}), Code\.([A-Z_]+)")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(built.as_str())


def sources() -> str:
    """What can tell clients of errors."""
    files = [*(ROOT / "graph").rglob("*.py"), *(ROOT / "app").rglob("*.py")]
    return "\n".join(file.read_text() for file in sorted(files) if file.name != "catalogue.py")


def test_the_page_is_the_one_that_the_code_writes() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == errors_page(built.as_str())


def test_every_code_has_its_advice(schema: GraphQLSchema) -> None:
    codes = schema.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert sorted(EXPECTED) == sorted(codes.values)
    assert set(TOP_LEVEL) == set(Code)


def test_every_expected_failure_can_come_somewhere(schema: GraphQLSchema) -> None:
    assert [failure.code for failure in expected_failures(schema) if not failure.answered_by] == []


def test_advice_names_what_is_in_the_schema(schema: GraphQLSchema) -> None:
    kinds = [kind for kind in schema.type_map.values() if not kind.name.startswith("__")]
    known = {name for kind in kinds for name in (kind.name, *getattr(kind, "fields", {}))}
    for code, advice in EXPECTED.items():
        assert {part for span in SPAN.findall(advice) for part in span.split(".")} <= known, code


def test_problems_of_carts_are_problems_of_checkouts(schema: GraphQLSchema) -> None:
    problems = {kind.name for kind in schema.type_map["CheckoutProblem"].types}  # pyright: ignore[reportAttributeAccessIssue]
    assert all(those <= problems for those in OF_CARTS.values())


def test_a_refusal_has_the_status_that_is_told() -> None:
    found = {(Code[name], int(status)) for status, name in REFUSAL.findall(sources())}
    assert len(found) >= 8
    assert [(code.name, status) for code, status in sorted(found) if status not in TOP_LEVEL[code].statuses] == []


def test_every_top_level_code_is_told_by_something() -> None:
    said = set(re.findall(r"Code\.([A-Z_]+)", sources()))
    assert {code.name for code in Code} - said == set()


def test_paths_of_problems_lead_into_the_inputs_that_can_have_them(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    paths = {type_name(problem.code): problem.path for problem in shown_problems() if problem.path}
    for failure in expected_failures(schema):
        for place in failure.answered_by if failure.type.name in paths else ():
            if place in schema.mutation_type.fields:
                given = schema.mutation_type.fields[place].args["input"].type.of_type  # pyright: ignore[reportAttributeAccessIssue]
                assert isinstance(given, GraphQLInputObjectType)
                assert leads_into(given, paths[failure.type.name][1:]), (place, failure.code)
