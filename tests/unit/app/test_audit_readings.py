"""What of two readings of an audit is wrong, and what is work that went on in between."""

from __future__ import annotations

from app.audit.rule import Fault, Row, Rule, standing

PASSING = Rule(name="passing", domains=("orders",), sentence="It holds in a moment.", query="")
ALWAYS = Rule(name="always", domains=("orders",), sentence="It always holds.", query="", always=True)


def found(rule: Rule, **values: int) -> Fault:
    rows: tuple[Row, ...] = tuple((("listing", name), ("copies", value)) for name, value in values.items())
    return Fault(rule, rows, len(rows))


def test_what_is_the_same_in_both_readings_stands() -> None:
    assert standing([found(PASSING, a=1, b=2)], [found(PASSING, b=2, c=3)]) == [found(PASSING, b=2)]


def test_what_changed_in_between_is_work_that_goes_on() -> None:
    assert standing([found(PASSING, a=1)], [found(PASSING, a=2)]) == []


def test_what_was_found_once_is_work_that_went_on() -> None:
    assert standing([found(PASSING, a=1)], []) == []
    assert standing([], [found(PASSING, a=1)]) == []


def test_what_breaks_a_rule_that_always_holds_stands_whatever_its_values_are() -> None:
    assert standing([found(ALWAYS, a=1, b=1)], [found(ALWAYS, a=2)]) == [found(ALWAYS, a=2)]


def test_another_rule_does_not_make_it_stand() -> None:
    assert standing([found(PASSING, a=1)], [found(ALWAYS, a=1)]) == []
