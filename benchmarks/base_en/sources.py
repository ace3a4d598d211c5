"""The public texts that the shipped base is made of, by file name, and what their licences ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.base_en.prepared_text import write_chat, write_sentences


class Source(NamedTuple):
    """A text.

    Attributes:
        path: Where it is in the folder of the texts.
        title, licence, credit: What the model card says of it. `credit` names whom to credit, and where it comes from.
        prepare: Writes the text with a line for each message, from the file at `path`; None if the file has this form.
    """

    path: str
    title: str
    licence: str
    credit: str
    prepare: Callable[[Path, Path], None] | None = None


SOURCES: Mapping[str, Source] = {
    "common_voice_en.txt.gz": Source(
        "public_en/common_voice_en.txt.gz",
        "Common Voice, sentences for reading",
        "CC0",
        "Mozilla Common Voice and its contributors, https://commonvoice.mozilla.org",
    ),
    "tatoeba.txt": Source(
        "public_en/tatoeba_en.txt.gz",
        "Tatoeba, English sentences of pairs (2018, 2019), without the names of its example people",
        "CC BY 2.0 FR",
        "Tatoeba and its contributors, https://tatoeba.org",
        write_sentences,
    ),
    "chitchat.txt": Source(
        "chitchat/messages.jsonl.gz",
        "BYU Chit-Chat, without the words that fewer than 20 people typed",
        "MIT",
        "Myers, Etchart and Fulda 2020, the Python package chitchat-dataset, version 0.9.0",
        write_chat,
    ),
}


def prepared(sources: Mapping[str, Source], texts: Path, folder: Path) -> list[Path]:
    """Returns the files to train on. Writes those that have to be prepared into `folder`.

    Args:
        sources: What to train on, of `SOURCES`.
        texts: The folder of the texts.

    Raises:
        SystemExit: a text is missing.
    """
    if missing := [source.path for source in sources.values() if not (texts / source.path).exists()]:
        raise SystemExit(f"{texts} has no {' and no '.join(missing)}: name the folder of the texts")
    files = []
    for name, source in sources.items():
        file = texts / source.path
        if source.prepare is not None:
            folder.mkdir(parents=True, exist_ok=True)
            source.prepare(file, folder / name)
            file = folder / name
        files.append(file)
    return files
