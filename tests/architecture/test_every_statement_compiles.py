"""Every statement of the project compiles for both databases and breaks none of the rules for statements."""

import importlib
import pkgutil

import domains
import messaging
from kernel.statement import Statement

PACKAGES = (domains, messaging)


def statements_of_the_project() -> list[Statement]:
    """What the modules of the domains and of messaging hold, once all are imported."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    prefixes = tuple(f"{package.__name__}." for package in PACKAGES)
    return [statement for statement in Statement.every() if statement.name.startswith(prefixes)]


def broken_rule(statement: Statement) -> str | None:
    try:
        statement.check()
    except Exception as error:
        return f"{statement.name}: {error}"
    return None


def test_every_statement_compiles_for_both_databases() -> None:
    statements = statements_of_the_project()
    assert len(statements) > 10
    assert [broken for statement in statements if (broken := broken_rule(statement))] == []


def test_every_statement_is_a_constant_of_its_module() -> None:
    unnamed = [statement.name for statement in statements_of_the_project() if statement.name.endswith("(unnamed)")]
    assert unnamed == []
