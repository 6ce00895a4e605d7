"""What clients are told of an error: enough to mend it, and never as much as they sent."""

from __future__ import annotations

import pytest
from graphql import GraphQLError

from graph.errors import MESSAGE_LENGTH, Code, presentable, refusal


def told(message: str, *, suggesting: bool = True) -> str:
    return presentable(GraphQLError(message), executing=False, suggesting=suggesting).message


@pytest.mark.parametrize("error", [GraphQLError("x" * 70_000), refusal(Code.BAD_USER_INPUT, "x" * 70_000)])
def test_a_message_that_is_too_long_is_cut(error: GraphQLError) -> None:
    shown = presentable(error, executing=True)
    assert shown.message == "x" * (MESSAGE_LENGTH - 1) + "…"
    assert shown.extensions == {"code": "BAD_USER_INPUT"}
    assert presentable(shown, executing=False).formatted == shown.formatted


def test_a_message_of_the_greatest_length_is_told_as_it_is() -> None:
    assert told("x" * MESSAGE_LENGTH) == "x" * MESSAGE_LENGTH


def test_a_server_that_is_not_explorable_suggests_no_names() -> None:
    assert told("No 'a'. Did you mean 'b' or 'c'?", suggesting=False) == "No 'a'."
    assert told("No 'a'. Did you mean 'b' or 'c'?") == "No 'a'. Did you mean 'b' or 'c'?"


@pytest.mark.parametrize("length", range(400, 700, 7))
def test_no_part_of_a_suggestion_is_left_where_a_message_is_cut(length: int) -> None:
    message = f"No '{'a' * length}'. Did you mean 'secret'?"
    assert "mean" not in told(message, suggesting=False)
