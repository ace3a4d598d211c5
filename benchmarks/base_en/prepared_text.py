"""Prepares texts for a base that is shipped: puts a placeholder in place of words that it must not suggest.

A model reads a placeholder and never suggests it, so the sentence around it can stay.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.text.masking import replace_spans
from keyboard_model.text.units import Kind, normalize, units

MIN_PEOPLE = 20
STOCK_NAMES = frozenset({"tom", "tom's", "mary", "mary's", "boston"})
"""The people and the town of the example sentences on Tatoeba: 280 times and more as frequent there as elsewhere."""


def without(text: str, left_out: Callable[[str], bool]) -> str:
    """Returns the text with a placeholder for each word that is left out.

    >>> without("I'm Zoë, hi!", lambda word: word == "zoë")
    "I'm <#>, hi!"
    """
    spans = [(unit.start, unit.end) for unit in units(text) if unit.kind is Kind.WORD and left_out(unit.text)]
    return replace_spans(normalize(text), spans)


def without_rare_words(messages: Sequence[tuple[str, str]], min_people: int) -> list[str]:
    """Returns texts of people without the words that fewer than `min_people` of them typed.

    A rare word can name its author, or somebody whom the author knows.

    Args:
        messages: Who wrote it, and the text.

    >>> without_rare_words([("a", "I'm Zoë, hi!"), ("b", "hi, i'm fine")], 2)
    ["I'm <#>, hi!", "hi, i'm <#>"]
    """
    people = defaultdict(set)
    for person, text in messages:
        for unit in units(text):
            if unit.kind is Kind.WORD:
                people[unit.text].add(person)
    common = {word for word, typed in people.items() if len(typed) >= min_people}
    return [without(text, lambda word: word not in common) for _, text in messages]


def write_chat(messages: Path, out: Path) -> None:
    """Writes one line for each message of a file `{"user_id", "text"}` (JSON lines, gzip), without rare words."""
    with gzip.open(messages, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    _write(out, without_rare_words([(record["user_id"], record["text"]) for record in records], MIN_PEOPLE))


def write_sentences(sentences: Path, out: Path) -> None:
    """Writes the sentences of a file (gzip), without the stock names."""
    with gzip.open(sentences, "rt", encoding="utf-8") as lines:
        _write(out, (without(line, STOCK_NAMES.__contains__) for line in lines))


def _write(out: Path, lines: Iterable[str]) -> None:
    atomic_write(out, "".join(" ".join(line.split()) + "\n" for line in lines).encode())
