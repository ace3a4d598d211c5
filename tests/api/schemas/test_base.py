"""Times in requests and answers: what is accepted can be shown in RFC 3339, as the OpenAPI schema says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from api.schemas.base import ShownTime, Time

TIME, SHOWN = TypeAdapter(Time), TypeAdapter(ShownTime)
RFC_3339 = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"')


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2024-05-01T18:30", "2024-05-01T18:30:00Z"),
        ("2024-05-01", "2024-05-01T00:00:00Z"),
        ("2024-05-01T18:30:00+23:59", "2024-05-01T18:30:00+23:59"),
        ("2024-05-01T18:30:00-2359", "2024-05-01T18:30:00-23:59"),
        ("2024-05-01T18:30:00.1234567Z", "2024-05-01T18:30:00.123456Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T15:59:60.5-08:00", "2016-12-31T16:00:00.500000-08:00"),
        (datetime(2024, 5, 1, 18, 30), "2024-05-01T18:30:00Z"),
        (datetime(2024, 5, 1, 0, 20, tzinfo=timezone(timedelta(minutes=19, seconds=32))), "2024-05-01T00:00:28Z"),
    ],
)
def test_a_time_is_shown_as_the_schema_says(sent: object, expected: str) -> None:
    shown = SHOWN.dump_json(TIME.validate_python(sent)).decode()
    assert shown == f'"{expected}"' and RFC_3339.fullmatch(shown)


@pytest.mark.parametrize(
    "sent",
    [
        "2024-05-01T00:00:00+24:00",
        "2024-05-01T00:00:00-24:00",
        "2024-05-01T00:00:00+99:99",
        "2024-05-01T00:00:00+00:60",
        "2024-05-01T00:00:00+0060",
        "2024-05-01T00:00:00+23:59:59",
        "2024-05-01T00:00:00-00:00:30",
        "2024-05-01T00:00:00+05:30:29.5",
        "2024-05-01T24:00:00Z",
        "2024-05-01T12:00:60Z",
        "2024-05-01T23:59:61Z",
        "9999-12-31T23:59:60Z",
        "0001-01-01T00:59:60+01:00:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-2024-05-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "٢٠٢٤-05-01T00:00:00Z",
        "T00:00:00+24:00",
        "",
        "now",
        "NaN",
        "Infinity",
        float("nan"),
        1714500000,
        True,
        {},
    ],
)
def test_what_is_no_time_is_refused(sent: object) -> None:
    with pytest.raises(ValidationError, match="ISO 8601"):
        TIME.validate_python(sent)


def test_a_stored_time_with_seconds_in_its_offset_is_shown_in_utc() -> None:
    stored = datetime(2024, 5, 1, 0, 20, tzinfo=timezone(timedelta(minutes=19, seconds=32)))
    assert SHOWN.validate_python(stored) == stored
    assert SHOWN.validate_python(stored).utcoffset() == timedelta()
    assert SHOWN.validate_python(datetime(2024, 5, 1, tzinfo=UTC)).tzinfo is UTC
