"""Finished trials on disk (`rows.jsonl`), so that a simulation that was stopped can continue.

Each line is one trial and its key. The key covers everything that the trial depends on: the model and recipe, the code
of the program, and the user's messages. A stored trial is therefore reused only if a new run would give the same one.
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
    """The trials cannot be stored in this folder. The message says what to do."""


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
    """Makes the keys of trials that have the same bundle and plan."""

    def __init__(self, manifest: Manifest, plan: TrialPlan, service: str | None = None) -> None:
        """Creates the common part of the keys.

        Args:
            manifest: The bundle's manifest.
            plan: How the trials use the messages.
            service: The address of the service that runs the phones. Its code and speed are its own. None: the phones
                run in this program.
        """
        what = [manifest.model_id, manifest.recipe.model_dump(mode="json"), asdict(plan), service]
        self._common = hashlib.sha256(_code_digest() + json.dumps(what, sort_keys=True).encode())

    def key(self, user: SimulatedUser) -> str:
        """Returns 64 hex digits. They can be a file name, whatever the user's id is."""
        digest = self._common.copy()
        messages = [(at.isoformat() if at else None, text) for at, text in user.messages]
        digest.update(json.dumps([user.user_id, messages]).encode())
        return digest.hexdigest()


class TrialStore:
    """The trials in `<folder>/rows.jsonl`. A context manager that locks the file, so only one process writes to it."""

    def __init__(self, folder: Path) -> None:
        """Opens the store.

        Raises:
            TrialStoreError: the folder cannot be written to, or another simulation is writing to it.
        """
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
        trials = {}
        for _, line in self._file.lines():
            try:
                stored = _Line.model_validate_json(line)
            except ValidationError:
                continue  # written by another version: this trial runs again
            trials[stored.key] = stored.trial
        return trials

    @property
    def trials(self) -> Mapping[str, Trial]:
        """The trials of earlier runs by key."""
        return self._trials

    def add(self, key: str, trial: Trial) -> None:
        """Stores one trial durably.

        Raises:
            TrialStoreError: the disk is full or unavailable. Trials stored before are unchanged.
        """
        self._file.append(_Line(key=key, trial=trial).model_dump_json().encode())

    def __enter__(self) -> TrialStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
