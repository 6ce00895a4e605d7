"""What the commands share: the option of the data folder, and the settings with logging set up as they say."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

UNFINISHED = r"coroutine '(Executor|GraphQLCoreConverter)\..*' was never awaited"

Data = Annotated[
    Path | None, typer.Option(help="The data folder, else BOOKSTALL_DATA [default: .bookstall].", show_default=False)
]
Port = Annotated[
    int | None,
    typer.Option(help="0 picks a free one; else BOOKSTALL_PORT [default: 8000].", show_default=False),
]
Host = Annotated[str | None, typer.Option(help="Else BOOKSTALL_HOST [default: 127.0.0.1].", show_default=False)]


def load(**options: object) -> Settings:
    """The settings of this command, with logging set up as they say; raises Complaint."""
    from app.settings import Settings
    from kernel.logging import configure_logging

    settings = Settings.load(**options)
    json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    configure_logging(level=settings.log_level, json=json)
    # It names the origins of pages that are refused, whatever they are.
    logging.getLogger("strawberry.ws").setLevel(logging.ERROR)
    # A query that is broken off half-way drops what it would have awaited next, and cannot say that it meant to.
    warnings.filterwarnings("ignore", UNFINISHED, RuntimeWarning)
    return settings
