"""Deletes what an owner wants forgotten from everything a phone stores: messages, adapters, entries.

Each function is one transaction, so a crash leaves all of it or none. It records that bytes must still be erased
from the disk; `PhoneFolder.scrub` erases them, at the latest when the folder is next opened. An adapter that may
have learned from deleted messages is deleted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from device_runtime.phone.folder import PhoneFolder
from device_runtime.phone.state import SHARED_START, new_salt
from keyboard_model.text.masking import canonical_form, mask_words


def forget_word(folder: PhoneFolder, word: str) -> int:
    """Masks one word in every message and on this phone from now on. Returns how many messages contained it."""
    with folder.store.transaction():
        folder.forgotten.write(word)
        changed = folder.history.rewrite(lambda text: mask_words(text, canonical_form(word).__eq__))
        _unlearn(folder, changed)
    _reload(folder)
    return len(changed)


def forget_since(folder: PhoneFolder, at: datetime) -> int:
    """Deletes what was typed since that time. Returns how many messages were deleted."""
    with folder.store.transaction():
        gone = folder.history.delete_since(at)
        _unlearn(folder, gone)
    _reload(folder)
    return len(gone)


def forget_all(folder: PhoneFolder) -> None:
    """Deletes messages, adapters, entries and the lists of forgotten and blocked words; incognito stays as it is."""
    with folder.store.transaction():
        folder.history.clear()
        folder.log.clear()
        folder.forgotten.clear()
        folder.blocked.clear()
        folder.state.change(adapter=SHARED_START, strength=1.0, due=None, unclean=True, salt=new_salt())
    _reload(folder)


def _unlearn(folder: PhoneFolder, messages: Sequence[int]) -> None:
    """Drops what was derived from these messages, ids ascending."""
    if not messages:
        return
    log, state = folder.log, folder.state.now
    derived = [entry.id for entry in log.entries() if entry.read(messages)]
    last = log.last()
    changes: dict[str, Any] = {"unclean": True}
    if state.adapter in derived:
        changes |= {"adapter": SHARED_START, "due": "forgetting"}
    if last is not None and last.id in derived:  # so was the strength, whether or not its adapter was kept
        changes |= {"strength": 1.0, "due": "forgetting"}
    log.give_up(derived)
    folder.state.change(**changes)


def _reload(folder: PhoneFolder) -> None:
    folder.forgotten.reread(folder.state.now.salt)
    folder.blocked.reread()
    folder.reload_adapter()
