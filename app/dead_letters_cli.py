"""`bookstall dead-letters list | show | replay | discard`, as they are typed."""

from __future__ import annotations

from typing import Annotated

import typer

from app.command_line import Data, load

letters = typer.Typer(
    help="Events that no handler could take.\n\nExample: bookstall dead-letters list",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Letters = Annotated[list[str], typer.Argument(metavar="LETTER...", help="As `list` shows them.", show_default=False)]


@letters.command("list")
def list_letters(
    data: Data = None,
    domain: Annotated[str | None, typer.Option(help="Only of this domain.", show_default=False)] = None,
) -> None:
    """Show what waits for an operator.

    Example: bookstall dead-letters list --domain inventory
    """
    settings = load(data=data)
    from app.dead_letters import show_list

    show_list(settings, domain)


@letters.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(metavar="LETTER", help="As `list` shows it.")], data: Data = None
) -> None:
    """Show one with its payload.

    Example: bookstall dead-letters show inventory/0190a5d0-...
    """
    settings = load(data=data)
    from app.dead_letters import show_one

    show_one(settings, letter)


@letters.command("replay")
def replay_letters(letters: Letters, data: Data = None) -> None:
    """Hand them to their handlers again.

    Example: bookstall dead-letters replay inventory/0190a5d0-...
    """
    settings = load(data=data)
    from app.dead_letters import replay

    replay(settings, letters)


@letters.command("discard")
def discard_letters(
    letters: Letters, note: Annotated[str, typer.Option(help="Why they are given up.")], data: Data = None
) -> None:
    """Give them up.

    Example: bookstall dead-letters discard inventory/0190a5d0-... --note 'a test order'
    """
    settings = load(data=data)
    from app.dead_letters import discard

    discard(settings, letters, note)
