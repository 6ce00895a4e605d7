"""What documents within every limit cost before they are executed: `python -m benchmarks.documents`.

Parsing, measuring and validating do not yield, and neither does the execution of introspection: all others wait for so
long. Told is the CPU of the largest document of each kind, the best of five, the most expensive first. Figures are good
as ratios within one run on one machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer
from graphql import GraphQLSyntaxError, execute, get_introspection_query, parse

from graph.documents import Bounds, examine
from graph.limits import Limits
from graph.schema import schema

LIMITS = Limits()
TIMES = 5
FULLEST = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
)
Make = Callable[[int], str]


def repeated(text: str) -> Make:
    """So many times this text, with the number of each in place of `#`."""
    return lambda count: " ".join(text.replace("#", str(number)) for number in range(count))


def around(before: str, middle: str, after: str, rest: str = "") -> Make:
    """A document in which the middle comes so many times, and a rest as often behind it."""
    return lambda count: before + repeated(middle)(count) + after + repeated(rest)(count)


KINDS: dict[str, Make] = {
    "fields": around("{ books { nodes { ", "isbn", " } } }"),
    "fields with arguments": around("{ me { ", "orders(first: 1, after: null) { nodes { id } }", " } }"),
    "inline fragments": around("{ me { ", "... { id }", " } }"),
    "fragments": around("{ me { ", "...F#", " } }", " fragment F# on Viewer { id }"),
    "variables": around("query Q(", "$v#: Int", ") { books(first: 1) { nodes { isbn } } }"),
    "variables in a list": lambda count: around(
        f"subscription S({repeated('$v#: ISBN!')(count)}) {{ stockUpdates(isbns: [", "$v#", "]) { isbn } }"
    )(count),
    "a list": around("subscription { stockUpdates(isbns: [", '"9780306406157"', "]) { isbn } }"),
    "operations": around("", "query Q# { me { id } }", ""),
    "a text": around('{ books(search: "', "\\u0041\\u0041\\u0041\\u0041", '") { nodes { isbn } } }'),
    "unknown fields": around("{ me { ", "carrt#", " } }"),
    "unknown arguments": around("{ books(", "frist#: 1", ") { nodes { isbn } } }"),
    "unknown types": around("query Q(", "$v#: Odrer#", ") { me { id } }"),
    "introspection": lambda count: FULLEST,
}
"""Documents that grow with a number."""


def largest(make: Make) -> str:
    """The largest document of a kind that no limit forbids."""
    best, low, high = make(1), 1, 1000
    while low < high:
        middle = (low + high + 1) // 2
        if _is_within(make(middle)):
            low, best = middle, make(middle)
        else:
            high = middle - 1
    return best


def _is_within(text: str) -> bool:
    """Whether the document is measured and validated; whether it is valid is all the same."""
    try:
        errors = examine(schema._schema, text, Bounds.of(LIMITS), rules=()).errors
    except GraphQLSyntaxError:
        return False
    return len(text) < LIMITS.body_bytes and not any("limit" in (error.extensions or {}) for error in errors)


def cpu(work: Callable[[], object]) -> float:
    """The milliseconds of CPU that something takes, the best of some times."""
    times = []
    for _ in range(TIMES):
        started = time.process_time()
        work()
        times.append((time.process_time() - started) * 1000)
    return min(times)


def main(most: Annotated[int, typer.Option(help="How many to tell.")] = 20) -> None:
    """Measures documents."""
    found = []
    for name, make in KINDS.items():
        text = largest(make)
        examined = examine(schema._schema, text, Bounds.of(LIMITS))
        checking = cpu(lambda text=text: examine(schema._schema, text, Bounds.of(LIMITS)))
        executing = cpu(lambda text=text: execute(schema._schema, parse(text))) if "__schema" in text else 0.0
        found.append((checking + executing, checking, executing, name, len(text), len(examined.errors)))
    for total, checking, executing, name, size, errors in sorted(found, reverse=True)[:most]:
        parts = f"checked {checking:6.1f}, executed {executing:6.1f}"
        print(f"{name:28} {total:6.1f} ms of CPU ({parts}), {size:6} characters, {errors} errors")


if __name__ == "__main__":
    typer.run(main)
