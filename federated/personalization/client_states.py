"""What clients keep between rounds, by client id, with the server's state of the same round: one SQLite file.

On a real fleet each state lies on its own phone; a simulated one keeps them beside the run. A round is one
transaction, so that a run killed at any instant finds server and clients of one and the same round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import safetensors.numpy
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, create_engine, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError

from federated.run import RunError

Arrays = Sequence[np.ndarray]
"""The leaves of a structure, in order."""

_metadata = MetaData()
_clients = Table(
    "clients", _metadata, Column("client", String, primary_key=True), Column("state", LargeBinary, nullable=False)
)
_server = Table(
    "server",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("round", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)


class ClientStateStore:
    """Open with `ClientStateStore.open`; one process at a time (the run's lock sees to that)."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> ClientStateStore:
        """Opens the file, made where there is none.

        Raises:
            RunError: it cannot be written, or is damaged.
        """
        engine = create_engine(f"sqlite:///{path}")
        try:
            _metadata.create_all(engine)
        except DatabaseError as error:
            engine.dispose()
            raise RunError(f"cannot keep the clients' states in {path}: {error.orig}") from error
        return cls(path, engine)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> ClientStateStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def client(self, client: str) -> list[np.ndarray] | None:
        """Returns a client's state, None where it has not taken part yet."""
        with self._engine.connect() as connection:
            found = connection.execute(select(_clients.c.state).where(_clients.c.client == client)).scalar()
        return None if found is None else _unpacked(found)

    def server(self) -> tuple[int, list[np.ndarray]] | None:
        """Returns the last round and the server's state after it, None before the first."""
        with self._engine.connect() as connection:
            found = connection.execute(select(_server.c.round, _server.c.state)).first()
        return None if found is None else (found.round, _unpacked(found.state))

    def keep(self, number: int, server: Arrays, clients: Mapping[str, Arrays]) -> None:
        """Keeps a round: all of it or nothing.

        Raises:
            RunError: it cannot be written (a full disk, say); the round before it stays.
        """
        try:
            with self._engine.begin() as connection:
                values = {"id": 0, "round": number, "state": _packed(server)}
                kept = insert(_server).values(values)
                connection.execute(kept.on_conflict_do_update(index_elements=["id"], set_=values))
                for client, arrays in clients.items():
                    state = _packed(arrays)
                    own = insert(_clients).values(client=client, state=state)
                    connection.execute(own.on_conflict_do_update(index_elements=["client"], set_={"state": state}))
        except DatabaseError as error:
            raise RunError(
                f"cannot keep round {number} in {self.path} (disk full?): {error.orig}; make room and run it again"
            ) from error

    @property
    def bytes_a_client(self) -> int:
        """The largest state kept, in bytes; 0 where none is."""
        with self._engine.connect() as connection:
            return max((len(state) for state in connection.execute(select(_clients.c.state)).scalars()), default=0)


def _packed(arrays: Arrays) -> bytes:
    return safetensors.numpy.save({f"{at:03}": np.asarray(array, order="C") for at, array in enumerate(arrays)})


def _unpacked(content: bytes) -> list[np.ndarray]:
    found = safetensors.numpy.load(content)
    return [found[name] for name in sorted(found)]
