"""Times of messages; what is no time is None, never an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_epoch(value: object, *, per_second: int = 1, epoch: datetime = _EPOCH) -> datetime | None:
    """Returns the time that is `value` units after `epoch`, in UTC; a number, or a text of one.

    >>> from_epoch("1285799668193", per_second=1000)
    datetime.datetime(2010, 9, 29, 22, 34, 28, 193000, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value) if isinstance(value, float) else int(value)
        return epoch + timedelta(microseconds=number * 1_000_000 // per_second)
    except (ValueError, OverflowError):
        return None


def from_iso(value: object) -> datetime | None:
    """Returns the time of an ISO 8601 text; a time without a zone stays without."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
