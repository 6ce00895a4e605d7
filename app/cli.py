"""The command line: `bookstall run | gateway | worker | migrate | demo | doctor | audit | dead-letters | ...`."""

from __future__ import annotations

import asyncio
import sys
import traceback
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.exceptions import TyperException

from app.command_line import Data, Host, Port, load
from app.complaint import Complaint
from app.dead_letters_cli import letters
from app.snapshots_cli import asyncapi, errors, schema

# What only one command needs is imported in it: `bookstall token` must not wait for what serves.

app = typer.Typer(
    name="bookstall",
    help="The checkout backbone of a second-hand book marketplace.\n\nExample: bookstall run",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(letters, name="dead-letters")
catalog = typer.Typer(
    help="The catalogue's copies in the cache.\n\nExample: bookstall catalog rebuild",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(catalog, name="catalog")


@app.command()
def run(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    samples: Annotated[bool, typer.Option(help="Load the sample shop on the first start.")] = True,
) -> None:
    """Serve everything in one process.

    Example: bookstall run --port 8000 --data .bookstall
    """
    settings = load(data=data, port=port, host=host)
    from app.serve import run

    run(settings, samples=samples)


@app.command()
def gateway(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    workers: Annotated[int, typer.Option(help="Processes behind the port.", min=1, max=64)] = 1,
    inherited: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API alone, on PostgreSQL, RabbitMQ and Redis.

    Example: bookstall gateway --port 8000 --workers 2
    """
    settings = load(data=data, port=port, host=host)
    from app.gateway import run_gateway

    run_gateway(settings, workers=workers, inherits=inherited)


@app.command()
def worker(
    domain: Annotated[
        list[str] | None,
        typer.Option(
            help="Of this domain, or of each that is named [default: all].", metavar="DOMAIN", show_default=False
        ),
    ] = None,
    data: Data = None,
    port: Annotated[int, typer.Option(help="Where /livez, /readyz and /metrics answer; 0 picks a free one.")] = 0,
    host: Host = None,
) -> None:
    """Handle events and sweep, on PostgreSQL, RabbitMQ and Redis.

    Example: bookstall worker --domain inventory --domain orders
    """
    settings = load(data=data, port=port, host=host)
    from app.settings import DOMAINS

    for name in domain or ():
        if name not in DOMAINS:
            raise Complaint(f"{name!r} is no domain: there are {', '.join(DOMAINS)}")
    from app.worker import run_worker

    run_worker(settings, domain or DOMAINS)


@app.command()
def migrate(data: Data = None) -> None:
    """Bring every domain's database to its newest version.

    On PostgreSQL, make it where it is missing.

    Example: bookstall migrate --data .bookstall
    """
    settings = load(data=data)
    from app.data_folder import DataFolder
    from app.wiring import migrate_all

    with DataFolder(settings.data).held():
        asyncio.run(migrate_all(settings))
    typer.echo("All databases are at their newest version.")


@app.command()
def seed(data: Data = None) -> None:
    """Load the sample shop and end; again it doubles nothing.

    Example: bookstall seed --data .bookstall
    """
    settings = load(data=data)
    from app.serve import seed

    seed(settings)


@app.command()
def token(
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who the token speaks for.")],
    role: Annotated[str, typer.Option(help="buyer, seller or operator.")] = "buyer",
    data: Data = None,
) -> None:
    """Print a token that lives one hour.

    Example: bookstall token --as alice --role seller
    """
    settings = load(data=data)
    from app.data_folder import issuer_of

    try:
        typer.echo(issuer_of(settings).issue(name, role))
    except ValueError as error:
        raise Complaint(str(error)) from None


@app.command()
def demo(
    url: Annotated[str, typer.Option(help="Where the server listens.")] = "http://127.0.0.1:8000",
    data: Data = None,
    seconds: Annotated[float, typer.Option(help="The time limit of every step.", min=1, max=600)] = 15.0,
    token: Annotated[
        str | None,
        typer.Option(help="Of a buyer whose cart is empty [default: one of a new buyer].", show_default=False),
    ] = None,
    story: Annotated[str, typer.Option(help="Which one, or `all`.")] = "purchase",
) -> None:
    """Play a purchase, or another story, against a running server.

    The server's data folder has the key to tokens of new people; without that folder, as on another machine, say
    whose token to use: `bookstall token --as somebody` prints one where the server runs.

    Stories: purchase, declined-card, confirmed-card, lost-answer, last-copy, cancellation, refund, unknown-payment.

    Example: bookstall demo --url http://127.0.0.1:8000 --data .bookstall

    Example: bookstall demo --story all

    Example: bookstall demo --url https://books.example --token eyJhbGciOi...
    """
    settings = load(data=data)
    from app.demo import play

    play(url, settings, seconds, token, story)


@app.command()
def doctor(
    processes: Annotated[
        int | None,
        typer.Option(
            help="Gateways and workers in all [default: 4; of the embedded form 1].", min=1, show_default=False
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Check every setting and connection.

    A line for each, and exit code 1 if one is wrong. Changes nothing.

    Example: bookstall doctor --processes 6
    """
    settings = load(data=data)
    from app.doctor import examine

    if not examine(settings, processes):
        raise typer.Exit(1)


@app.command()
def audit(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of sentences.")] = False,
    data: Data = None,
    grace: Annotated[float, typer.Option(help="Seconds for which a difference may stand.", min=0, max=3600)] = 15.0,
) -> None:
    """Check that the books of all domains agree.

    Those of the payment provider and the cache too, while everything runs. A difference counts when it
    stands unchanged in two readings. Exit code 1 if there is one. Changes nothing.

    Example: bookstall audit --data .bookstall
    """
    settings = load(data=data)
    from app.audit import examine

    if not examine(settings, grace_seconds=grace, as_json=as_json):
        raise typer.Exit(1)


for snapshot in (schema, asyncapi, errors):
    app.command()(snapshot)


@catalog.command("rebuild")
def rebuild_catalog(data: Data = None) -> None:
    """Copy the offers of all books to Redis again, as they are in the catalogue's database.

    Example: bookstall catalog rebuild
    """
    settings = load(data=data)
    from app.catalog_cache import rebuild

    rebuild(settings)


def main() -> None:
    """The console script: whatever goes wrong is one line, and the exit code says so."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may lack the characters of a title
            stream.reconfigure(errors="replace")
    try:
        sys.exit(app(prog_name="bookstall", standalone_mode=False))
    except Complaint as error:
        sys.exit(f"bookstall: {error}")
    except TyperException as error:
        misused(error)
    except Exception as error:
        reason = " ".join(str(error).split())
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"bookstall: unexpected {type(error).__name__}: {reason} ({where.filename}:{where.lineno})")


def misused(error: TyperException) -> None:
    """Says in one line how the command was typed wrongly; a command alone is answered by its help. Exits with 2."""
    message = error.format_message()
    if "\n" not in message:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "bookstall"
        message = f"bookstall: {message.rstrip('.')}; see `{command} --help`"
    typer.echo(message, err=True)
    sys.exit(error.exit_code)
