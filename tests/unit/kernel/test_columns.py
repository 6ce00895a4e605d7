"""Column types and expressions, written to and read from both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from kernel.clock import utc_now
from kernel.database import Database, InvalidValue
from tests.unit.kernel.accounts import (
    ADD_POSTING,
    ADD_POSTING_RETURNING,
    ADD_SAMPLE,
    ADD_WHOLE,
    EXTEND,
    FIND_SAMPLE,
    FIND_WITHOUT_DETAILS,
    MOMENT,
    Kind,
    SampleRow,
)

CLOCK_TOLERANCE = timedelta(seconds=5)

FULL: dict[str, Any] = {
    "at": datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC),
    "details": {"lines": [1, None, "ü"], "empty": {}},
    "kind": Kind.SAVINGS,
    "proof": b"\x00\xff",
    "active": True,
    "amount": 2**62,
}
EMPTY: dict[str, Any] = dict.fromkeys(FULL)


def sample(**given: Any) -> dict[str, Any]:
    return EMPTY | given


@pytest.mark.parametrize("values", [FULL, EMPTY], ids=["full", "empty"])
async def test_every_type_comes_back_as_it_was_written(database: Database, values: dict[str, Any]) -> None:
    key = uuid4()
    await database.write(ADD_SAMPLE, id=key, **values)
    assert await database.read().one(FIND_SAMPLE, id=key) == SampleRow(key, **values)


async def test_a_row_holds_the_plain_classes_of_python(database: Database) -> None:
    key = uuid4()
    await database.write(ADD_SAMPLE, id=key, **FULL)
    row = await database.read().one(FIND_SAMPLE, id=key)
    assert row is not None
    assert [type(value) for value in row] == [UUID, datetime, dict, Kind, bytes, bool, int]


async def test_an_instant_is_the_same_moment_in_any_time_zone(database: Database) -> None:
    key, at = uuid4(), datetime(1969, 7, 20, 22, 17, 40, 1, tzinfo=timezone(timedelta(hours=2)))
    await database.write(ADD_SAMPLE, id=key, **sample(at=at))
    row = await database.read().one(FIND_SAMPLE, id=key)
    assert row is not None
    assert row.at is not None
    assert row.at == at
    assert row.at.tzinfo == UTC


async def test_a_naive_datetime_is_refused_before_it_is_sent(database: Database) -> None:
    with pytest.raises(ValueError, match="naive"):
        await database.write(ADD_SAMPLE, id=uuid4(), **sample(at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_a_word_outside_of_the_enumeration_is_refused(database: Database) -> None:
    with pytest.raises(LookupError):
        await database.write(ADD_SAMPLE, id=uuid4(), **EMPTY | {"kind": "piggy bank"})


async def test_no_json_is_null_and_not_jsons_null(database: Database) -> None:
    await database.write(ADD_SAMPLE, id=uuid4(), **EMPTY)
    assert len(await database.read().all(FIND_WITHOUT_DETAILS)) == 1


async def test_the_databases_clock_agrees_with_ours(database: Database) -> None:
    moment = await database.read().one(MOMENT, seconds=90)
    assert moment is not None
    assert abs(moment.present - utc_now()) < CLOCK_TOLERANCE
    assert moment.later - moment.present == timedelta(seconds=90)
    assert moment.is_past
    assert moment.is_future


async def test_the_databases_clock_goes_on_within_a_transaction(database: Database) -> None:
    async with database.transaction() as tx:
        moments = [await tx.one(MOMENT, seconds=0) for _ in range(200)]
    times = [moment.present for moment in moments if moment]
    assert times == sorted(times)
    assert times[-1] > times[0], "what waited for a lock happened after what it waited for"


async def test_the_databases_clock_decides_what_has_expired(database: Database) -> None:
    open_one, expired = uuid4(), uuid4()
    await database.write(ADD_SAMPLE, id=open_one, **sample(at=utc_now() + timedelta(minutes=1)))
    await database.write(ADD_SAMPLE, id=expired, **sample(at=utc_now() - timedelta(minutes=1)))
    async with database.transaction() as tx:
        assert await tx.run(EXTEND, id=open_one, seconds=3600) == 1
        assert await tx.run(EXTEND, id=expired, seconds=3600) == 0
    row = await database.read().one(FIND_SAMPLE, id=open_one)
    assert row is not None
    assert row.at is not None
    assert abs(row.at - utc_now() - timedelta(hours=1)) < CLOCK_TOLERANCE


async def test_a_generated_key_rises_with_every_row(database: Database) -> None:
    account = {"id": 1, "owner": "a", "branch": 1, "number": 1, "balance": 0}
    await database.write(ADD_WHOLE, **account)
    await database.write(ADD_POSTING, account_id=1, note=b"")
    keys = [await database.write(ADD_POSTING_RETURNING, account_id=1, note=b"") for _ in range(2)]
    first, second = [key.id for key in keys if key is not None]
    assert second == first + 1


@pytest.mark.parametrize("change", [{"balance": 2**63}, {"owner": "\ud800"}], ids=["too large", "no text"])
async def test_a_value_that_cannot_be_stored_is_an_error_that_does_not_quote_it(
    database: Database, change: dict[str, Any]
) -> None:
    account = {"id": 1, "owner": "ada", "branch": 1, "number": 1, "balance": 0}
    with pytest.raises(InvalidValue) as failure:
        await database.write(ADD_WHOLE, **account | change)
    assert str(2**63) not in str(failure.value)
