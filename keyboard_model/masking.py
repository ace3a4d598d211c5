"""Parts of a text replaced by the placeholder: the model learns that something stood there, not what."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keyboard_model.text import PLACEHOLDER, Kind, normalize, units

Span = tuple[int, int]


def replaced(text: str, spans: Iterable[Span]) -> str:
    """Returns `text` with a placeholder in place of each of these spans; those that touch or overlap share one."""
    made: list[str] = []
    end = 0
    for first, last in sorted(spans):
        if made and first <= end:
            end = max(end, last)
            continue
        made += [text[end:first], PLACEHOLDER]
        end = last
    return "".join([*made, text[end:]])


def bare(word: str) -> str:
    """What two spellings of a word have in common: case and quotes around it are gone."""
    return normalize(word).lower().strip("'")


def without_words(text: str, gone: Callable[[str], bool]) -> str:
    """Returns `text`, every word of it that is `gone` (asked in its bare form) masked; untouched where none is."""
    normal = normalize(text)
    spans = [
        (unit.start, unit.end)
        for unit in units(normal)
        if unit.kind is not Kind.MARK and gone(bare(normal[unit.start : unit.end].strip("<>")))
    ]
    return replaced(normal, spans) if spans else text
