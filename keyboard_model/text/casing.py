"""Upper and lower case, and the one form in which two spellings of a word are compared.

A word of the vocabulary is in *lower case*: `straße` and `strasse`, `ılık` and `ilik` are different words, and each has
its key. The *canonical form* is coarser: all spellings that a reader takes for the same word share it, so that one
`forget` and one entry of a block list cover all of them.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from keyboard_model.text.normalization import APOSTROPHE, normalize

_DOT_ABOVE = "\u0307"
_SHARP_S, _CAPITAL_SHARP_S = "ß", "ẞ"
_DOTLESS_I = "ı"
_UNSPELT = re.compile("[\u055b\u055c\u055e\u0640]")
"""Signs inside a word that are no letters of it: Armenian emphasis and question, and the Arabic stretching stroke."""
_OPTIONAL = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8"
    "\u06ea-\u06ed\u180b-\u180f\u200c\u200d\u0488\u0489\u20dd-\u20e0\u20e2-\u20e4]"
)
"""What a writer may leave out: points of Hebrew and Arabic, joiners, Mongolian selectors, enclosing marks."""
_EDGES = APOSTROPHE + "’‘‛ʻʼ´`′\uff07\u055a\u05f3"
_MAX_ROUNDS = 8


def lower_case(text: str) -> str:
    """Returns normalized text in lower case, as the words of the vocabulary are: without a locale, and `İ` becomes `i`.

    >>> [lower_case(word) for word in ("İstanbul", "ΟΔΟΣ", "STRASSE", "Straße")]
    ['istanbul', 'οδος', 'strasse', 'straße']
    """
    lower = text.lower()
    if lower.isascii():
        return lower
    return unicodedata.normalize("NFC", _UNSPELT.sub("", lower.replace(f"i{_DOT_ABOVE}", "i")))


def upper_case(text: str) -> str:
    """Returns the text in capitals. `ß` becomes `ẞ`, so that different words stay different.

    >>> upper_case("straße"), upper_case("strasse")
    ('STRAẞE', 'STRASSE')
    """
    return text.replace(_SHARP_S, _CAPITAL_SHARP_S).upper()


@functools.lru_cache(maxsize=10_000)
def canonical_form(word: str) -> str:
    """Returns the form in which words are compared: for `forget`, for block lists, and to tell two keys apart.

    It is Unicode's NFKC_Casefold (no case, no width, no ligatures, no invisible characters; ß = ss, ς = σ), with one
    apostrophe, without apostrophes at the edges, without the points of Hebrew and Arabic, and with one letter i: `I` is
    the capital of `ı` in Turkish and of `i` elsewhere, so `i`, `İ`, `I` and `ı` cannot be told apart.

    >>> {canonical_form(word) for word in ("irem", "İrem", "IREM", "ırem", "'irem'")}
    {'irem'}
    """
    if word.isascii() and "`" not in word:
        return word.lower().strip(APOSTROPHE)
    for _ in range(_MAX_ROUNDS):
        folded = _fold(word)
        if folded == word:
            break
        word = folded
    return word


def _fold(word: str) -> str:
    folded = unicodedata.normalize("NFKD", normalize(word.strip(_EDGES))).casefold()
    folded = _OPTIONAL.sub("", _UNSPELT.sub("", normalize(folded)))
    folded = folded.replace(f"i{_DOT_ABOVE}", "i").replace(_DOTLESS_I, "i")
    return normalize(unicodedata.normalize("NFKC", folded)).strip(_EDGES)
