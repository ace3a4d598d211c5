"""All that a phone keeps of its owner, as one value that goes into JSON."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Any

from device_runtime.inference.lexicon import Lexicon
from device_runtime.phone.folder import PhoneFolder
from device_runtime.phone.state import SHARED_START
from device_runtime.phone.word_lists import learned_words

FORMAT = "thumbprint-export"
FORMAT_VERSION = 1


def export(folder: PhoneFolder, lexicon: Lexicon) -> dict[str, Any]:
    """Returns messages, words, the adapter in use (its file in base64; None = the shared start), adaptations, settings.

    Times are ISO 8601. Forgotten words are counted, not named: the phone does not know them.
    """
    state = folder.state.now
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
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
        },
    }


def _adapter(folder: PhoneFolder, adapter_id: int) -> dict[str, Any] | None:
    if adapter_id == SHARED_START:
        return None
    data = folder.shelf.path(adapter_id).read_bytes()
    return {"id": adapter_id, "safetensors": base64.b64encode(data).decode("ascii")}


def _row(value: Any) -> dict[str, Any]:
    return {name: _plain(field) for name, field in asdict(value).items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
