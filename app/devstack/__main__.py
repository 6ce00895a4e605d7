"""Run the full stack's servers until this program is told to end; its output are the settings for Bookstall."""

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path

from app.devstack.server import ServerFailed
from app.devstack.stack import ServerMissing, Stack


def main() -> None:
    """Start, print `NAME=value` lines, wait for Ctrl-C or SIGTERM, and stop."""
    parser = argparse.ArgumentParser(prog="python -m app.devstack", description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="the folder that keeps the servers' data; else they are deleted at the end"
    )
    data = parser.parse_args().data
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            with Stack(data, durable=data is not None) as stack:
                print(*(f"{name}={value}" for name, value in stack.environment.items()), sep="\n", flush=True)
                while True:
                    signal.pause()
        except (ServerFailed, ServerMissing, OSError) as error:
            sys.exit(f"devstack: {error}")


if __name__ == "__main__":
    main()
