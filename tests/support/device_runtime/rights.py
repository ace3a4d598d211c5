"""A phone whose owner's word can be looked for: in its suggestions, and in the bytes of its folder."""

from __future__ import annotations

from pathlib import Path

from device_runtime.phone.phone import Phone

WORD = "zorblatt"
AROUND = ["see you at home", "ok thanks see you", "are you coming home now", "thanks, see you at the station"] * 15
MESSAGES = [message for text in AROUND for message in (text, f"Meet {WORD.title()} at the station")]


def bytes_with(folder: Path, word: str) -> list[str]:
    """Names of the files in which the word stands, in any case."""
    return [path.name for path in folder.iterdir() if word.encode() in path.read_bytes().lower()]


def chance(phone: Phone, word: str, context: str, personal: bool = True) -> float:
    """The word's probability after a context; 0 where it is not suggested."""
    found = phone.predict(context, word, k=100, personal=personal)
    return sum(suggestion.probability for suggestion in found if suggestion.word == word)
