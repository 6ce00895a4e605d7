"""What the test run leaves out on a machine without a browser, a server or the npm registry, and how it says so."""

from pathlib import Path

from scripts.node_packages import NodePackages
from scripts.run_tests import selection, shortfall
from scripts.system_parts import SYSTEM_PARTS, SystemPart, install_missing

ABSENT = SystemPart("browser", "Chromium", "chromium", lambda: None)


def test_a_machine_with_everything_leaves_out_the_long_campaigns_alone() -> None:
    assert selection([]) == "not long"


def test_the_tests_of_a_missing_part_are_left_out() -> None:
    assert selection([*SYSTEM_PARTS, NodePackages()]) == (
        "not long and not browser and not postgresql and not rabbitmq and not redis and not npm"
    )


def test_what_was_not_tested_is_named_in_one_line() -> None:
    assert shortfall(SYSTEM_PARTS).count("\n") == 0
    assert shortfall([ABSENT]) == (
        "NOT TESTED: the tests marked 'browser', because Chromium is missing (Debian's package chromium)"
    )
    assert shortfall([ABSENT, NodePackages()]).endswith(
        "; the tests marked 'npm', because what tests/clients/package-lock.json names is missing"
        " (is the npm registry reachable? See .tools/npm.log)"
    )


def test_a_part_that_is_found_can_be_used() -> None:
    found: dict[str, Path] = {part.marker: path for part in SYSTEM_PARTS if (path := part.find())}
    assert all(path.is_file() for marker, path in found.items() if marker == "browser")
    assert all((path / "initdb").is_file() for marker, path in found.items() if marker == "postgresql")
    assert all((path / "rabbitmq-server").is_file() for marker, path in found.items() if marker == "rabbitmq")
    assert all(path.is_file() for marker, path in found.items() if marker == "redis")


def test_the_tests_that_need_python_alone_leave_out_those_of_every_part() -> None:
    recipe = (Path(__file__).parents[2] / "Makefile").read_text().partition("\ntest-embedded:")[2].splitlines()[1]
    assert all(f"not {part.marker}" in recipe for part in [*SYSTEM_PARTS, NodePackages()])


def test_installing_nothing_needs_nothing() -> None:
    assert install_missing([part.marker for part in SYSTEM_PARTS if part.find()], Path("unused.log")) == []
