"""Sources of corpora, in every import format."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.mutators import json_values, raw_bytes, texts, zip_archives
from benchmarks.fuzz.target import Input, ViolationError
from benchmarks.fuzz.targets.corpus_seeds import SEEDS
from federated.corpus.importers.import_source import import_corpus
from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus

_ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-8-sig",
    "latin-1",
    "cp1252",
    "cp1256",
    "shift_jis",
    "utf-7",
)
_MARKUP = (
    *(
        "<!DOCTYPE x [<!ENTITY a 'aa'>]>",
        "&a;",
        "&#0;",
        "&#55357;",
        "<![CDATA[",
        "-->",
        "\n",
        '"',
        ",",
        ";",
        ": ",
        " - ",
        "[",
        "{",
    ),
    *(
        "99/99/99, 99:99 - ",
        "[31.12.9999, 23:59:59] ",
        "0/0/0, 0:00 - A: ",
        "encoding='utf-16'",
        "encoding='x'",
        "null",
        "1e999",
    ),
)

_LARGEST = 1_000_000
"""Bytes of a source, unpacked. A larger one of short messages takes longer than a hang, and its memory says nothing."""


@dataclass
class Corpora:
    """`import_corpus` imports a damaged source or refuses it; every message that it counts can be read again."""

    name: str = "corpora"

    def make(self, chance: random.Random) -> Input:
        name, content = chance.choice(SEEDS)
        data = _with_text(chance, content) if chance.random() < 0.6 else content.encode()
        if content.startswith("{") and chance.random() < 0.5:
            lines = [content] if name.endswith(".json") else content.splitlines()
            data = b"\n".join(json_values.mutate(chance, json.loads(line)) for line in lines)
        if chance.random() < 0.3:
            data = raw_bytes.mutate(chance, data)
        if chance.random() < 0.05:
            data *= min(chance.choice((200, 2_000)), _LARGEST // max(1, len(data)) + 1)
        return {name: _wrapped(chance, name, data)}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        return import_given(given, folder)


def import_given(given: Input, folder: Path) -> bool:
    """Imports the only file of an input. Returns whether it was accepted.

    Raises:
        ViolationError: a refused source left a corpus, or the corpus has not the messages that were counted.
    """
    ((name, data),) = given.items()
    source, out = folder / name, folder / "corpus.sqlite"
    source.write_bytes(data)
    try:
        summary = import_corpus(source, out)
    except CorpusError:
        if out.exists():
            raise ViolationError("a refused source left a corpus") from None
        return False
    with Corpus.open(out) as corpus:
        users = list(corpus.user_ids())
        messages = sum(len(corpus.messages(user)) for user in users)
    if (len(users), messages) != (summary.users, summary.messages):
        raise ViolationError("the corpus has other numbers of users and messages than the summary")
    return True


def _with_text(chance: random.Random, content: str) -> bytes:
    """Returns the source with odd texts and markup at some places, in some encoding."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        until = at + chance.choice((0, 0, 1, 10))
        content = content[:at] + chance.choice((chance.choice(_MARKUP), texts.text(chance, 6))) + content[until:]
    if chance.random() < 0.2:
        content = content.replace("\n", chance.choice(("\r\n", "\r", "\n\n", "\x0b", "\u2028")))
    encoding = chance.choice(_ENCODINGS) if chance.random() < 0.25 else "utf-8"
    return content.encode(encoding, "replace")


def _wrapped(chance: random.Random, name: str, data: bytes) -> bytes:
    match chance.randrange(8):
        case 0:
            packed = gzip.compress(data, 1)
            return packed if chance.random() < 0.5 else raw_bytes.mutate(chance, packed)
        case 1:
            copies = min(chance.randrange(3), max(0, _LARGEST // max(1, len(data)) - 1))
            members = {name: data, **{f"{at}/{name}": data for at in range(copies)}}
            packed = zip_archives.write(members)
            return packed if chance.random() < 0.5 else zip_archives.mutate(chance, packed)
    return data
