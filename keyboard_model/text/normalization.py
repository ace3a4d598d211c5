"""The form of a text from which words are read: NFC, one apostrophe, and no invisible characters.

Invisible characters are those of Unicode's general category Cf (soft hyphen, zero-width space, byte order mark, marks
of direction, …), variation selectors, and the few other characters that are never displayed. A text means the same
without them, except in a few places, where they stay:

- A variation selector, a joiner or a tag that belongs to an emoji: U+2764 U+FE0F, families, flags of regions.
- A zero-width non-joiner between two Arabic letters that would join without it (Persian `می‌خواهم`), and a joiner or
  non-joiner next to a virama (Indic scripts): the rules of RFC 5892, appendix A. Elsewhere neither shows.
- Mongolian variation selectors and the vowel separator after a Mongolian letter.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from itertools import chain

APOSTROPHE = "'"
"""What every apostrophe between two letters becomes."""
GERSHAYIM = "\u05f4"
"""What every double quotation mark between two Hebrew letters becomes."""

EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""Emoji for a regular expression's character class: Unicode's Extended_Pictographic, flags and skin tones."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_EMOJI = re.compile(f"[{EMOJI}]")
_KEYCAP = re.compile(r"[0-9#*]")
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_VIRAMA = 9  # the canonical combining class of viramas
_TAGS = re.compile("[^\U000e0020-\U000e007f]+")
_FLAG_OF_REGION = "\U0001f3f4"
_MONGOLIAN = re.compile("[\u1800-\u180a\u1810-\u18af]")
_MONGOLIAN_SELECTORS = re.compile("[^\u180b-\u180d\u180f]+")
_VOWEL_SEPARATOR = "\u180e"

# Letters of scripts whose letters join, and those among them that join to no letter after them, or to none at all.
_JOINING = re.compile(
    "[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee-\u06fc\u0710-\u074f\u0750-\u077f\u07ca-\u07ea\u0840-\u0855\u0860-\u086a"
    "\u08a0-\u08c9\U0001e900-\U0001e943]"
)
_JOINING_TO_NONE = re.compile("[\u0621\u0674]")
_JOINING_TO_THE_LEFT_ONLY = re.compile(
    "[\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf\u06d2\u06d3"
    "\u06d5\u06ee\u06ef\u0710\u0715-\u0719\u071e\u0728\u072a\u072c\u072f\u074d\u0759-\u075b\u076b\u076c\u0771\u0773"
    "\u0774\u0778\u0779\u08aa-\u08ac\u08ae\u08b1\u08b2\u08b9]"
)

_MARKS = frozenset(("Mn", "Mc", "Me"))
_WITH_MARKS = tuple(map(range, (0x300, 0xA000, 0xFB00, 0x16A00, 0x1B000), (0x3400, 0xAC00, 0x14000, 0x17000, 0x1F000)))
"""All code points but the blocks of ideographs and the like, to look at half as many."""
_LETTER = r"[^\W_]"
# Characters that look like other characters: the micro sign, ligatures, digraphs, presentation forms of Arabic.
_LOOKALIKE = re.compile(
    "[\u00b5\u0132\u0133\u013f\u0140\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06\ufb13-\ufb17\ufb50-\ufbb1\ufbd3-\ufc5d"
    "\ufc64-\ufd3d\ufd50-\ufdf9\ufe80-\ufefc]"
)
_QUOTE = re.compile('["\u0060\u00b4\u02bb\u02bc\u055a\u05f3\u2018-\u201f\u2032\uff07]')
_DOUBLE_QUOTE = re.compile('(?<=[\u05d0-\u05ea\u0591-\u05c7])["\u201c-\u201f](?=[\u05d0-\u05ea])')


def normalize(text: str) -> str:
    """Returns `text` as words are read from it; the offsets of units refer to it. Twice is the same as once.

    >>> [normalize(text) for text in ("don\\u00b4t", "soft\\u00adhyphen", "\\u200bcafe\\u0301")]
    ["don't", 'softhyphen', 'café']
    """
    if text.isascii() and "`" not in text:
        return text
    text = unicodedata.normalize("NFC", text)
    if _LOOKALIKE.search(text):  # first: whether a joiner shows depends on the letters beside it
        text = unicodedata.normalize("NFC", _LOOKALIKE.sub(lambda m: unicodedata.normalize("NFKC", m.group()), text))
    while _INVISIBLE.search(text):  # without them, marks can change places, and with that what is beside a joiner
        visible = unicodedata.normalize("NFC", _INVISIBLE.sub(_kept, text))
        if visible == text:
            break
        text = visible
    if _QUOTE.search(text):
        text = _DOUBLE_QUOTE.sub(GERSHAYIM, _apostrophes().sub(APOSTROPHE, text.replace("’", APOSTROPHE)))
    return text


def is_combining(character: str) -> bool:
    """Whether it is a mark on the letter before it (general categories Mn, Mc, Me)."""
    return unicodedata.category(character) in _MARKS


@functools.cache
def combining_marks() -> str:
    """Returns all combining marks for a regular expression's character class, without variation selectors."""
    ranges: list[list[int]] = []
    for code in chain.from_iterable(_WITH_MARKS):
        if unicodedata.category(chr(code)) not in _MARKS or 0xFE00 <= code <= 0xFE0F:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(chr(first) if first == last else f"{chr(first)}-{chr(last)}" for first, last in ranges)


@functools.cache
def _apostrophes() -> re.Pattern[str]:
    """Finds the characters that are an apostrophe between two letters. `ʻ` and `ʼ` elsewhere are letters."""
    between = "[\u0060\u00b4\u02bb\u02bc\u055a\u05f3\u2018\u201b\u2032\uff07]"
    return re.compile(rf"(?<={_LETTER}|[{combining_marks()}]){between}(?=[^\W\d_])")


def _kept(match: re.Match[str]) -> str:
    """Returns what stays of a run of invisible characters."""
    text, run = match.string, match.group()
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if not before:
        return ""
    if _EMOJI.match(before) or (after == "\u20e3" and _KEYCAP.match(before)):
        selector = "\ufe0f" if "\ufe0f" in run else "\ufe0e" if "\ufe0e" in run else ""
        tags = _TAGS.sub("", run) if before == _FLAG_OF_REGION else ""
        return selector + tags + (_JOINER if _JOINER in run and _EMOJI.match(after) else "")
    if _MONGOLIAN.match(before):
        separates = _VOWEL_SEPARATOR in run and _MONGOLIAN.match(after)
        return _MONGOLIAN_SELECTORS.sub("", run) + (_VOWEL_SEPARATOR if separates else "")
    joiner = next((character for character in run if character in (_NON_JOINER, _JOINER)), "")
    return joiner if joiner and _shows(text, match.start() - 1, joiner, after) else ""


def _shows(text: str, at: int, joiner: str, after: str) -> bool:
    """Whether a joiner between `text[at]` and the character `after` (if any) changes how the letters look."""
    if unicodedata.combining(text[at]) == _VIRAMA:
        return joiner == _JOINER or (after != "" and (after.isalpha() or is_combining(after)))
    if after and unicodedata.combining(after) == _VIRAMA:
        return text[at].isalpha()
    if joiner == _JOINER or not _JOINING.match(after) or _JOINING_TO_NONE.match(after):
        return False
    while at > 0 and is_combining(text[at]):
        at -= 1
    return bool(_JOINING.match(text, at) and not _JOINING_TO_THE_LEFT_ONLY.match(text, at))
