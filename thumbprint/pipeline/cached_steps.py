"""Steps that run once for the same inputs. The contents of their files decide, not the existence of the files.

`steps.json` holds the hash of each step's inputs and, once the step is finished, of each of its outputs. A step is
skipped if both are unchanged. It continues if it was begun with the same inputs and not finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from keyboard_model.storage.durable_files import atomic_write_private
from keyboard_model.storage.file_lock import exclusive_lock

_STATE = "steps.json"


class StepsError(ValueError):
    """The folder cannot be used for the steps; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """One step in a folder.

    Attributes:
        name: Its name in `steps.json`.
        values: The inputs that are not files, as JSON.
        reads: The input files, relative to the folder.
        packages: Our packages whose code it runs: a change of the code can change the result.
        writes: The output files, relative to the folder.
        work: Runs the step. Its argument is whether the step was begun before with the same inputs and not finished.
    """

    name: str
    values: Mapping[str, object]
    reads: Sequence[str]
    packages: Sequence[str]
    writes: Sequence[str]
    work: Callable[[bool], None]


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError):
        return None


def _code_digest(packages: Sequence[str]) -> str:
    hashed = hashlib.sha256()
    for package in packages:
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for file in sorted(Path(folder).rglob("*.py")):
                hashed.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return hashed.hexdigest()


class _StepState(BaseModel):
    """The hash of a step's inputs, and those of its outputs (None until the step is finished)."""

    inputs: str
    outputs: dict[str, str | None] | None


_STATES = TypeAdapter(dict[str, _StepState])


class Steps:
    """The steps of one folder (see `steps_in`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._state = _STATES.validate_json((folder / _STATE).read_bytes())
        except (FileNotFoundError, ValidationError):  # without a valid state, every step is repeated
            self._state = {}

    def run(self, step: Step) -> bool:
        """Runs a step unless it is finished. Returns whether it ran."""
        inputs, known = self._inputs(step), self._state.get(step.name)
        if known and known.inputs != inputs:
            known = None
        if known and known.outputs == self._digests(step.writes):
            return False
        self._save(step.name, _StepState(inputs=inputs, outputs=None))
        step.work(known is not None and known.outputs is None)
        self._save(step.name, _StepState(inputs=inputs, outputs=self._digests(step.writes)))
        return True

    def _inputs(self, step: Step) -> str:
        inputs = [dict(step.values), self._digests(step.reads), _code_digest(step.packages)]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def _digests(self, names: Sequence[str]) -> dict[str, str | None]:
        return {name: _digest(self._folder / name) for name in names}

    def _save(self, name: str, done: _StepState) -> None:
        self._state[name] = done
        atomic_write_private(self._folder / _STATE, _STATES.dump_json(self._state, indent=2) + b"\n")


@contextlib.contextmanager
def steps_in(folder: Path) -> Iterator[Steps]:
    """Locks `folder` for this process. Creates the folder if it does not exist.

    Raises:
        StepsError: the folder cannot be written to, or another process has locked it.
    """
    locked = f"another process is at work in {folder}: wait for it, or choose another folder"
    with exclusive_lock(folder, ".steps.lock", StepsError, locked):
        yield Steps(folder)
