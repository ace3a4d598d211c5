"""Streams the elements of large XML files, in any encoding. XML entities are refused: they allow entity bombs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TextIO
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from federated.corpus.importers.inputs.encodings import FORBIDDEN_IN_XML, UNDECODABLE_IN_XML
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError, Skipped

BROKEN_XML = "broken XML: what follows is lost"


_BEFORE_ROOT = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL)
_ROOT = re.compile(r"<([\w:.-]+)")


def root_tag(head: str) -> str | None:
    """Returns the name of the first element of an XML document, None of any other text.

    >>> root_tag('<?xml version="1.0"?><!-- made by an app --><smses count="1">')
    'smses'
    """
    at = 1 if head.startswith("\ufeff") else 0
    while match := _BEFORE_ROOT.match(head, at):
        at = match.end()
    root = _ROOT.match(head, at)
    return root[1] if root else None


def elements(source: Source, tags: Collection[str], skipped: Skipped) -> Iterator[Element]:
    """Yields each child of the root whose tag is in `tags`, then frees it.

    Broken XML ends the document: what comes before it is yielded, the loss is counted. A byte that is not text or a
    character that XML forbids is marked, see `ReadableXml`: the import leaves out the record and counts it.

    Raises:
        CorpusError: the document cannot be read, contains no XML element before it breaks, or declares entities.
    """
    any_element = False
    with source.text(skipped) as text:
        readable = ReadableXml(text)
        # The text is given in UTF-8, whatever the document declares.
        parser = defusedxml.ElementTree.DefusedXMLParser(encoding="utf-8")
        try:
            events = defusedxml.ElementTree.iterparse(readable, events=("start", "end"), parser=parser)
            _, root = next(events)
            for event, element in events:
                if event == "end" and element.tag in tags:
                    any_element = True
                    yield element
                    root.clear()
        except (ParseError, StopIteration) as error:
            if not any_element:
                raise CorpusError(f"{source} is broken XML ({error}): export or download it again") from error
            skipped(BROKEN_XML, f"{source}, {error}: export or download it again")
        except DefusedXmlException as error:
            raise CorpusError(
                f"{source} declares XML entities: exports of messages never do, so this file is refused"
            ) from error


_CONTROLS = bytes(set(range(0x20)) - {9, 10, 13})
_UNDECODABLE = re.compile(r"[\udc00-\udfff]")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,7})|([0-9]{1,7}));")
# The end of a chunk that is kept until the next chunk: a high surrogate (D800..DBFF) or an incomplete reference.
_HIGH = r"&#(?:5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d|[xX][dD][89abAB][0-9a-fA-F]{2});"
_UNFINISHED = re.compile(rf"(?:{_HIGH})?(?:&[#\w]{{0,10}})?\Z")
_LONGEST_UNFINISHED = 32


class ReadableXml:
    """The UTF-8 bytes of an XML document that a parser accepts.

    A byte that is not text becomes `UNDECODABLE_IN_XML`, a character or a reference that XML forbids becomes
    `FORBIDDEN_IN_XML`. "SMS Backup & Restore" writes an emoji as a UTF-16 surrogate pair of two references
    (`&#55357;&#56834;`). XML forbids these as well; they are replaced by the emoji.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._pending = ""

    def read(self, size: int = -1) -> bytes:
        text = ""
        while not text:  # an empty result would mean the end
            more = self._text.read(size)
            if not _is_encodable(more):
                more = _UNDECODABLE.sub(UNDECODABLE_IN_XML, more)
            text, self._pending = self._pending + more, ""
            if not more:
                break
            if tail := _UNFINISHED.search(text, max(0, len(text) - _LONGEST_UNFINISHED)):
                text, self._pending = text[: tail.start()], tail.group()
        if "&#" in text:
            text = _REFERENCE.sub(_character, text)
            if not text.isascii():
                text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # joins surrogates
        # Faster than to search each chunk for what is almost never there.
        if _is_encodable(text) and "\ufffe" not in text and "\uffff" not in text:
            raw = text.encode()
            if len(raw.translate(None, _CONTROLS)) == len(raw):
                return raw
        return _FORBIDDEN.sub(FORBIDDEN_IN_XML, text).encode()


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _character(reference: re.Match[str]) -> str:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    if 0xD800 <= code < 0xE000:
        return chr(code)
    if code in (9, 10, 13) or 0x20 <= code < 0xFFFE or 0x10000 <= code < 0x110000:
        return reference.group()
    return FORBIDDEN_IN_XML
