"""Sums of counts by key on disk, in constant memory: an external merge sort of sorted runs.

Counts are added in memory and written as a run, a file sorted by key, when there are many. `FAN` runs of a level are
merged into one of the next level, as in a log-structured merge tree (O'Neil et al. 1996), so there are few files. A
merge holds one block of each run.

A cursor names the valid runs and says how many clients they contain. It is replaced atomically, after the run is on
disk. A process that is killed at any moment therefore continues at the last cursor, and counts no client twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from keyboard_model.ngram.kneser_ney import NgramCounts
from keyboard_model.storage.durable_files import atomic_write_private, erase, fsync_path

FAN = 16
"""Runs of a level that are merged into one."""
ROWS_IN_MEMORY = 1 << 20
"""Rows after which a run is written; a row is a key, its count and its clients: 24 bytes."""
BLOCK = 1 << 15
"""Rows of a run that a merge holds."""

_CURSOR = "cursor.json"
_FIELDS = len(NgramCounts._fields)
_ROW_BYTES = _FIELDS * 8
Rows = npt.NDArray[np.int64]
"""`[n, 3]` keys, counts, clients."""


class _Run(NamedTuple):
    number: int
    level: int
    rows: int


class SpilledCounts:
    """Sums of counts by key, and of the clients that they come from. One process at a time may use a folder.

    The files contain rare n-grams. Only their owner can read them. Delete the folder as soon as the sums are used.

    Attributes:
        clients: Clients counted so far, with those left out. A resumed count continues with the next one.
        dropped: Clients left out because their data was unusable.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        """Continues the sums in `folder`, or starts new ones if there are none, or damaged or other ones.

        Args:
            folder: Created if missing.
            identity: Names what is counted: sums of another identity are deleted.
        """
        self._folder, self._identity = folder, identity
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clients = self.dropped = self._next = 0
        self._runs: list[_Run] = []
        self._added: list[Rows] = []
        self._read_cursor()
        valid = {self._path(run) for run in self._runs} | {folder / _CURSOR}
        for path in folder.iterdir():
            if path not in valid:
                erase(path)

    def add(self, counts: NgramCounts, *, clients: int, dropped: int = 0) -> None:
        """Adds counts of `clients` clients, of which `dropped` were left out; keys in any order.

        They are on disk after the next `save`, which this calls when there are many in memory.
        """
        self._added.append(np.stack(counts, axis=1))
        self.clients += clients
        self.dropped += dropped
        if sum(map(len, self._added)) >= ROWS_IN_MEMORY:
            self.save()

    def save(self) -> None:
        """Writes everything added to disk.

        Raises:
            OSError: the disk is full or cannot be written; what was saved before is intact.
        """
        added = summed(self._added)
        self._added = []
        if len(added):
            self._runs.append(self._write([added], level=0))
        merged: list[_Run] = []
        while parts := self._full_level():
            self._runs = [run for run in self._runs if run not in parts]
            self._runs.append(self._write(self._merged(parts), parts[0].level + 1))
            merged += parts
        self._write_cursor()
        for run in merged:
            self._path(run).unlink(missing_ok=True)

    def blocks(self) -> Iterator[NgramCounts]:
        """Yields the saved sums in ascending order of keys, each key once, in blocks."""
        for rows in self._merged(self._runs):
            yield NgramCounts(*rows.T)

    def _full_level(self) -> list[_Run]:
        levels = sorted({run.level for run in self._runs})
        groups = ([run for run in self._runs if run.level == level] for level in levels)
        return next((group for group in groups if len(group) >= FAN), [])

    def _path(self, run: _Run) -> Path:
        return self._folder / f"{run.number:08d}.counts"

    def _write(self, blocks: Iterable[Rows], level: int) -> _Run:
        run, rows = _Run(self._next, level, 0), 0
        self._next += 1
        descriptor = os.open(self._path(run), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block).data)
                rows += len(block)
            file.flush()
            os.fsync(descriptor)
        return run._replace(rows=rows)

    def _merged(self, runs: Sequence[_Run]) -> Iterator[Rows]:
        with ExitStack() as stack:
            yield from merge([_blocks(stack.enter_context(self._path(run).open("rb"))) for run in runs])

    def _read_cursor(self) -> None:
        try:
            cursor = json.loads((self._folder / _CURSOR).read_text())
            runs = [_Run(*run) for run in cursor["runs"]]
            whole = all(self._path(run).stat().st_size == run.rows * _ROW_BYTES for run in runs)
            if whole and cursor["identity"] == self._identity:
                self.clients, self.dropped, self._next = cursor["clients"], cursor["dropped"], cursor["next"]
                self._runs = runs
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing was saved, or it is damaged: count from the beginning

    def _write_cursor(self) -> None:
        fsync_path(self._folder)  # the names of the new runs
        content = {
            "identity": self._identity,
            "clients": self.clients,
            "dropped": self.dropped,
            "next": self._next,
            "runs": self._runs,
        }
        atomic_write_private(self._folder / _CURSOR, json.dumps(content).encode())


def merge(runs: Sequence[Iterator[Rows]]) -> Iterator[Rows]:
    """Yields the sums of several runs by key, in ascending order of keys.

    Args:
        runs: The blocks of each run, not empty. The keys of a run are ascending and distinct.
    """
    heads = [(block, run) for run in runs if (block := next(run, None)) is not None]
    while heads:
        # A key up to the lowest last key is in no later block of any run.
        bound = min(block[-1, 0] for block, _ in heads)
        cuts = [int(block[:, 0].searchsorted(bound, "right")) for block, _ in heads]
        yield summed([block[:cut] for (block, _), cut in zip(heads, cuts, strict=True)])
        rest = ((block[cut:], run) for (block, run), cut in zip(heads, cuts, strict=True))
        heads = [
            (following, run)
            for block, run in rest
            if (following := block if len(block) else next(run, None)) is not None
        ]


def _blocks(file: BinaryIO) -> Iterator[Rows]:
    while len(block := np.fromfile(file, np.int64, BLOCK * _FIELDS).reshape(-1, _FIELDS)):
        yield block


def summed(parts: Sequence[Rows]) -> Rows:
    """Returns the sums of several `[n, 3]` by key, in ascending order of keys. `[m, 3]`"""
    rows = np.concatenate([np.zeros((0, _FIELDS), np.int64), *parts])
    rows = rows[rows[:, 0].argsort(kind="stable")]
    begins = np.flatnonzero(np.diff(rows[:, 0], prepend=-1))
    sums = np.add.reduceat(rows, begins, axis=0) if len(rows) else rows
    sums[:, 0] = rows[begins, 0]
    return sums
