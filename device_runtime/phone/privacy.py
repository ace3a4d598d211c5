"""An owner's rights over their data: a copy of everything that the phone stores, and deletion.

Each `forget` function deletes from messages, adapters and log in one transaction, so a crash leaves all of it or none.
An adapter that may have learned from deleted messages is deleted too. The transaction also records that deleted bytes
are still on disk. `PhoneFolder.scrub` erases them, at the latest when the folder is next opened. A damaged history that
was moved aside is erased first, as a whole, because single messages or words cannot be deleted from it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from device_runtime.inference.lexicon import Lexicon
from device_runtime.phone.folder import PhoneFolder
from device_runtime.phone.state import SHARED_START, new_salt
from device_runtime.phone.word_lists import learned_words
from keyboard_model.text.casing import canonical_form
from keyboard_model.text.masking import mask_words

EXPORT_FORMAT = "thumbprint-export"
EXPORT_VERSION = 1


def export(folder: PhoneFolder, lexicon: Lexicon) -> dict[str, Any]:
    """Returns messages, words, adapter, adaptations and settings as a JSON-serializable value.

    The adapter is the file of the one in use, in base64; None = the shared start. Times are ISO 8601. Forgotten words
    are only counted, because the phone does not know them.
    """
    state = folder.state.now
    return {
        "format": EXPORT_FORMAT,
        "format_version": EXPORT_VERSION,
        "model_id": state.model_id,
        "messages": [{"text": message.text, "at": _plain(message.at)} for message in folder.history.messages()],
        "words": [_row(word) for word in learned_words(folder.history.messages(), lexicon, limit=None)],
        "adapter": _adapter(folder, state.adapter),
        "adaptations": [_row(entry) for entry in folder.log.entries()],
        "settings": {
            "incognito": state.incognito,
            "forgotten_words": len(folder.forgotten),
            "blocked_words": list(folder.blocked),
            "history_strength": state.strength,
            "fallen_back": folder.evidence.fallen_back,
        },
    }


def _adapter(folder: PhoneFolder, adapter_id: int) -> dict[str, Any] | None:
    if adapter_id == SHARED_START:
        return None
    data = folder.adapters.path(adapter_id).read_bytes()
    return {"id": adapter_id, "safetensors": base64.b64encode(data).decode("ascii")}


def _row(value: Any) -> dict[str, Any]:
    return {name: _plain(field) for name, field in asdict(value).items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def forget_word(folder: PhoneFolder, word: str) -> int:
    """Masks a word in every stored message and in all later ones. Returns how many messages contained it."""
    wanted = canonical_form(word)
    folder.erase_damaged_copies()
    with folder.database.transaction():
        folder.forgotten.write(word)
        changed = folder.history.rewrite(lambda text: mask_words(text, wanted.__eq__))
        _unlearn(folder, changed)
    _reload(folder)
    return len(changed)


def mask_forgotten(folder: PhoneFolder) -> None:
    """Masks every forgotten word in the stored messages."""
    with folder.database.transaction():
        _unlearn(folder, folder.history.rewrite(folder.forgotten.masked))
    _reload(folder)


def forget_since(folder: PhoneFolder, at: datetime) -> int:
    """Deletes the messages typed at that time or later. Returns how many there were."""
    folder.erase_damaged_copies()
    with folder.database.transaction():
        deleted = folder.history.delete_since(at)
        _unlearn(folder, deleted)
    _reload(folder)
    return len(deleted)


def forget_all(folder: PhoneFolder) -> None:
    """Deletes messages, adapters, log and the lists of forgotten and blocked words. Incognito mode does not change."""
    folder.erase_damaged_copies()
    with folder.database.transaction():
        folder.history.clear()
        folder.log.clear()
        folder.evidence.clear()
        folder.forgotten.clear()
        folder.blocked.clear()
        folder.state.change(adapter=SHARED_START, strength=1.0, due=None, unclean=True, salt=new_salt())
    _reload(folder)


def _unlearn(folder: PhoneFolder, messages: Sequence[int]) -> None:
    """Drops what was derived from these messages (ids, ascending)."""
    if not messages:
        return
    log, state = folder.log, folder.state.now
    derived = [entry.id for entry in log.entries() if entry.read(messages)]
    last = log.last()
    changes: dict[str, Any] = {"unclean": True}
    if state.adapter in derived:
        changes |= {"adapter": SHARED_START, "due": "forgetting"}
    if last is not None and last.id in derived:  # it chose the strength, even if its adapter was not kept
        changes |= {"strength": 1.0, "due": "forgetting"}
    log.give_up(derived)
    folder.state.change(**changes)


def _reload(folder: PhoneFolder) -> None:
    folder.forgotten.reread(folder.state.now.salt)
    folder.blocked.reread()
    folder.evidence.reread()
    folder.reload_adapter()
