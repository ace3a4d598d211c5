"""The words that a keyboard never suggests, such as offensive ones: a text file, one word a line.

An app ships its own list; Thumbprint ships none, since what offends is a matter of language and audience.
Such words may be typed and learnt from: a block list only keeps them off the keys.
"""

from __future__ import annotations

from pathlib import Path

from device_runtime.inference.lexicon import is_one_word
from keyboard_model.text.masking import canonical_form


class BlockListError(ValueError):
    """A block list cannot be read; the message says which line and why."""


def read_block_list(path: Path) -> frozenset[str]:
    """Reads a list in UTF-8; empty lines and lines that begin with `#` are left out, case does not matter.

    Raises:
        BlockListError: the file cannot be read, or a line is not exactly one word.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BlockListError(f"{path} cannot be read as a block list: {error}") from error
    return frozenset(
        _word(path, number, line)
        for number, line in enumerate(map(str.strip, lines), start=1)
        if line and not line.startswith("#")
    )


def _word(path: Path, number: int, line: str) -> str:
    word = canonical_form(line)
    if not is_one_word(word):
        raise BlockListError(f"{path}, line {number}: {line[:40]!r} is not one word; give one word a line")
    return word
