"""The states that clients keep between rounds, and the server's state after the same round, in one SQLite file.

On a real fleet each state is on its own phone. A simulation stores them beside the run. A round is one transaction, so
a run that was killed at any moment finds the states of server and clients after the same round.
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

_CLIENTS_IN_QUERY = 500  # SQLite allows at least 999 values in a query

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
    """Stored states. Open it with `ClientStateStore.open`, in one process at a time (the run's lock ensures that)."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> ClientStateStore:
        """Opens the file, and creates it if it does not exist.

        Raises:
            RunError: the file cannot be written, or is damaged.
        """
        engine = create_engine(f"sqlite:///{path}")
        try:
            _metadata.create_all(engine)
        except DatabaseError as error:
            engine.dispose()
            raise RunError(f"cannot store the clients' states in {path}: {error.orig}") from error
        return cls(path, engine)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> ClientStateStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def clients(self, clients: Sequence[str]) -> dict[str, list[np.ndarray]]:
        """Returns the states of some clients by id; a client that took part in no round has none."""
        found = {}
        with self._engine.connect() as connection:
            for start in range(0, len(clients), _CLIENTS_IN_QUERY):
                wanted = clients[start : start + _CLIENTS_IN_QUERY]
                for client, state in connection.execute(select(_clients).where(_clients.c.client.in_(wanted))):
                    found[client] = _from_bytes(state)
        return found

    def server(self) -> tuple[int, list[np.ndarray]] | None:
        """Returns the last round and the server's state after it; None before the first round."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_server.c.round, _server.c.state)).first()
        return None if row is None else (row.round, _from_bytes(row.state))

    def save(self, number: int, server: Arrays, clients: Mapping[str, Arrays]) -> None:
        """Saves a round completely or not at all.

        Args:
            number: The round's number.
            server: The server's state after the round.
            clients: The new states of the clients that took part, by id.

        Raises:
            RunError: the round cannot be written, for example because the disk is full. The round before it is kept.
        """
        try:
            with self._engine.begin() as connection:
                values = {"id": 0, "round": number, "state": _to_bytes(server)}
                row = insert(_server).values(values)
                connection.execute(row.on_conflict_do_update(index_elements=["id"], set_=values))
                for client, arrays in clients.items():
                    state = _to_bytes(arrays)
                    row = insert(_clients).values(client=client, state=state)
                    connection.execute(row.on_conflict_do_update(index_elements=["client"], set_={"state": state}))
        except DatabaseError as error:
            raise RunError(
                f"cannot save round {number} in {self.path}: {error.orig}. If the disk is full, free some space and "
                "run the command again"
            ) from error


def _to_bytes(arrays: Arrays) -> bytes:
    return safetensors.numpy.save({f"{i:03}": np.asarray(array, order="C") for i, array in enumerate(arrays)})


def _from_bytes(content: bytes) -> list[np.ndarray]:
    arrays = safetensors.numpy.load(content)
    return [arrays[name] for name in sorted(arrays)]
