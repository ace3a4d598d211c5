"""The few facts that make a phone's folder one phone, in one row that changes whole."""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from device_runtime.phone.database import PhoneDatabase

SHARED_START = 0
"""In an adapter's place: the bundle's own, before any adaptation."""

Due = Literal["new model", "forgetting", "damaged"]
"""Why a phone went back to the shared start and should adapt anew: see `policy`."""


@dataclass(frozen=True)
class PhoneState:
    """
    Attributes:
        model_id: The base model that the adapters belong to.
        adapter: Id of the adaptation whose adapter is in use, or SHARED_START.
        strength: How strongly the owner's words are mixed in (see `history_strength`).
        due: Why the adapter should be derived anew; None = it need not be.
        unclean: Something was forgotten and its last bytes are not yet off the disk.
        incognito: Nothing is observed.
        salt: Key of the forgotten words' hashes.
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
        return cls(model_id, SHARED_START, 1.0, None, unclean=False, incognito=False, salt=new_salt())


def new_salt() -> bytes:
    return secrets.token_bytes(16)


class StateRow:
    """The row on disk."""

    def __init__(self, store: PhoneDatabase, model_id: str) -> None:
        """Makes the row, for this model, where there is none."""
        self._store = store
        if not self._rows():
            self._write(PhoneState.new(model_id))

    @property
    def now(self) -> PhoneState:
        """What it holds."""
        model_id, adapter, strength, due, unclean, incognito, salt = self._rows()[0]
        return PhoneState(model_id, adapter, strength, due, bool(unclean), bool(incognito), salt)

    def change(self, **changes: Any) -> None:
        """Changes some of it, by the names of `PhoneState`."""
        with self._store.transaction():
            self._write(replace(self.now, **changes))

    def _rows(self) -> list[tuple[Any, ...]]:
        return self._store.rows("SELECT model_id, adapter, strength, due, unclean, incognito, salt FROM state")

    def _write(self, state: PhoneState) -> None:
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO state (one, model_id, adapter, strength, due, unclean, incognito, salt) "
                "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                astuple(state),
            )
