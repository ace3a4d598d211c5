"""Replaces parts of a text by a placeholder, so that the model does not learn them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from keyboard_model.text.casing import canonical_form, lower_case
from keyboard_model.text.units import PLACEHOLDER, Kind, normalize, units

Span = tuple[int, int]
_SPACE = re.compile(r"(\s+)")


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


def mask_words(text: str, gone: Callable[[str], bool]) -> str:
    """Returns `text` with every word masked that is `gone`, in lower case or in canonical form.

    All else stays as it was typed, invisible characters included; only what touches a masked word is normalized.
    """
    if not _spans(normalize(text), gone):
        return text
    masked = []
    for part in _SPACE.split(text):
        normal = normalize(part)
        spans = _spans(normal, gone)
        masked.append(replace_spans(normal, spans) if spans else part)
    return "".join(masked)


def _spans(normal: str, gone: Callable[[str], bool]) -> list[Span]:
    return [
        (unit.start, unit.end)
        for unit in units(normal)
        if unit.kind is not Kind.MARK and _is_gone(normal[unit.start : unit.end].strip("<>"), gone)
    ]


def _is_gone(written: str, gone: Callable[[str], bool]) -> bool:
    word, canonical = lower_case(written), canonical_form(written)
    return gone(canonical) or (word != canonical and gone(word))
