"""Write a domain's next migration from the difference between its versions and its tables.

    python scripts/revision.py orders "Give orders a number"

Look the written file over before you commit it: Alembic guesses, renames become a drop and an add.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from app.settings import DOMAINS
from kernel.migrations import new_revision

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Migrate an empty SQLite database and compare it with the domain's tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("domain", choices=DOMAINS)
    parser.add_argument("message", help="what the migration does, as an imperative sentence without its full stop")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(new_revision(arguments.domain, arguments.message, url=f"sqlite:///{folder}/{arguments.domain}.db"))
    for tidy in (["check", "--fix", "--quiet", "--select", "F401,I"], ["format", "--quiet"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *tidy, ROOT / "domains" / arguments.domain / "migrations"], check=True
        )


if __name__ == "__main__":
    main()
