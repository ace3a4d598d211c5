"""Streams the elements of a large XML file, one at a time, safe against entity bombs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from federated.corpus.records import CorpusError


class Readable(Protocol):
    def read(self, size: int = -1, /) -> Any: ...


def elements(stream: Readable, tags: Collection[str], path: Path) -> Iterator[Element]:
    """Yields each child of the root whose tag is among `tags`, then forgets it.

    Raises:
        CorpusError: the XML is broken or declares entities; `path` is what the message calls the file.
    """
    try:
        events = defusedxml.ElementTree.iterparse(stream, events=("start", "end"))
        _, root = next(events)
        for event, element in events:
            if event == "end" and element.tag in tags:
                yield element
                root.clear()
    except ParseError as error:
        raise CorpusError(f"{path} is broken XML ({error}): export or fetch it again") from error
    except DefusedXmlException as error:
        raise CorpusError(f"{path} declares XML entities, which no message export does: refused") from error
