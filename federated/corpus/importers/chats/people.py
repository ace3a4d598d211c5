"""Names for the authors of a chat whose export has both an id and a name for each."""

from __future__ import annotations


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
