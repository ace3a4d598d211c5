from collections.abc import Callable

import pytest

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.whatsapp import read
from federated.corpus.schema import Record

Chat = Callable[..., tuple[list[Record], SkipCount]]


@pytest.fixture(scope="session")
def read_chat(tmp_path_factory) -> Chat:
    """Returns a function that reads lines as a chat: its records, and what was left out."""
    path = tmp_path_factory.mktemp("chat") / "chat.txt"

    def read_lines(*lines: str) -> tuple[list[Record], SkipCount]:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        skipped = SkipCount()
        return list(read(Source(path), skipped)), skipped

    return read_lines
