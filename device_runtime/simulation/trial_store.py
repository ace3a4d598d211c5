"""Finished trials on disk, so that a simulation cut short goes on where it was (`rows.jsonl`).

A line is one trial under a key of everything it depends on: the model and recipe, the program's own
code, and the user's messages. So a row is reused exactly when computing it again would give it again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from device_runtime.manifest import Manifest
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan
from device_runtime.simulation.trial import Trial
from keyboard_model.storage.durable_files import AppendLog


class TrialStoreError(ValueError):
    """The folder cannot take the trials; the message says what to do."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    trial: Trial


def _code_digest() -> bytes:
    digest = hashlib.sha256()
    for package in ("device_runtime", "keyboard_model"):
        with resources.as_file(resources.files(package)) as folder:
            for module in sorted(folder.rglob("*.py")):
                digest.update(module.relative_to(folder).as_posix().encode() + b"\0" + module.read_bytes())
    return digest.digest()


class TrialKeys:
    """Makes the key of a user's trial."""

    def __init__(self, manifest: Manifest, plan: TrialPlan, service: str | None = None) -> None:
        """Args: service: what runs the phones, where that is no code of this process; its times are its own."""
        what = [manifest.model_id, manifest.recipe.model_dump(mode="json"), asdict(plan), service]
        self._common = hashlib.sha256(_code_digest() + json.dumps(what, sort_keys=True).encode())

    def key(self, user: SimulatedUser) -> str:
        """Returns 64 hex digits, usable as a file name whatever the user is called."""
        digest = self._common.copy()
        messages = [(at.isoformat() if at else None, text) for at, text in user.messages]
        digest.update(json.dumps([user.user_id, messages]).encode())
        return digest.hexdigest()


class TrialStore:
    """The trials in `<folder>/rows.jsonl`; a context manager that holds the file for one process."""

    def __init__(self, folder: Path) -> None:
        """Raises TrialStoreError: the folder cannot be written to, or another simulation writes to it now."""
        path = folder / "rows.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrialStoreError(f"cannot write {path}: {error.strerror or error}") from error
        self._file = AppendLog(path, TrialStoreError)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise TrialStoreError(
                f"another simulation is writing to {folder}: wait for it or give another --out"
            ) from error
        self._trials = self._read()

    def _read(self) -> dict[str, Trial]:
        found = {}
        for _, line in self._file.lines():
            try:
                stored = _Line.model_validate_json(line)
            except ValidationError:
                continue  # of another version: computed again
            found[stored.key] = stored.trial
        return found

    @property
    def trials(self) -> Mapping[str, Trial]:
        """Stored trials by key."""
        return self._trials

    def add(self, key: str, trial: Trial) -> None:
        """Stores one trial, at once and for good.

        Raises:
            TrialStoreError: the disk is full or gone; what was stored stays.
        """
        self._file.append(_Line(key=key, trial=trial).model_dump_json().encode())

    def __enter__(self) -> TrialStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
