"""The fields of an exported message: its author, who may have an id and a name, and its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class People:
    """Gives each id one user: the first name that it had, or with the id if another id has this name already.

    >>> people = People()
    >>> [people.user(*author) for author in (("id1", "Ann"), ("id2", "Ann"), ("id1", "Annie"), ("id3", None))]
    ['Ann', 'Ann (id2)', 'Ann', 'id3']
    """

    def __init__(self) -> None:
        self._users: dict[str, str] = {}
        self._taken: set[str] = set()

    def user(self, author_id: object, name: object) -> str | None:
        """Returns the user, or None if there is neither an id nor a name."""
        shown = name.strip() if isinstance(name, str) else ""
        key = str(author_id) if author_id not in (None, "") else ""
        if not key:
            return shown or None
        if key not in self._users:
            user = shown or key
            if user in self._taken:
                user = f"{user} ({key})"
            self._users[key] = user
            self._taken.add(user)
        return self._users[key]


def from_epoch(value: object, *, per_second: int = 1, epoch: datetime = _EPOCH) -> datetime | None:
    """Returns the time that is `value` units after `epoch`, in UTC; a number, or a text of one. None = not a time.

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
    """Returns the time of an ISO 8601 text; a time without a zone stays without. None = not a time."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
