"""A phone's folder on disk: who holds it, which model it belongs to, its adapters."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from device_runtime.adapter import Adapter, AdapterError, load_adapter, save_adapter
from device_runtime.bundle import Bundle
from device_runtime.gate import Verdict
from keyboard_model.atomic import sync, write_private


class FolderError(ValueError):
    """The folder cannot be used; the message says why."""


class PhoneState(BaseModel):
    """What `state.json` holds. `forgetting`: everything is to be deleted, and the phone died before it was."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model_id: str
    adaptations: int = 0
    last_verdict: Verdict | None = None
    forgetting: bool = False


class PhoneFolder:
    """An open folder. `adapter`: the one in use when it was opened; `notes`: what had to be set right."""

    def __init__(self, path: Path, bundle: Bundle, descriptor: int) -> None:
        self.path = path
        self.history = path / "history.sqlite"
        self._adapter_path = path / "adapter.safetensors"
        self._previous_path = path / "previous.safetensors"
        self._state_path = path / "state.json"
        self._manifest = bundle.manifest
        self._initial = bundle.adapter_init
        self._release = weakref.finalize(self, os.close, descriptor)
        self._notes: list[str] = []
        self.state = self._read_state()
        if self.state.model_id != self._manifest.model_id:
            self._notes.append("the bundle is another one: the adapter of the old was dropped, the history kept")
            self._drop_adapters()
            self._write_state(PhoneState(model_id=self._manifest.model_id, forgetting=self.state.forgetting))
        self._clean()
        self.adapter = self._load(self._adapter_path) or self._initial

    @classmethod
    def open(cls, path: Path, bundle: Bundle) -> PhoneFolder:
        """Opens the folder and holds it. Raises FolderError where another holds it or it cannot be used."""
        with _reported(path):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(path, 0o700)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(descriptor)
                raise FolderError(f"{path} is in use: close the phone that holds it first") from error
            return cls(path, bundle, descriptor)

    def close(self) -> None:
        """Lets the folder go."""
        self._release()

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    @property
    def forgetting(self) -> bool:
        return self.state.forgetting

    def replace_adapter(self, adapter: Adapter, verdict: Verdict) -> None:
        """Stores a new adapter; the one in use becomes the previous. Each file changes whole, the new one last."""
        with _reported(self.path):
            current = self.adapter
            self._save(self._previous_path, current)
            self._save(self._adapter_path, adapter)
            self.adapter = adapter
            self.record(verdict)

    def record(self, verdict: Verdict) -> None:
        """Notes what the gate said."""
        with _reported(self.path):
            self._write_state(
                self.state.model_copy(update={"adaptations": self.state.adaptations + 1, "last_verdict": verdict})
            )

    def roll_back(self) -> Adapter | None:
        """Puts the previous adapter back in one rename. None where there is none."""
        with _reported(self.path):
            previous = self._load(self._previous_path)
            if previous is None:
                return None
            os.replace(self._previous_path, self._adapter_path)
            sync(self.path)
            self.adapter = previous
            return previous

    def begin_forgetting(self) -> None:
        """Notes that everything must go, before the first of it does."""
        with _reported(self.path):
            self._write_state(self.state.model_copy(update={"forgetting": True}))

    def forget_adapters(self) -> None:
        """Deletes the adapters, and with them the note of `begin_forgetting`: call it last."""
        with _reported(self.path):
            self._drop_adapters()
            self.adapter = self._initial
            self._write_state(PhoneState(model_id=self._manifest.model_id))

    def _drop_adapters(self) -> None:
        self._adapter_path.unlink(missing_ok=True)
        self._previous_path.unlink(missing_ok=True)
        sync(self.path)

    def _clean(self) -> None:
        for leftover in self.path.glob(".*.safetensors.*"):  # of a write that a crash cut off
            leftover.unlink(missing_ok=True)
        for leftover in self.path.glob(".state.json.*"):
            leftover.unlink(missing_ok=True)

    def _load(self, path: Path) -> Adapter | None:
        try:
            return load_adapter(path, self._manifest.model, self._manifest.model_id)
        except FileNotFoundError:
            return None
        except AdapterError as error:  # nothing is lost: the next adaptation derives it anew from the history
            self._notes.append(f"{error}; the phone goes on without it until it adapts again")
            path.unlink(missing_ok=True)
            return None

    def _save(self, path: Path, adapter: Adapter) -> None:
        save_adapter(path, adapter, self._manifest.model_id, self._manifest.recipe.adapter_dtype)

    def _read_state(self) -> PhoneState:
        try:
            return PhoneState.model_validate_json(self._state_path.read_bytes())
        except FileNotFoundError:
            state = PhoneState(model_id=self._manifest.model_id)
        except ValidationError:
            self._notes.append("state.json was damaged and was begun anew")
            state = PhoneState(model_id=self._manifest.model_id)
        self._write_state(state)
        return state

    def _write_state(self, state: PhoneState) -> None:
        write_private(self._state_path, state.model_dump_json(indent=2).encode())
        self.state = state


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderError(f"{path} cannot be used: {error.strerror or error}") from error
