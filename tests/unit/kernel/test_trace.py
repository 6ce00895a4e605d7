"""What counts as a trace context, and what a log line says of it."""

from __future__ import annotations

import pytest

from kernel.logging import correlated, traceparent
from kernel.trace import parse_traceparent, trace_id

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize("given", [GIVEN, f"cc-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-what-comes-later"])
def test_a_trace_context_is_read_and_given_on_as_of_the_first_version(given: str) -> None:
    assert parse_traceparent(given) == GIVEN
    assert trace_id(GIVEN) == TRACE


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "00",
        GIVEN.upper(),
        GIVEN[:-1],
        f" {GIVEN}",
        f"{GIVEN}\n",
        f"{GIVEN}-more",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-1g",
        GIVEN.replace("-", "_"),
    ],
)
def test_anything_else_is_none(given: str | None) -> None:
    assert parse_traceparent(given) is None


def test_a_trace_belongs_to_what_is_inside_alone() -> None:
    with correlated("outer-request", GIVEN):
        with correlated("inner-request"):
            assert traceparent() is None
        assert traceparent() == GIVEN
    assert traceparent() is None
