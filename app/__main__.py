"""The `bookstall` command, also as `python -m app`: Ctrl-C ends it without a word, also while it is still read."""

import sys


def main() -> None:
    """The console script."""
    try:
        from app.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
