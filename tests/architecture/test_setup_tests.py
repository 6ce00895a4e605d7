"""What holds for every test: it neither sleeps nor patches nor skips, and its name is a sentence."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FEWEST_WORDS = 4
SLEEPS = {"sleep", "sleep_until", "sleep_forever"}
PATCHES = {"setattr", "delattr", "setitem", "delitem"}
SKIPS = {"skip", "skipif", "xfail", "importorskip"}
MOCKS = {"mock", "unittest.mock", "pytest_mock"}


def offences(source: str) -> list[str]:
    """Return what in a test file's source sleeps, patches or skips, as `line: offence`."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.expr | ast.stmt))
    return [f"{node.lineno}: {offence}" for node in nodes for offence in _offences(node)]


def _offences(node: ast.expr | ast.stmt) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in SLEEPS:
            yield "sleeps"
        case ast.Attribute(value=ast.Name(id="monkeypatch"), attr=name) if name in PATCHES:
            yield "patches"
        case ast.Attribute(value=ast.Name(id="pytest" | "mark") | ast.Attribute(attr="mark"), attr=name) if (
            name in SKIPS
        ):
            yield "skips"
        case ast.Import(names=names) if any(alias.name in MOCKS for alias in names):
            yield "patches"
        case ast.ImportFrom(module=module, names=names):
            imported = {alias.name for alias in names}
            if module in MOCKS or (module == "unittest" and "mock" in imported):
                yield "patches"
            if module == "pytest" and imported & SKIPS:
                yield "skips"


def short_names(source: str) -> list[str]:
    """Return the names of the tests in `source` that are no sentence."""
    functions = (
        node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [name for name in functions if name.startswith("test_") and len(name.split("_")) <= FEWEST_WORDS]


def test_no_test_sleeps_or_patches_or_skips() -> None:
    found = {str(path.relative_to(TESTS)): offences(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_name_of_every_test_is_a_sentence() -> None:
    found = {str(path.relative_to(TESTS)): short_names(path.read_text()) for path in TESTS.rglob("test_*.py")}
    assert {name: tests for name, tests in found.items() if tests} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("time.sleep(1)", ["1: sleeps"]),
        ("async def test():\n    await asyncio.sleep(0)", ["2: sleeps"]),
        ("from time import sleep\nsleep(1)", ["2: sleeps"]),
        ("monkeypatch.setattr(shop, 'clock', None)", ["1: patches"]),
        ("import unittest.mock", ["1: patches"]),
        ("from unittest.mock import patch", ["1: patches"]),
        ("from unittest import mock", ["1: patches"]),
        ("pytest.skip('later')", ["1: skips"]),
        ("@pytest.mark.skipif(True)\ndef test(): ...", ["1: skips"]),
        ("@pytest.mark.xfail\ndef test(): ...", ["1: skips"]),
        ("from pytest import importorskip", ["1: skips"]),
    ],
)
def test_what_sleeps_or_patches_or_skips_is_found(source: str, found: list[str]) -> None:
    assert offences(source) == found


@pytest.mark.parametrize("source", ["await eventually(order_is_paid)", "monkeypatch.setenv('CI', '1')", "sleep = 1"])
def test_polling_and_settings_are_no_offence(source: str) -> None:
    assert offences(source) == []


def test_a_name_of_three_words_is_no_sentence() -> None:
    assert short_names("def test_checkout_works_well(): ...\ndef test_an_empty_cart_is_refused(): ...") == [
        "test_checkout_works_well"
    ]
