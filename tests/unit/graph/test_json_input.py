"""Whatever bytes come, they are read within the limits or refused in a sentence."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.json_input import JsonRefused, read_json
from graph.limits import Limits

LIMITS = Limits()

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_within_the_limits_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value).encode(), LIMITS) == value


@given(st.binary() | st.text(st.sampled_from('{}[]",:\\0123456789eE+-.ntu \n')).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(JsonRefused):
        json.dumps(read_json(text, LIMITS))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 33 + "]" * 33, "32 deep"),
        ('{"a":' * 32 + "[]" + "}" * 32, "32 deep"),
        ("[" + "1," * 500 + "1]", "500 items"),
        ("[[" + "1," * 500 + "1]]", "500 items"),
        ("[" + "1" * 41 + "]", "40 digits"),
        ("[-1." + "0" * 40 + "e-5]", "40 digits"),
        ('["a", "b\\u0000"]', "NUL"),
        ('{"a\\u0000": 1}', "NUL"),
        ('["\\ud800"]', "not JSON"),
        ("[NaN]", "not JSON"),
        ("[1e999]", "not JSON"),
        ("", "not JSON"),
        ('{"a":' + "1" * 41 + ',"' + '\\"' * 30_000, "not JSON"),
    ],
)
def test_what_is_beyond_a_limit_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(JsonRefused, match=sentence):
        read_json(text.encode(), LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 32 + "]" * 32,
        "[" + "1," * 499 + "1]",
        "[" + "1" * 19 + "]",
        '["' + "1" * 5000 + '"]',
        '["\\"' + "1" * 5000 + '"]',
    ],
)
def test_what_is_at_a_limit_is_read(text: str) -> None:
    assert read_json(text.encode(), LIMITS) == json.loads(text)
