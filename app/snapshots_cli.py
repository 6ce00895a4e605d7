"""`bookstall schema | asyncapi | errors`: files that are written from the code and committed with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.complaint import Complaint

ROOT = Path(__file__).parent.parent

Check = Annotated[bool, typer.Option("--check", help="Compare with the committed file instead of writing it.")]


def schema(
    check: Check = False,
    release: Annotated[bool, typer.Option("--release", help="Make it what clients are promised from now on.")] = False,
) -> None:
    """Write graph/schema.graphql.

    With --check also refuse what breaks clients of the last release.

    Example: bookstall schema --check
    """
    from app.promises import require_kept
    from graph.schema import schema as built

    text = built.as_str().rstrip() + "\n"
    snapshot(ROOT / "graph" / "schema.graphql", text, check, "schema")
    released = ROOT / "graph" / "schema.released.graphql"
    if check:
        require_kept(released.read_text(), text)
    elif release:
        snapshot(released, text, check, "schema")


def asyncapi(check: Check = False) -> None:
    """Write messaging/asyncapi.json.

    Example: bookstall asyncapi --check
    """
    from importlib.metadata import version

    from messaging.asyncapi import asyncapi_document

    snapshot(ROOT / "messaging" / "asyncapi.json", asyncapi_document(version("bookstall")), check, "asyncapi")


def errors(check: Check = False) -> None:
    """Write docs/errors.md.

    Example: bookstall errors --check
    """
    from graph.catalogue import errors_page
    from graph.schema import schema as built

    snapshot(ROOT / "docs" / "errors.md", errors_page(built.as_str()), check, "errors")


def snapshot(path: Path, text: str, check: bool, command: str) -> None:
    """Writes the file, or complains where it is not what it should be."""
    if not check:
        path.write_text(text)
        typer.echo(f"Wrote {path.relative_to(ROOT)}.")
    elif not path.exists() or path.read_text() != text:
        raise Complaint(f"{path.relative_to(ROOT)} is out of date: write it anew with `bookstall {command}`")
