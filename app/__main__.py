"""`python -m app` is the `bookstall` command."""

from app.cli import main

main()
