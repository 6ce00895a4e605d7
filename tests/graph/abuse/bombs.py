"""Documents that are small and ask for much."""

ENDLESS = "x" * 60_000


def spread(times: int, fragments: int) -> str:
    """Fragments that each spread the next one several times."""
    chain = [f"fragment F{n} on Query {{ {f'...F{n + 1} ' * times} }}" for n in range(fragments)]
    return "\n".join(["{ ...F0 }", *chain, f"fragment F{fragments} on Query {{ me {{ id }} }}"])


BOMBS = {
    "depth": "{ me " + "{ cart { lines { offer " * 5 + "{ id }" + " } } }" * 5 + " }",
    "aliases": "{ " + " ".join(f"a{n}: me {{ id }}" for n in range(100)) + " }",
    "aliases of values": "{ me { " + " ".join(f"a{n}: id" for n in range(200)) + " } }",
    "directives": "{ me { id " + "@include(if: true) " * 100 + "} }",
    "fragments, 22 deep": spread(2, 22),
    "fragments, 5 wide": spread(5, 22),
    "a circle of fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "repetitions": "{ me { " + "cart { id } " * 200 + "} }",
    "repetitions of values": "{ me { " + "id " * 900 + "} }",
    "root fields": "{ " + "me { id } " * 11 + "}",
    "cost": "{ books(first: 100) { nodes { offers(first: 100) { nodes { id } } } } }",
    "nested introspection": "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    "many introspections": "{ " + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(9)) + " }",
    "a number of 5,000 digits": f"{{ books(first: {'1' * 5000}) {{ nodes {{ isbn }} }} }}",
}
UNREADABLE = {
    "tokens": "{ " + "me { id } " * 500 + "}",
    "nested selections": "{ " + "a { " * 300 + "b" + " }" * 301,
    "nested values": "{ books(search: " + "[" * 300 + "]" * 300 + ") { nodes { isbn } } }",
    "a text without an end": '{ books(search: "' + "x" * 50_000,
    "an unknown character": "{ books(search: \u0007) }",
}
LONG_NAMES = {
    "of an alias": f"{{ books(first: 100) {{ nodes {{ {ENDLESS}: isbn }} }} }}",
    "of a field": f"{{ {ENDLESS} }}",
    "of an argument": f"{{ books({ENDLESS}: 1) {{ nodes {{ isbn }} }} }}",
    "of an operation": f"query {ENDLESS} {{ me {{ id }} }}",
    "of a variable": f"query Q(${ENDLESS}: Int) {{ me {{ id }} }}",
    "of a fragment": f"{{ ...{ENDLESS} }}",
    "of a type": f"{{ ... on {ENDLESS} {{ me {{ id }} }} }}",
    "of a directive": f"{{ me @{ENDLESS} {{ id }} }}",
    "of an enum's value": f"query Q($n: Int = {ENDLESS}) {{ books(first: $n) {{ nodes {{ isbn }} }} }}",
}
"""Documents with one name that is nearly all of them."""
