"""Steps that are done once for the same inputs: known by content, not by what happens to lie there.

`steps.json` holds of each step the hash of its inputs, and once it is done those of its outputs. A step is left
out when both still hold; it goes on where it was when it was begun with the same inputs and not finished.
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
    """The folder cannot take the steps; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """One step over a folder.

    Attributes:
        name: In `steps.json`.
        values: What the outcome depends on besides files; as JSON.
        reads: The files that it depends on, relative to the folder.
        packages: Our packages whose code it runs: another program may give another outcome.
        writes: The files that it makes, relative to the folder.
        work: Does it. Called with whether it was begun before with the same inputs, and not finished.
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


def _program(packages: Sequence[str]) -> str:
    hashed = hashlib.sha256()
    for package in packages:
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for file in sorted(Path(folder).rglob("*.py")):
                hashed.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return hashed.hexdigest()


class _Done(BaseModel):
    """What is known of a step: the hash of its inputs, and of what it wrote; None while it is not finished."""

    inputs: str
    outputs: dict[str, str | None] | None


_STATES = TypeAdapter(dict[str, _Done])


class Steps:
    """The steps of one folder; made by `steps_in`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._state = _STATES.validate_json((folder / _STATE).read_bytes())
        except (FileNotFoundError, ValidationError):  # a damaged state knows nothing: all is done anew
            self._state = {}

    def run(self, step: Step) -> bool:
        """Does a step unless it is done. Returns whether there was anything to do."""
        inputs, known = self._inputs(step), self._state.get(step.name)
        if known and known.inputs != inputs:
            known = None
        if known and known.outputs == self._digests(step.writes):
            return False
        self._keep(step.name, _Done(inputs=inputs, outputs=None))
        step.work(known is not None and known.outputs is None)
        self._keep(step.name, _Done(inputs=inputs, outputs=self._digests(step.writes)))
        return True

    def _inputs(self, step: Step) -> str:
        said = [dict(step.values), self._digests(step.reads), _program(step.packages)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def _digests(self, names: Sequence[str]) -> dict[str, str | None]:
        return {name: _digest(self._folder / name) for name in names}

    def _keep(self, name: str, done: _Done) -> None:
        self._state[name] = done
        atomic_write_private(self._folder / _STATE, _STATES.dump_json(self._state, indent=2) + b"\n")


@contextlib.contextmanager
def steps_in(folder: Path) -> Iterator[Steps]:
    """Holds `folder`, made where missing, for this process.

    Raises:
        StepsError: it cannot be written to, or another process holds it.
    """
    taken = f"another process is at work in {folder}: wait for it, or choose another folder"
    with exclusive_lock(folder, ".steps.lock", StepsError, taken):
        yield Steps(folder)
