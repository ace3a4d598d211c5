"""Reads a made-up document with one importer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record, Skipped

Read = Callable[[Source, Skipped], Iterator[Record]]


def imported(read: Read, path: Path, content: Any) -> tuple[list[tuple[str, str]], Counter[str]]:
    """Returns (user, text) of each record, and the counts of what was left out. What is no text is written as JSON."""
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.write_bytes(content)
    skipped = SkipCount()
    return [(record.user_id, record.text) for record in read(Source(path), skipped)], skipped.counts
