"""A process takes the files that it may have, and says why it cannot listen."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from app.complaint import Complaint
from app.process import listen, make_room


@pytest.fixture
def few_files() -> Iterator[int]:
    """A process that was started with few files, though it may have more; the most that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_process_makes_room_as_far_as_the_machine_allows_it(few_files: int) -> None:
    make_room(600)
    assert open_files() == 600
    make_room(100)
    assert open_files() == 600
    make_room(few_files + 1)
    assert open_files() == few_files


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0.1:8000", "a..b", "999.1.1.1"])
def test_an_address_that_nobody_knows_is_not_taken_for_a_matter_of_its_port(host: str) -> None:
    with pytest.raises(Complaint) as refused:
        listen(host, 0)
    assert str(refused.value) == (
        f"{host} cannot be listened on: no such address is known; choose an address of this machine (--host)"
    )
