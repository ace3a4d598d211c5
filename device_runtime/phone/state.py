"""The state of a phone: its model, the adapter in use, and the settings. One database row holds it."""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.database_check import SALT_BYTES

SHARED_START = 0
"""The adapter id that stands for the bundle's own adapter, which a phone uses before its first adaptation."""

Due = Literal["new model", "forgetting", "damaged"]
"""Why a phone returned to the shared start and needs a new adapter: see `adaptation_policy`."""


@dataclass(frozen=True)
class PhoneState:
    """One value of the state.

    Attributes:
        model_id: The shared model that the adapters belong to.
        adapter: The id of the adaptation whose adapter is in use, or SHARED_START.
        strength: The weight of the owner's n-grams, from 0 to 1 (see `ngram_weight`).
        due: Why the phone needs a new adapter; None = it does not.
        unclean: Something was forgotten, but its bytes were not yet erased from the disk.
        incognito: Whether the phone stores nothing that is typed.
        salt: The key of the forgotten words' hashes.
    """

    model_id: str
    adapter: int
    strength: float
    due: Due | None
    unclean: bool
    incognito: bool
    salt: bytes

    @classmethod
    def new(cls, model_id: str) -> PhoneState:
        """Returns the state of a new phone."""
        return cls(model_id, SHARED_START, 1.0, None, unclean=False, incognito=False, salt=new_salt())


def new_salt() -> bytes:
    """Returns a random key for the hashes of forgotten words."""
    return secrets.token_bytes(SALT_BYTES)


class StateRow:
    """The database row that holds the state.

    Attributes:
        is_new: Whether the database did not have it before.
    """

    def __init__(self, database: PhoneDatabase, model_id: str) -> None:
        """Creates the row, with this model, if the database does not have it."""
        self._database = database
        self.is_new = not self._rows()
        if self.is_new:
            self._write(PhoneState.new(model_id))

    @property
    def now(self) -> PhoneState:
        """The current state."""
        model_id, adapter, strength, due, unclean, incognito, salt = self._rows()[0]
        return PhoneState(model_id, adapter, strength, due, bool(unclean), bool(incognito), salt)

    def change(self, **changes: Any) -> None:
        """Changes some attributes, which are named as in `PhoneState`."""
        with self._database.transaction():
            self._write(replace(self.now, **changes))

    def _rows(self) -> list[tuple[Any, ...]]:
        return self._database.rows("SELECT model_id, adapter, strength, due, unclean, incognito, salt FROM state")

    def _write(self, state: PhoneState) -> None:
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO state (one, model_id, adapter, strength, due, unclean, incognito, salt) "
                "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                astuple(state),
            )
