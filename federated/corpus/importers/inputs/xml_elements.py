"""Streams the elements of large XML files. XML entities are refused, which protects against entity bombs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Protocol
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError


class Readable(Protocol):
    def read(self, size: int = -1, /) -> Any: ...


def elements(stream: Readable, tags: Collection[str], source: Source) -> Iterator[Element]:
    """Yields each child of the root whose tag is in `tags`, then frees it.

    Raises:
        CorpusError: the XML is broken or declares entities. The message names `source`.
    """
    try:
        events = defusedxml.ElementTree.iterparse(stream, events=("start", "end"))
        _, root = next(events)
        for event, element in events:
            if event == "end" and element.tag in tags:
                yield element
                root.clear()
    except ParseError as error:
        raise CorpusError(f"{source} is broken XML ({error}): export or download it again") from error
    except DefusedXmlException as error:
        raise CorpusError(
            f"{source} declares XML entities: exports of messages never do, so this file is refused"
        ) from error
