"""What the test run leaves out on a machine without a browser or a database server, and how it says so."""

from pathlib import Path

from scripts.run_tests import selection, shortfall
from scripts.system_parts import SYSTEM_PARTS, SystemPart

ABSENT = SystemPart("browser", "Chromium", "chromium", lambda: None)


def test_a_machine_with_everything_leaves_out_the_long_campaigns_alone() -> None:
    assert selection([]) == "not long"


def test_the_tests_of_a_missing_part_are_left_out() -> None:
    assert selection(SYSTEM_PARTS) == "not long and not browser and not postgresql"


def test_what_was_not_tested_is_named_in_one_line() -> None:
    assert shortfall(SYSTEM_PARTS).count("\n") == 0
    assert shortfall([ABSENT]) == (
        "NOT TESTED: the tests marked 'browser', because Chromium is missing (Debian's package chromium)"
    )


def test_a_part_that_is_found_can_be_used() -> None:
    found: dict[str, Path] = {part.marker: path for part in SYSTEM_PARTS if (path := part.find())}
    assert all(path.is_file() for marker, path in found.items() if marker == "browser")
    assert all((path / "initdb").is_file() for marker, path in found.items() if marker == "postgresql")
