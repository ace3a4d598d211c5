"""The findings on disk: each in a folder of its own, with the input's files and what happened."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.fuzz.target import Input

_NOTE = "finding.json"
_RUNS = 60
_SECONDS = 20.0
_LARGEST = 256 * 1024
"""Inputs above this size are saved as they are."""


@dataclass(frozen=True)
class Finding:
    """An input that broke the program. `seed` and `number` make it again; `times` counts inputs of the same place."""

    target: str
    place: str
    reason: str
    seed: int
    number: int
    times: int = 1


def save(folder: Path, finding: Finding, given: Input) -> Path:
    """Writes a finding and its input into a folder of its own. Returns that folder."""
    own = _folder(folder, finding)
    shutil.rmtree(own, ignore_errors=True)
    (own / "input").mkdir(parents=True)
    for name, data in given.items():
        (own / "input" / name).write_bytes(data)
    (own / _NOTE).write_text(json.dumps(asdict(finding), indent=1) + "\n")
    return own


def count_again(folder: Path, finding: Finding) -> Finding:
    """Counts one more input of a finding that is saved. Returns the finding with its new count."""
    note = _folder(folder, finding) / _NOTE
    again = Finding(**{**json.loads(note.read_text()), "times": finding.times + 1})
    note.write_text(json.dumps(asdict(again), indent=1) + "\n")
    return again


def load(folder: Path) -> dict[tuple[str, str], Finding]:
    """Returns the saved findings by target and place."""
    notes = [Finding(**json.loads(note.read_text())) for note in sorted(folder.glob(f"*/{_NOTE}"))]
    return {(note.target, note.place): note for note in notes}


def load_input(own: Path) -> tuple[str, Input]:
    """Returns the target's name and the input of one finding's folder."""
    note = json.loads((own / _NOTE).read_text())
    return str(note["target"]), {path.name: path.read_bytes() for path in sorted((own / "input").iterdir())}


def minimized(given: Input, still_fails: Callable[[Input], bool]) -> Input:
    """Removes parts of the files as long as the input fails in the same way, in at most `_RUNS` runs and `_SECONDS`.

    This is the first half of delta debugging (Zeller and Hildebrandt 2002, doi:10.1109/32.988498): complements only.
    """
    smallest, runs, until = dict(given), 0, time.monotonic() + _SECONDS
    for name in given:
        parts = 2
        while _LARGEST >= len(smallest[name]) >= parts and runs < _RUNS:
            data = smallest[name]
            size = -(-len(data) // parts)
            for at in range(0, len(data), size):
                tried = {**smallest, name: data[:at] + data[at + size :]}
                runs += 1
                if still_fails(tried):
                    smallest = tried
                    break
                if runs >= _RUNS or time.monotonic() > until:
                    return smallest
            else:
                parts *= 2
    return smallest


def _folder(folder: Path, finding: Finding) -> Path:
    digest = hashlib.sha256(f"{finding.target}\n{finding.place}".encode()).hexdigest()[:10]
    return folder / f"{finding.target}-{digest}"
