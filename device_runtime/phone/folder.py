"""A phone's folder on disk: its lock, the model it belongs to, and the adapter in use.

The database is authoritative. An adapter's file is written before the database names it, and deleted after the
database has dropped it. So a crash can leave a file too many, but never one too few.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from device_runtime.adapter.adapter import Adapter, AdapterError
from device_runtime.adapter.files import AdapterStore
from device_runtime.bundle.loader import Bundle
from device_runtime.phone.adaptation_log import AdaptationEntry, AdaptationLog
from device_runtime.phone.damaged_history import erase_damaged_copies, open_or_start_anew, rescue
from device_runtime.phone.evidence import Evidence
from device_runtime.phone.message_history import MessageHistory
from device_runtime.phone.state import SHARED_START, StateRow
from device_runtime.phone.word_lists import BlockedWords, ForgottenWords


class FolderError(ValueError):
    """The folder cannot be used, or a request cannot be fulfilled; the message says why."""


class PhoneFolder:
    """An open folder.

    Attributes:
        path: The path of the folder.
        database: The SQLite file.
        state, history, log, evidence, forgotten, blocked: The tables of the database.
        adapters: The adapters' files.
        adapter: The adapter in use.
        notes: What `open` had to repair, one sentence for each repair.
    """

    def __init__(self, path: Path, bundle: Bundle, descriptor: int) -> None:
        self.path = path
        self.notes: list[str] = []
        self._initial = bundle.adapter_init
        self._model_id = bundle.manifest.model_id
        self._history_path = path / "history.sqlite"
        self.database, damage = open_or_start_anew(self._history_path)
        try:
            self.state = self._state(damage)
            self.history = MessageHistory(self.database)
            self.log = AdaptationLog(self.database)
            self.evidence = Evidence(self.database)
            self.forgotten = ForgottenWords(self.database, self.state.now.salt)
            self.blocked = BlockedWords(self.database)
            self.adapters = AdapterStore(path, bundle.manifest)
            self._repair()
            self.adapter = self._load()
        except BaseException:
            self.database.close()
            raise
        self._release = weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path, bundle: Bundle) -> PhoneFolder:
        """Opens the folder (creates it if missing) and locks it. A damaged history is moved aside, and `notes` says so.

        Raises:
            FolderError, PhoneDatabaseError: another process has it open, or it cannot be used.
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
                raise FolderError(f"{path} is in use by another phone: close that phone first") from error
            except BaseException:
                os.close(descriptor)
                raise

    def close(self) -> None:
        """Closes the database and unlocks the folder."""
        self.database.close()
        self._release()

    def record(self, entry: AdaptationEntry, adapter: Adapter | None) -> None:
        """Stores an entry, and its adapter if there is one, which is then in use."""
        with _reported(self.path):
            if adapter is not None:
                self.adapters.save(entry.id, adapter)
            self._add(entry)
            if adapter is not None:
                self.adapter = adapter
            self.adapters.keep_only(self.log.stored())

    def record_file(self, entry: AdaptationEntry, data: bytes) -> None:
        """Stores an entry and the adapter file of another phone, which is then in use.

        Raises:
            FolderError: the file is damaged or belongs to another model.
        """
        with _reported(self.path):
            adapter = self.adapters.save_file(entry.id, data)
            self._add(entry)
            self.adapter = adapter
            self.adapters.keep_only(self.log.stored())

    def _add(self, entry: AdaptationEntry) -> None:
        with self.database.transaction():
            self.log.add(entry)
            self.state.change(due=None, **({"adapter": entry.id} if entry.stored else {}))

    def roll_back(self, to: int | None) -> bool:
        """Returns to a stored adapter.

        Args:
            to: The adapter's id, or SHARED_START for the bundle's own adapter; None = the adapter used before this one.

        Returns:
            False if `to` is None and the bundle's own adapter is already in use.

        Raises:
            FolderError: the adapter is not stored or cannot be read; the adapter in use stays.
        """
        current = self.state.now.adapter
        if to is None and current == SHARED_START:
            return False
        target = self.log.before(current) if to is None else to
        stored = self.log.stored()
        if target not in (SHARED_START, *stored):
            known = ", ".join(map(str, [SHARED_START, *stored]))
            raise FolderError(
                f"adapter {target} is not stored: choose one of {known} ({SHARED_START} is the bundle's own adapter)"
            )
        with _reported(self.path):
            adapter = self._initial if target == SHARED_START else self.adapters.load(target)
            self.state.change(adapter=target)
            self.adapter = adapter
        return True

    def reload_adapter(self) -> None:
        """Loads the adapter that the state names. Call it after a change of the state."""
        self.adapter = self._load()

    def scrub(self) -> None:
        """Erases the remaining bytes of forgotten data from the disk: dropped adapters, and pages of the database."""
        with _reported(self.path):
            self.adapters.keep_only(self.log.stored())
            self.database.scrub()
            self.state.change(unclean=False)

    def erase_damaged_copies(self) -> None:
        """Erases the damaged history that `open` moved aside, if any. Single words cannot be deleted from it."""
        with _reported(self.path):
            erase_damaged_copies(self._history_path)

    def _state(self, damage: str | None) -> StateRow:
        """Returns the state. A phone that starts anew gets back its lists and its incognito setting, if it can."""
        with self.database.transaction() as db:
            state = StateRow(self.database, self._model_id)
            rescued = rescue(self._history_path) if state.is_new else None
            if rescued is not None:
                state.change(incognito=rescued.incognito, salt=rescued.salt)
                db.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", [(each,) for each in rescued.forgotten])
                db.executemany("INSERT OR IGNORE INTO blocked VALUES (?)", [(each,) for each in rescued.blocked])
        if damage is not None:
            kept = "it kept" if rescued is not None else "it lost"
            self.notes.append(f"{damage}; {kept} its lists of forgotten and blocked words and its incognito setting")
        return state

    def _repair(self) -> None:
        state = self.state.now
        if state.model_id != self._model_id:
            self._move_to_this_model()
        if state.unclean:
            self.scrub()
        self.adapters.keep_only(self.log.stored())

    def _move_to_this_model(self) -> None:
        state = self.state.now
        had_adapter = state.adapter != SHARED_START
        self.notes.append(
            "the bundle holds another model; the history was kept"
            + (", and the old adapter was dropped: the next adaptation makes a new one" if had_adapter else "")
        )
        with self.database.transaction():
            self.log.give_up(self.log.stored())
            self.evidence.clear()
            due = "new model" if had_adapter else state.due
            self.state.change(model_id=self._model_id, adapter=SHARED_START, strength=1.0, due=due)
        self.evidence.reread()

    def _load(self) -> Adapter:
        adapter_id = self.state.now.adapter
        if adapter_id == SHARED_START:
            return self._initial
        try:
            return self.adapters.load(adapter_id)
        except AdapterError as error:  # nothing is lost: the next adaptation derives an adapter from the history
            self.notes.append(f"{error}; the phone uses the bundle's own adapter until it adapts again")
            with self.database.transaction():
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
