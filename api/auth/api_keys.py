"""API keys and their scopes. The database stores only the hashes of keys.

A key has 256 random bits and cannot be guessed, so one SHA-256 is enough. A slow hash, which protects passwords that
can be guessed, would only make every request slower.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cachetools import TTLCache
from sqlalchemy import insert, select, update

from api.schemas.base import DEVICE_ID, KeyScope
from api.storage.database import Database
from api.storage.schema import API_KEYS

PREFIX = "tp_"
"""The beginning of every key, so that a secret scanner detects one that was committed by mistake."""
REMEMBERED_SECONDS = 2.0
"""A key is cached for this long. A revoked key can be accepted until then."""
_MAX_REMEMBERED = 10_000
_VALID = select(API_KEYS.c.id, API_KEYS.c.name, API_KEYS.c.scope, API_KEYS.c.device_id, API_KEYS.c.created_at).where(
    API_KEYS.c.revoked_at.is_(None)
)


class ApiKeyError(ValueError):
    """A key cannot be made or revoked. The message says why."""


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. `device_id`: the only device that the key opens; None = every device."""

    id: str
    name: str
    scope: KeyScope
    device_id: str | None
    created_at: datetime


class ApiKeys:
    """The table of keys. Safe to use from several threads. Other processes can change the table."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._remembered: TTLCache[str, ApiKey] = TTLCache(_MAX_REMEMBERED, REMEMBERED_SECONDS, clock)

    def create(self, name: str, scope: KeyScope, device_id: str | None = None) -> tuple[ApiKey, str]:
        """Makes a key. Returns it and its secret, which cannot be read again.

        Raises:
            ApiKeyError: the name is empty or too long; or `device_id` is given and is not a valid id, or the scope is
                not `device`.
            DatabaseError: the table cannot be written.
        """
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise ApiKeyError("a key's name must have 1 to 100 printable characters: name the user of the key")
        if device_id is not None and scope is not KeyScope.DEVICE:
            raise ApiKeyError(f"a key for one device must have the scope {KeyScope.DEVICE}, not {scope}")
        if device_id is not None and not re.fullmatch(DEVICE_ID, device_id):
            raise ApiKeyError(
                "this is not a valid device id: an id has 1 to 64 letters, digits, hyphens and underscores"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(4), name, scope, device_id, datetime.now(UTC))
        row = {"id": key.id, "name": name, "scope": scope.value, "device_id": device_id, "created_at": key.created_at}
        with self._database.writing() as connection:
            connection.execute(insert(API_KEYS).values(**row, digest=_digest(secret)))
        return key, secret

    def valid(self) -> list[ApiKey]:
        """Returns the keys that are not revoked, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_VALID.order_by(API_KEYS.c.created_at)).all()
        return [ApiKey(row.id, row.name, KeyScope(row.scope), row.device_id, row.created_at) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Revokes a key. Raises ApiKeyError if no valid key has this id."""
        unknown = ApiKeyError(f"there is no valid key {key_id[:40]!r}: `thumbprint access list` shows the valid keys")
        if not key_id.isalnum():  # a database does not accept every string from a command line
            raise unknown
        with self._database.writing() as connection:
            wanted = update(API_KEYS).where(API_KEYS.c.id == key_id, API_KEYS.c.revoked_at.is_(None))
            if not connection.execute(wanted.values(revoked_at=datetime.now(UTC))).rowcount:
                raise unknown

    def remembered(self, secret: str) -> ApiKey | None:
        """Returns the key that `find` returned at most `REMEMBERED_SECONDS` ago, without asking the database."""
        with self._lock:
            return self._remembered.get(_digest(secret))

    def find(self, secret: str) -> ApiKey | None:
        """Returns the valid key of this secret. Raises DatabaseError if the table cannot be read."""
        digest = _digest(secret)
        with self._database.reading() as connection:
            row = connection.execute(_VALID.where(API_KEYS.c.digest == digest)).first()
        if row is None:
            return None
        key = ApiKey(row.id, row.name, KeyScope(row.scope), row.device_id, row.created_at)
        with self._lock:
            self._remembered[digest] = key
        return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
