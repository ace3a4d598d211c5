"""One phone: its owner's history, their adapter, and the suggestions that come of both.

A folder holds all of it, readable by its owner only:

    history.sqlite          what was typed
    adapter.safetensors     the adapter in use; none = the shared start
    previous.safetensors    the one before it, for `rollback`
    state.json              which model the folder belongs to, the last verdict
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType

from device_runtime import adaptation
from device_runtime.adaptation import Adaptation
from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from device_runtime.habits import Habits
from device_runtime.history import Entry, History, HistoryError, storable
from device_runtime.phone_folder import FolderError, PhoneFolder
from device_runtime.predictor import Suggestion, Typed, suggest

MAX_SUGGESTIONS = 100


class PhoneError(ValueError):
    """What was asked of a phone cannot be done; the message says why, and nothing was changed."""


class Phone:
    """Open with `Phone.open`. Safe to use from several threads; one process at a time may hold a folder open."""

    def __init__(self, engine: Engine, folder: PhoneFolder, history: History) -> None:
        self._engine = engine
        self._folder = folder
        self._history = history
        self._adapter = folder.adapter
        self._nobody = self._no_habits()
        self._habits = self._recounted()
        # Taken in this order. The adapter is a value: a reader takes it in one look and needs no lock.
        self._adapting = threading.Lock()  # over the adapter's files
        self._writing = threading.Lock()  # over the history's
        self._counting = threading.Lock()  # over the habits, never held while a file is written

    @classmethod
    def open(cls, folder: Path | str, engine: Engine) -> Phone:
        """Opens a phone's folder, made where there is none.

        An adapter of another model is dropped (it means nothing there), the history is kept; `notes`
        says so.

        Raises:
            PhoneError: the folder is in use by another process, damaged, or cannot be written.
        """
        with _reported():
            opened = PhoneFolder.open(Path(folder), engine.bundle)
            try:
                history = History(opened.history)
                if opened.forgetting:
                    history.clear()
                    opened.forget_adapters()
                return cls(engine, opened, history)
            except BaseException:
                opened.close()
                raise

    def close(self) -> None:
        """Lets the folder go; the phone cannot be used any more."""
        self._history.close()
        self._folder.close()

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def adapter(self) -> Adapter:
        """The adapter in use."""
        return self._adapter

    @property
    def notes(self) -> tuple[str, ...]:
        """What opening had to set right, a sentence each."""
        return self._folder.notes

    @property
    def messages(self) -> int:
        """Messages in the history."""
        return len(self._history)

    @property
    def words(self) -> int:
        """Words counted from the history."""
        return self._habits.history.total

    def observe(self, text: str, at: datetime | None = None) -> None:
        """Learns one message that the owner wrote. It is on disk when this returns.

        Raises:
            PhoneError: it is no text, or cannot be stored.
        """
        self.observe_many([(text, at)])

    def observe_many(self, messages: Iterable[str | tuple[str, datetime | None]]) -> None:
        """Learns messages in order, with or without their times; all are stored, or none."""
        entries = [entry for entry in map(_entry, messages) if entry.text.strip()]
        if not entries:
            return
        with self._writing, _reported():
            if self._history.add_many(entries):
                self._habits = self._recounted()  # old messages went, and their counts with them
                return
            with self._counting:
                self._habits.observe(entry.text for entry in entries)

    def predict(self, context: str, prefix: str = "", k: int = 3, personal: bool = True) -> list[Suggestion]:
        """Suggests the next word.

        Args:
            context: The message before the word that is being typed.
            prefix: What of that word was typed, in any case.
            k: How many words at most.
            personal: False = the shared model alone.

        Raises:
            PhoneError: an argument is no text, or k is not between 1 and 100.
        """
        if not isinstance(context, str) or not isinstance(prefix, str):
            raise PhoneError("context and prefix must be text")
        if not 1 <= k <= MAX_SUGGESTIONS:
            raise PhoneError(f"k is {k}: ask for 1 to {MAX_SUGGESTIONS} suggestions")
        typed = Typed.of(storable(context), storable(prefix))
        if not personal:
            return suggest(self._engine, self._engine.bundle.adapter_init, self._nobody, typed, k)
        with self._counting:
            return suggest(self._engine, self._adapter, self._habits, typed, k)

    def adapt(self) -> Adaptation:
        """Trains a new adapter on the history and keeps it if the gate does.

        A crash at any instant leaves the old adapter or the new one, whole.

        Raises:
            PhoneError: the adapter cannot be stored; the old one stays.
        """
        recipe = self._engine.bundle.manifest.recipe
        with self._adapting, _reported():
            messages = self._history.newest_words(recipe.newest_words)
            anchor = self._engine.bundle.adapter_init
            result = adaptation.adapt(self._engine, recipe, messages, self._adapter, anchor)
            if result.verdict.kept:
                self._folder.replace_adapter(result.adapter, result.verdict)
                self._adapter = result.adapter
            else:
                self._folder.record(result.verdict)
        return result

    def rollback(self) -> bool:
        """Goes back to the adapter before the last one kept. Returns False where there is none."""
        with self._adapting, _reported():
            previous = self._folder.roll_back()
            if previous is not None:
                self._adapter = previous
            return previous is not None

    def forget_all(self) -> None:
        """Deletes history and adapters; if the phone dies in the midst of it, opening it again finishes the job."""
        with self._adapting, self._writing, _reported():
            self._folder.begin_forgetting()
            self._history.clear()
            self._folder.forget_adapters()
            self._adapter = self._engine.bundle.adapter_init
            self._habits = self._no_habits()

    def _no_habits(self) -> Habits:
        return Habits(self._engine.bundle.manifest.recipe.history, self._engine.lexicon.piece_of)

    def _recounted(self) -> Habits:
        habits = self._no_habits()
        habits.observe(entry.text for entry in self._history.messages())
        return habits


def _entry(message: str | tuple[str, datetime | None]) -> Entry:
    text, at = message if isinstance(message, tuple) else (message, None)
    if not isinstance(text, str):
        raise PhoneError(f"a message is text, not {type(text).__name__}")
    return Entry(storable(text), at)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (FolderError, HistoryError) as error:
        raise PhoneError(str(error)) from error
