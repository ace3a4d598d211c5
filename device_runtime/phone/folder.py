"""A phone's folder on disk: its lock, the model it belongs to, and the adapter in use.

The database is authoritative. An adapter's file is written before the database names it and deleted after the
database dropped it, so a crash leaves at worst one file too many, never one too few.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from device_runtime.adapter.adapter import Adapter, AdapterError
from device_runtime.adapter.store import AdapterStore
from device_runtime.bundle.loader import Bundle
from device_runtime.phone.adaptation_log import AdaptationEntry, AdaptationLog
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.message_history import MessageHistory
from device_runtime.phone.state import SHARED_START, StateRow
from device_runtime.phone.word_lists import BlockedWords, ForgottenWords


class FolderError(ValueError):
    """The folder cannot be used, or not for what was asked; the message says why."""


class PhoneFolder:
    """An open folder.

    Attributes:
        path: Where it is.
        store, state, history, log, forgotten, blocked: The SQLite file and its tables.
        adapters: The adapters' files.
        adapter: The one in use.
        notes: What `open` had to repair, one sentence each.
    """

    def __init__(self, path: Path, bundle: Bundle, descriptor: int) -> None:
        self.path = path
        self.notes: list[str] = []
        self._initial = bundle.adapter_init
        self._model_id = bundle.manifest.model_id
        self.store = PhoneDatabase(path / "history.sqlite")
        try:
            self.state = StateRow(self.store, self._model_id)
            self.history = MessageHistory(self.store)
            self.log = AdaptationLog(self.store)
            self.forgotten = ForgottenWords(self.store, self.state.now.salt)
            self.blocked = BlockedWords(self.store)
            self.adapters = AdapterStore(path, bundle.manifest)
            self._repair()
            self.adapter = self._load()
        except BaseException:
            self.store.close()
            raise
        self._release = weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path, bundle: Bundle) -> PhoneFolder:
        """Opens the folder (creates it if missing) and locks it.

        Raises:
            FolderError, StoreError: another process has it open, it is damaged, or it cannot be used.
        """
        with _reported(path):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(path, 0o700)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(path, bundle, descriptor)
            except BlockingIOError as error:
                os.close(descriptor)
                raise FolderError(f"{path} is in use: close the phone that holds it first") from error
            except BaseException:
                os.close(descriptor)
                raise

    def close(self) -> None:
        """Unlocks the folder."""
        self.store.close()
        self._release()

    def record(self, entry: AdaptationEntry, adapter: Adapter | None) -> None:
        """Stores an entry; its adapter, if any, is in use from then on."""
        with _reported(self.path):
            if adapter is not None:
                self.adapters.save(entry.id, adapter)
            self._enter(entry)
            if adapter is not None:
                self.adapter = adapter
            self.adapters.keep_only(self.log.stored())

    def record_file(self, entry: AdaptationEntry, data: bytes) -> None:
        """The same for an adapter's file from another phone. Raises FolderError if it does not fit this model."""
        with _reported(self.path):
            adapter = self.adapters.save_file(entry.id, data)
            self._enter(entry)
            self.adapter = adapter
            self.adapters.keep_only(self.log.stored())

    def _enter(self, entry: AdaptationEntry) -> None:
        with self.store.transaction():
            self.log.add(entry)
            self.state.change(due=None, **({"adapter": entry.id} if entry.stored else {}))

    def go_back(self, to: int | None) -> bool:
        """Puts a stored adapter in use.

        Args:
            to: Its id, SHARED_START for the bundle's own; None = the one before that in use.

        Returns:
            Whether there was one; always True if `to` is given.

        Raises:
            FolderError: that adapter is not stored or cannot be read; the one in use stays.
        """
        current = self.state.now.adapter
        if to is None and current == SHARED_START:
            return False
        target = self.log.before(current) if to is None else to
        stored = self.log.stored()
        if target not in (SHARED_START, *stored):
            known = ", ".join(map(str, [SHARED_START, *stored]))
            raise FolderError(f"there is no adapter {target} to go back to: there are {known} ({SHARED_START}: none)")
        with _reported(self.path):
            adapter = self._initial if target == SHARED_START else self.adapters.load(target)
            self.state.change(adapter=target)
            self.adapter = adapter
        return True

    def reload_adapter(self) -> None:
        """Loads the adapter that the state names, after another module changed the state."""
        self.adapter = self._load()

    def scrub(self) -> None:
        """Erases the last bytes of forgotten data from the disk: in the database files and dropped adapters."""
        with _reported(self.path):
            self.adapters.keep_only(self.log.stored())
            self.store.scrub()
            self.state.change(unclean=False)

    def _repair(self) -> None:
        state = self.state.now
        if state.model_id != self._model_id:
            self._move_to_this_model()
        if state.unclean:
            self.scrub()
        self.adapters.keep_only(self.log.stored())

    def _move_to_this_model(self) -> None:
        state = self.state.now
        had_one = state.adapter != SHARED_START
        self.notes.append(
            "the bundle is another one: the history was kept"
            + (", the adapter of the old was dropped: the next adaptation makes one for the new" if had_one else "")
        )
        with self.store.transaction():
            self.log.give_up(self.log.stored())
            due = "new model" if had_one else state.due
            self.state.change(model_id=self._model_id, adapter=SHARED_START, strength=1.0, due=due)

    def _load(self) -> Adapter:
        adapter_id = self.state.now.adapter
        if adapter_id == SHARED_START:
            return self._initial
        try:
            return self.adapters.load(adapter_id)
        except AdapterError as error:  # nothing is lost: the next adaptation derives it anew from the history
            self.notes.append(f"{error}; the phone goes on without it until it adapts again")
            with self.store.transaction():
                self.log.give_up([adapter_id])
                self.state.change(adapter=SHARED_START, due="damaged")
            self.adapters.keep_only(self.log.stored())
            return self._initial


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderError(f"{path} cannot be used: {error.strerror or error}") from error
    except AdapterError as error:
        raise FolderError(f"the adapter cannot be used: {error}") from error
