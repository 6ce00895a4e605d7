"""What README.md and docs/ say of the repository is so: paths, names, links, commands, tables and GraphQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from pydantic import SecretStr
from typer.main import get_command

from app.cli import app
from app.settings import DOMAINS, Settings
from app.subscriptions import SAGA
from graph.limits import Limits

ROOT = Path(__file__).parents[2]
TELLING = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
"""What speaks of the present; a decision in docs/adr speaks of its day."""
WRITTEN = sorted([*TELLING, ROOT / "CHANGELOG.md", *(ROOT / "docs" / "adr").glob("*.md")])
README, ARCHITECTURE, GRAPHQL = ROOT / "README.md", ROOT / "docs" / "architecture.md", ROOT / "docs" / "graphql.md"
OPERATIONS = ROOT / "docs" / "operations.md"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TOPS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != ".venv"}
PATH = re.compile(r"[\w.<>*/-]+")
FILE = re.compile(r"\w\.(py|md|toml|json|graphql)$")

SETTINGS_TABLE = "| setting | default | meaning |"
LIMITS_TABLE = "| limit | setting | default | beyond it |"

each_telling = pytest.mark.parametrize("document", TELLING, ids=lambda path: str(path.relative_to(ROOT)))
each_written = pytest.mark.parametrize("document", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", document.read_text())


def fences(document: Path, *languages: str) -> list[str]:
    """The fenced blocks in these languages."""
    return [text for language, text in FENCE.findall(document.read_text()) if language in languages]


def commands(document: Path) -> Iterator[list[str]]:
    """The words of whatever a reader may look up or type: spans, indented lines and blocks of the shell."""
    indented = re.findall(r"^ {4}(\S.*)$", prose(document), re.MULTILINE)
    blocks = [line for block in fences(document, "sh") for line in block.splitlines()]
    return (line.split() for line in (*SPAN.findall(prose(document)), *indented, *blocks))


def rows(document: Path, header: str) -> list[list[str]]:
    """The cells of the table with this header."""
    table = document.read_text().partition(f"{header}\n|---")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def exists(name: str) -> bool:
    """Whether a path of the repository is there, or a bare file name in its root or in a domain."""
    folders = [ROOT] if "/" in name.rstrip("/") else [ROOT, *(ROOT / "domains").iterdir()]
    pattern = re.sub(r"<\w+>", "*", name.rstrip("/"))
    return any(any(folder.glob(pattern)) for folder in folders)


def is_path(word: str) -> bool:
    """Whether a word names a file or folder of the repository, rather than a place of the web or of a machine."""
    top, slash, _ = word.partition("/")
    return PATH.fullmatch(word) is not None and bool(top in TOPS if slash else FILE.search(word))


def tree() -> Iterator[str]:
    """Every path in the tree that docs/architecture.md draws."""
    folder = ""
    for line in fences(ARCHITECTURE, "text")[0].splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split()
        if line.startswith(" "):
            yield from (folder + name for name in names)
        else:
            folder = names[0]
            yield from names


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "graph" / "schema.graphql").read_text())


@each_telling
def test_every_path_that_is_named_exists(document: Path) -> None:
    named = {word for line in commands(document) for word in line}
    assert [name for name in sorted(named) if is_path(name) and not exists(name)] == []


def test_the_tree_of_the_architecture_is_the_repositorys() -> None:
    drawn = list(tree())
    assert len(drawn) > 30
    assert [path for path in drawn if not exists(path)] == []


def test_the_way_of_a_checkout_leads_through_functions_that_are_there() -> None:
    way = [
        (SPAN.findall(file)[0], SPAN.findall(name)[0]) for _, file, name in rows(README, "| step | file | function |")
    ]
    assert len(way) > 10
    for file, name in way:
        source = (ROOT / file).read_text()
        for part in name.split("."):
            assert re.search(rf"^\s*((async )?def|class) {part}\b|^{part} = ", source, re.MULTILINE), (file, name)


@each_written
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(prose(document)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def anchors(document: Path) -> set[str]:
    """What a link can point at within a document: its headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_of_decisions_has_each_of_them() -> None:
    folder = ROOT / "docs" / "adr"
    listed = LINK.findall((folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


@each_telling
def test_every_graphql_document_fits_the_schema(document: Path, schema: GraphQLSchema) -> None:
    inside_javascript = [
        text for block in fences(document, "js") for text in re.findall(r"`(\w+ \w+ \{.*?)`", block, re.DOTALL)
    ]
    for text in (*fences(document, "graphql"), *inside_javascript):
        assert validate(schema, parse(text)) == [], text


@each_written
def test_every_target_of_make_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(document):
        named = words[1:] if words[:1] == ["make"] else []
        for word in named:
            if re.fullmatch(r"[a-z-]+", word) is None:
                break
            assert word in targets, " ".join(words)


@each_written
def test_every_command_of_bookstall_exists_with_its_options(document: Path) -> None:
    for words in commands(document):
        at = next((place for place, word in enumerate(words) if word.rpartition("/")[2] == "bookstall"), None)
        if at is None:
            continue
        command = get_command(app)
        for word in words[at + 1 :]:
            if word.startswith("--"):
                assert word in {name for param in command.params for name in param.opts}, " ".join(words)
            elif hasattr(command, "commands"):
                assert word in command.commands, " ".join(words)  # pyright: ignore[reportAttributeAccessIssue]
                command = command.commands[word]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_table_of_the_saga_is_the_saga() -> None:
    told = {
        (event.strip(), domain, handler)
        for events, reactions in rows(ARCHITECTURE, "| event | reacts |")
        for event in events.split(",")
        for domain, handler in re.findall(r"(\w+) `(\w+)`", reactions)
    }
    assert told == {(row.event.__name__, row.domain, row.handler.__name__) for reactions in SAGA for row in reactions}


def test_the_table_of_settings_is_the_programs() -> None:
    told = [(SPAN.findall(name)[0], SPAN.findall(default)[0]) for name, default, _ in rows(OPERATIONS, SETTINGS_TABLE)]
    assert told == [
        (f"BOOKSTALL_{name.upper()}", shown(field.default))
        for name, field in Settings.model_fields.items()
        if name not in Limits.model_fields
    ]


def test_the_table_of_limits_is_the_programs() -> None:
    told = [(SPAN.findall(name)[0], SPAN.findall(default)[0]) for _, name, default, _ in rows(GRAPHQL, LIMITS_TABLE)]
    assert told == [(f"BOOKSTALL_{name.upper()}", shown(field.default)) for name, field in Limits.model_fields.items()]


def shown(default: object) -> str:
    """A default as it would be written into the environment."""
    return default.get_secret_value() if isinstance(default, SecretStr) else str(default)


def test_the_table_of_metrics_is_the_programs() -> None:
    told = {name for names, _ in rows(OPERATIONS, "| metric | look when |") for name in SPAN.findall(names)}
    sources = [path.read_text() for path in (ROOT / "app").glob("*.py")]
    assert told == {name for source in sources for name in re.findall(r'"(bookstall_[a-z_]+)"', source)}


def test_the_connections_are_counted_for_as_many_domains_as_there_are() -> None:
    assert f"P x {len(DOMAINS)} x BOOKSTALL_POOL_SIZE" in OPERATIONS.read_text()
