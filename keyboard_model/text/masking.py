"""Replaces parts of a text by a placeholder, so that the model does not learn them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keyboard_model.text.units import PLACEHOLDER, Kind, normalize, units

Span = tuple[int, int]


def replace_spans(text: str, spans: Iterable[Span]) -> str:
    """Returns `text` with each span replaced by a placeholder; spans that touch or overlap share one."""
    made: list[str] = []
    end = 0
    for first, last in sorted(spans):
        if made and first <= end:
            end = max(end, last)
            continue
        made += [text[end:first], PLACEHOLDER]
        end = last
    return "".join([*made, text[end:]])


def canonical_form(word: str) -> str:
    """Returns the word in lower case and without quotes around it, to compare spellings."""
    return normalize(word).lower().strip("'")


def mask_words(text: str, gone: Callable[[str], bool]) -> str:
    """Returns `text` with every word masked whose canonical form is `gone`; unchanged if there is none."""
    normal = normalize(text)
    spans = [
        (unit.start, unit.end)
        for unit in units(normal)
        if unit.kind is not Kind.MARK and gone(canonical_form(normal[unit.start : unit.end].strip("<>")))
    ]
    return replace_spans(normal, spans) if spans else text
