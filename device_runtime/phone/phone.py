"""One phone: its owner's message history, their adapter, and the suggestions that result from both.

One folder holds everything, readable by its owner only:

    history.sqlite               messages, word lists, settings and adaptations (see `database`)
    adapter-<id>.safetensors     the adapters of the newest adaptations that were kept
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any

from device_runtime.adaptation.adapt import Adaptation
from device_runtime.adaptation.budget import Budget
from device_runtime.adaptation.trainer import InProcessTrainer, Trainer
from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import Engine
from device_runtime.manifest import Recipe
from device_runtime.phone import privacy
from device_runtime.phone.adaptation_log import AdaptationEntry, Cause
from device_runtime.phone.adaptation_policy import Conditions
from device_runtime.phone.database import PhoneDatabaseError
from device_runtime.phone.evidence import SHOWN
from device_runtime.phone.folder import FolderError, PhoneFolder
from device_runtime.phone.message_history import Entry, Message, storable
from device_runtime.phone.state import SHARED_START
from device_runtime.phone.word_lists import LearnedWord, can_be_listed, learned_words
from device_runtime.prediction.predictor import Suggestion, suggest
from device_runtime.prediction.read_messages import read_messages
from device_runtime.prediction.two_words import with_second_words
from device_runtime.prediction.typed_context import TypedContext
from device_runtime.prediction.user_model import UserModel
from keyboard_model.batching import AdaptationWindow, count_words
from keyboard_model.text.casing import canonical_form
from keyboard_model.text.sensitive import mask_sensitive

MAX_SUGGESTIONS = 100
MAX_BLOCKED_WORDS = 10_000
"""Words that `block` accepts for one phone: ample for a list of offensive words, and small in memory."""


class PhoneError(ValueError):
    """A request to a phone failed; the message says why, and nothing was changed."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Phone:
    """One user's phone; create it with `Phone.open`.

    Safe to use from several threads. Only one process at a time can have a folder open.
    """

    def __init__(
        self,
        engine: Engine,
        folder: PhoneFolder,
        blocked: frozenset[str],
        clock: Callable[[], datetime],
        trainer: Trainer,
    ) -> None:
        self._engine = engine
        self._trainer = trainer
        self._folder = folder
        self._blocked = frozenset(map(canonical_form, blocked))
        self._clock = clock
        self._adapter = folder.adapter
        self._empty_user_model = self._new_user_model()
        self._user_model = self._load_user_model()
        # Acquire these locks in this order. The adapter is immutable, so a reader needs no lock.
        self._adapting = threading.Lock()  # guards the adapters
        self._writing = threading.Lock()  # guards the history
        self._counting = threading.Lock()  # guards the user model; never held while a file is written

    @classmethod
    def open(
        cls,
        folder: Path | str,
        engine: Engine,
        blocked: frozenset[str] = frozenset(),
        clock: Callable[[], datetime] = _utc_now,
        trainer: Trainer | None = None,
    ) -> Phone:
        """Opens a phone's folder (creates it if missing) and finishes any deletion that a crash interrupted.

        An adapter of another model is dropped, and the history is kept. `notes` says so, and the next
        adaptation derives an adapter for this model. A damaged history is moved aside, and the phone starts anew;
        `notes` says so, too.

        Args:
            folder: The phone's own folder.
            engine: Runs the bundle.
            blocked: The app's block list: words that are never suggested (see `read_block_list`). The phone does not
                store it, but it stores its own list, to which `block` adds.
            clock: Returns the current time, for log entries and for messages without a time.
            trainer: Trains the adapters; None = train on `engine`, in the thread that calls `adapt`.

        Raises:
            PhoneError: the folder is in use by another process, or cannot be read and written.
        """
        with _reported():
            opened = PhoneFolder.open(Path(folder), engine.bundle)
            try:
                phone = cls(engine, opened, blocked, clock, trainer or InProcessTrainer(engine))
                phone._finish_forgetting()
                return phone
            except BaseException:
                opened.close()
                raise

    def close(self) -> None:
        """Releases the folder; the phone cannot be used afterwards."""
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
    def adapter_id(self) -> int:
        """The id of the adaptation that made the adapter in use; 0 = the bundle's own adapter."""
        return self._folder.state.now.adapter

    @property
    def notes(self) -> tuple[str, ...]:
        """What `open` had to repair, one sentence for each repair."""
        return tuple(self._folder.notes)

    @property
    def messages(self) -> int:
        """The number of messages in the history."""
        return len(self._folder.history)

    @property
    def words(self) -> int:
        """The number of words in the history."""
        return self._user_model.history.total

    @property
    def fallen_back(self) -> bool:
        """Whether the phone suggests the shared model's words, because its own did worse lately (see `evidence`)."""
        return self._folder.evidence.fallen_back

    @property
    def incognito(self) -> bool:
        """Whether the phone ignores what is typed. Set it to turn incognito mode on or off; it survives a restart."""
        return self._folder.state.now.incognito

    @incognito.setter
    def incognito(self, on: bool) -> None:
        with self._writing, _reported():
            self._folder.state.change(incognito=bool(on))

    def observe(self, text: str, at: datetime | None = None, private: bool = False) -> None:
        """Stores one message that the owner wrote, and learns from it. The message is on disk when this returns.

        Numbers of four digits or more, codes, addresses and forgotten words are masked first and never stored.

        Args:
            text: The message.
            at: When it was typed; None = not known, so the time of arrival counts.
            private: The field is private: ignore the message. While `incognito` is on, every message is ignored.

        Raises:
            PhoneError: the message is not text, or cannot be stored.
        """
        if not private:
            self.observe_many([(text, at)])

    def observe_many(self, messages: Iterable[str | tuple[str, datetime | None]]) -> None:
        """Stores messages in order, with or without times, and learns from them. Stores all of them or none."""
        read = [entry for entry in map(_entry, messages) if entry.text.strip()]
        if not read:
            return
        with self._writing, _reported():
            if self.incognito:
                return
            entries = [Entry(self._masked(entry.text), entry.at) for entry in read]
            if self._folder.history.add_many(entries, self._clock()):
                self._reload()  # old messages were dropped, so recount
                return
            texts = [entry.text for entry in entries]
            for message in read_messages(self._engine, texts, sum(map(count_words, texts))):
                self._folder.evidence.judge(message.units)
                with self._counting:  # released after each message, so that a prediction waits for at most one
                    self._user_model.observe(message)

    def predict(
        self, context: str, prefix: str = "", k: int = 3, personal: bool = True, two_words: bool = False
    ) -> list[Suggestion]:
        """Suggests the next word.

        Args:
            context: The message up to `prefix`.
            prefix: The part of the word typed so far, in any case. It may be longer, for example everything after
                the last space: only the word at its end is completed, and `Suggestion.replaces` says how long that is.
            k: How many words at most.
            personal: Whether to use the adapter and the owner's n-grams; False = the shared model alone.
            two_words: Whether a suggestion may go on with a second word, `Suggestion.then`. Takes k more predictions.

        Returns:
            The suggestions, the most probable first.

        Raises:
            PhoneError: an argument is not text, or k is not between 1 and 100.
        """
        if not isinstance(context, str) or not isinstance(prefix, str):
            raise PhoneError("context and prefix must be text")
        if not 1 <= k <= MAX_SUGGESTIONS:
            raise PhoneError(f"k is {k}: choose a k from 1 to {MAX_SUGGESTIONS}")
        # Masked as it would be when stored, so that n-grams after a masked word match.
        typed = TypedContext.of(storable(context), storable(prefix), self._masked)
        hidden = self._hidden if self._blocked or len(self._folder.blocked) or len(self._folder.forgotten) else None

        def best(typed: TypedContext, k: int) -> list[Suggestion]:
            initial = self._engine.bundle.adapter_init
            if not personal:
                return suggest(self._engine, initial, self._empty_user_model, typed, k, hidden).shared
            with self._counting:
                found = suggest(self._engine, self._adapter, self._user_model, typed, k, hidden)
            if k >= SHOWN and not typed.prefix:
                self._folder.evidence.remember(typed.before, *([each.word for each in words] for words in found))
            return found.shared if self.fallen_back else found.personal

        suggestions = best(typed, k)
        if not two_words:
            return suggestions
        return with_second_words(suggestions, lambda first: next(iter(best(typed.after(first.text), 1)), None))

    def adapt(self, budget: Budget = Budget()) -> Adaptation:  # noqa: B008 (a frozen value)
        """Trains a new adapter on the history and keeps it if the gate accepts it; `adaptations` records it.

        A crash at any instant leaves either the old or the new adapter intact. Training that exceeds the budget
        stops, and the old adapter stays. For when to call this, see `adaptation_policy`.

        Raises:
            PhoneError: the adapter cannot be stored; the old one stays.
        """
        with self._adapting, _reported():
            return self._adapt(budget)

    def conditions(self, idle: bool, charging: bool, unmetered: bool) -> Conditions:
        """Returns the input of `Policy.decide`. The caller supplies the state of screen, battery and network."""
        last = self._folder.log.last()
        return Conditions(
            at=self._clock(),
            idle=idle,
            charging=charging,
            unmetered=unmetered,
            new_words=self._folder.history.words_after(self._folder.log.last_message()),
            last_adaptation=last.at if last else None,
            due=self._folder.state.now.due,
        )

    def adaptations(self) -> list[AdaptationEntry]:
        """Returns every adaptation, oldest first."""
        return self._folder.log.entries()

    def rollback(self, to: int | None = None) -> bool:
        """Returns to a stored adapter.

        Args:
            to: The id of its entry, or 0 for the bundle's own adapter; None = the adapter used before the current one.

        Returns:
            False if `to` is None and the bundle's own adapter is already in use.

        Raises:
            PhoneError: the adapter is not stored any more or cannot be read; the adapter in use stays.
        """
        with self._adapting, _reported():
            changed = self._folder.roll_back(to)
            self._adapter = self._folder.adapter
            return changed

    def adapter_file(self) -> bytes | None:
        """Returns the file of the adapter in use, for `use_adapter_file` on another phone; None = the bundle's own."""
        with self._adapting, _reported():
            if self.adapter_id == SHARED_START:
                return None
            return self._folder.adapters.path(self.adapter_id).read_bytes()

    def use_adapter_file(self, data: bytes) -> AdaptationEntry:
        """Uses an adapter from another phone. The gate does not judge it; `rollback` returns to the previous adapter.

        Raises:
            PhoneError: the file is damaged or belongs to another model; the adapter in use stays.
        """
        with self._adapting, _reported():
            entry = AdaptationEntry.of_upload(self._folder.log.next_id(), self._folder.state.now, self._clock())
            self._folder.record_file(entry, data)
            self._adapter = self._folder.adapter
            return entry

    def learned_words(self, limit: int | None = 100) -> list[LearnedWord]:
        """Returns the owner's words: first those that the shared vocabulary lacks, then the most frequent.

        `limit` is how many words at most; None = all.
        """
        with _reported():
            return learned_words(self._folder.history.messages(), self._engine.lexicon, limit)

    def forget_word(self, word: str) -> int:
        """Forgets a word: masks it in every message, and never learns or suggests it again.

        Other forms of the word (`anna's` for `anna`) are other words. Adapters that may have learned from it are
        deleted. If one of them was in use, the phone trains a new one on the remaining messages.

        Returns:
            How many messages contained it.

        Raises:
            PhoneError: this is not one word, or the folder cannot be written; in the second case, open the phone again.
        """
        self._one_word(word)
        return self._forget(lambda: privacy.forget_word(self._folder, word))

    def unforget_word(self, word: str) -> bool:
        """Allows a forgotten word again; masked messages stay masked. Returns whether it was forgotten."""
        self._one_word(word)
        with self._writing, _reported():
            erased = self._folder.forgotten.erase(word)
            self._folder.forgotten.reread(self._folder.state.now.salt)
            return erased

    def block(self, words: Iterable[str]) -> int:
        """Adds words to this phone's block list: it may still learn them, but never suggests them.

        The list is stored, so it survives a restart and a new bundle. Case does not matter.

        Args:
            words: Single words. All of them are added, or none. To load a file, pass `read_block_list(path)`.

        Returns:
            How many of them were not on the list before.

        Raises:
            PhoneError: an item is not exactly one word, the list would exceed `MAX_BLOCKED_WORDS`, or the disk is full.
        """
        added = self._canonical(words)
        with self._writing, _reported():
            before = frozenset(self._folder.blocked)
            self._write_blocked(before | added)
            return len(added - before)

    def set_blocked_words(self, words: Iterable[str]) -> None:
        """Replaces this phone's block list, as a whole or not at all. Raises PhoneError as `block` does."""
        wanted = self._canonical(words)
        with self._writing, _reported():
            self._write_blocked(wanted)

    def unblock(self, word: str) -> bool:
        """Removes a word from this phone's block list. Returns whether it was there; the app's list is not changed."""
        self._one_word(word)
        with self._writing, _reported():
            erased = self._folder.blocked.erase(word)
            self._folder.blocked.reread()
            return erased

    def blocked_words(self) -> list[str]:
        """Returns this phone's block list in canonical form (lower case), sorted, without the app's list."""
        return list(self._folder.blocked)

    def forget_since(self, at: datetime) -> int:
        """Deletes the messages typed since a time ("the last hour"), and the adapters derived from them.

        Args:
            at: The time; UTC if it has no zone. A message without a time counts by its arrival.

        Returns:
            How many messages were deleted.
        """
        return self._forget(lambda: privacy.forget_since(self._folder, at))

    def forget_all(self) -> None:
        """Deletes everything, including the lists of forgotten and blocked words. If it crashes, `open` finishes it."""
        with self._adapting, self._writing, _reported():
            privacy.forget_all(self._folder)
            self._reload()
            self._folder.scrub()

    def export(self) -> dict[str, Any]:
        """Returns everything that the phone stores, as a JSON-serializable value: see `privacy.export`."""
        with self._adapting, self._writing, _reported():
            return privacy.export(self._folder, self._engine.lexicon)

    def _forget(self, forget: Callable[[], int]) -> int:
        with self._adapting, _reported():
            with self._writing:
                messages = forget()
                if messages:
                    self._reload()
                    self._folder.scrub()
            if messages and self._folder.state.now.due == "forgetting":
                self._adapt(Budget())
        return messages

    def _finish_forgetting(self) -> None:
        """Masks forgotten words that an earlier version left in messages, because it did not take them for words."""
        if any(word in self._folder.forgotten for word in self._user_model.history.sorted_words):
            with self._writing:
                privacy.mask_forgotten(self._folder)
                self._reload()
                self._folder.scrub()

    def _adapt(self, budget: Budget) -> Adaptation:
        recipe, folder = self._engine.bundle.manifest.recipe, self._folder
        cause: Cause = folder.state.now.due or "asked"
        read = folder.history.newest(recipe.newest_words)
        window = self._window(recipe, read)
        result = self._trainer.adapt(budget, window, self._adapter)
        entry = AdaptationEntry.of_adaptation(
            folder.log.next_id(), result, folder.state.now, read, cause, self._clock()
        )
        folder.record(entry, result.adapter if result.verdict.kept else None)
        self._adapter = folder.adapter
        if recipe.history.strengths > 1:
            self._choose_ngram_weight(window)
        return result

    def _window(self, recipe: Recipe, newest: Sequence[Message]) -> AdaptationWindow:
        """Splits the newest messages. Reads the earlier ones only if they are needed to choose the n-gram weight."""
        earlier: list[str] = []
        if newest and recipe.history.strengths > 1:
            first = newest[0].id
            earlier = [m.text for m in takewhile(lambda m: m.id < first, self._folder.history.messages())]
        return AdaptationWindow.split(
            [message.text for message in newest], recipe.holdout_share, recipe.holdout_words, earlier
        )

    def _choose_ngram_weight(self, window: AdaptationWindow) -> None:
        strength = self._trainer.strength(window, self._adapter)
        if strength is None:
            return
        self._folder.state.change(strength=strength)
        with self._counting:
            self._user_model.history.strength = strength

    def _reload(self) -> None:
        """Reloads adapter and user model from the folder; a prediction sees both changes or neither."""
        user_model = self._load_user_model()
        with self._counting:
            self._adapter, self._user_model = self._folder.adapter, user_model

    def _masked(self, text: str) -> str:
        return self._folder.forgotten.masked(mask_sensitive(text))

    def _canonical(self, words: Iterable[str]) -> frozenset[str]:
        listed = list(words)
        for word in listed:
            self._one_word(word)
        return frozenset(map(canonical_form, listed))

    def _write_blocked(self, words: frozenset[str]) -> None:
        if len(words) > MAX_BLOCKED_WORDS:
            raise PhoneError(
                f"a block list holds at most {MAX_BLOCKED_WORDS:,} words; this one would have {len(words):,}"
            )
        with self._folder.database.transaction():
            self._folder.blocked.clear()
            self._folder.blocked.write(words)
        self._folder.blocked.reread()

    def _hidden(self, word: str) -> bool:
        canonical = canonical_form(word)
        return canonical in self._blocked or canonical in self._folder.blocked or word in self._folder.forgotten

    def _one_word(self, word: str) -> None:
        if not isinstance(word, str) or not can_be_listed(word):
            raise PhoneError(f"{str(word)[:40]!r} is not one word")

    def _new_user_model(self) -> UserModel:
        return UserModel(self._engine.bundle.manifest.recipe.history, self._engine.lexicon.piece_of)

    def _load_user_model(self) -> UserModel:
        user_model = self._new_user_model()
        user_model.history.strength = self._folder.state.now.strength
        history = self._folder.history
        texts = (message.text for message in history.messages())
        for message in read_messages(self._engine, texts, history.words_after(0)):
            user_model.observe(message)
        return user_model


def _entry(message: str | tuple[str, datetime | None]) -> Entry:
    text, at = message if isinstance(message, tuple) else (message, None)
    if not isinstance(text, str):
        raise PhoneError(f"a message must be text, not {type(text).__name__}")
    return Entry(storable(text), at)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (FolderError, PhoneDatabaseError) as error:
        raise PhoneError(str(error)) from error
