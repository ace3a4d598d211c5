"""Finds out in which encoding a document is written: from what the user says, its byte-order mark or its declaration.

Nothing is guessed: a text that says nothing is UTF-8, or UTF-16 if every second byte is zero.
"""

from __future__ import annotations

import codecs
import re

import numpy as np

from federated.corpus.schema import CorpusError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DECLARATION = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_SAMPLE = 4096


def encoding_of(head: bytes, what: str, given: str | None = None) -> str:
    """Returns Python's name of the encoding of the document that begins with `head`.

    Args:
        head: The first bytes, some kilobytes if there are as many.
        what: Names the document in an error.
        given: The encoding that the user named; nothing else counts then.

    Raises:
        CorpusError: Python knows no text encoding of the given or the declared name.

    >>> encoding_of(b'<?xml version="1.0" encoding="ISO-8859-1"?>', "sms.xml")
    'iso8859-1'
    """
    mark = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if given:
        found = _known(given, f"--encoding {given}")
        # A document in UTF-8 or UTF-16 can still begin with the mark, which is not text.
        return mark if mark and mark.removesuffix("-sig") == found else found
    if mark:
        return mark
    if b"\0" in head[:_SAMPLE] and (wide := _utf16(head[:_SAMPLE])):
        return wide
    if declared := _DECLARATION.match(head[:_SAMPLE]):
        name = declared[1].decode("ascii")
        found = _known(name, f"{what} declares the encoding {name}")
        # A declaration that could be read byte by byte is not in UTF-16, whatever it says.
        return "utf-8" if found.startswith(("utf-16", "utf-32")) else found
    return "utf-8"


def _known(name: str, said: str) -> str:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise CorpusError(
            f"{said}, which is unknown here: convert the file to UTF-8, or name another encoding with --encoding"
        ) from error
    if not found._is_text_encoding or found.name in ("idna", "punycode", "unicode_escape", "raw_unicode_escape"):
        raise CorpusError(f"{said}, which is no encoding of text: name another one with --encoding, for example cp1252")
    return found.name


def _utf16(sample: bytes) -> str | None:
    """Recognizes UTF-16 without a mark by the zero bytes of its ASCII characters: spaces, digits, line breaks."""
    first, second = sample[::2].count(0), sample[1::2].count(0)
    few = max(2, len(sample) // 20)  # of ten characters one is a space, digit or line break in any script
    if second > few and second > 4 * first:
        return "utf-16-le"
    if first > few and first > 4 * second:
        return "utf-16-be"
    return None


def mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Replaces each byte that is not text by an unpaired surrogate, U+DC00 plus the byte, in any encoding."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    end = error.end + _undecodable_after(error)
    return codecs.charmap_decode(error.object[error.start : end], "strict", _UNDECODABLE)[0], end


_UNDECODABLE = "".join(chr(0xDC00 + byte) for byte in range(256))
_LOOK_AHEAD = 1024  # bytes
_WIDE = re.compile("utf-?(16|32)-?(le|be)", re.IGNORECASE)


def _undecodable_after(error: UnicodeDecodeError) -> int:
    """Returns for how many bytes after an error nothing is text.

    Only UTF-16 and UTF-32 are looked at. Their decoders report every unit, and a call for each of millions takes long.
    """
    if not (wide := _WIDE.fullmatch(error.encoding)):
        return 0
    width = int(wide[1]) // 8
    rest = error.object[error.end : error.end + _LOOK_AHEAD]
    units = np.frombuffer(rest[: len(rest) // width * width], f"{'<' if wide[2].lower() == 'le' else '>'}u{width}")
    if width == 4:
        wrong = (units > 0x10FFFF) | (units & 0xFFFFF800 == 0xD800)
    else:
        low, high = units & 0xFC00 == 0xDC00, units & 0xFC00 == 0xD800
        wrong = low | (high & ~np.append(low[1:], True))  # the pair of the last one may follow
    return width * int(wrong.argmin() if not wrong.all() else len(units))


MARK_UNDECODABLE = "thumbprint.mark_undecodable"
"""The name of `mark_undecodable`, for the `errors` argument of a decoder."""
codecs.register_error(MARK_UNDECODABLE, mark_undecodable)


# Unicode gives these two no meaning, ever, and XML allows them, unlike unpaired surrogates.
FORBIDDEN_IN_XML = "\ufdd0"
UNDECODABLE_IN_XML = "\ufdd1"


def what_is_wrong(text: str, encoding: str) -> str | None:
    """Returns why `text` cannot be stored: a byte that is not text, half an emoji, or a character that XML forbids."""
    if text.isascii():
        return None
    if FORBIDDEN_IN_XML in text:
        return "character that XML forbids"
    if UNDECODABLE_IN_XML in text:
        return f"not valid {encoding}"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        surrogate = ord(text[error.start])
        return f"not valid {encoding}" if surrogate >= 0xDC00 else "half a character (an unpaired surrogate)"
    return None
