"""Text between two marks of a document, which a benchmark writes."""

from __future__ import annotations

from pathlib import Path


def write_between(path: Path, begin: str, end: str, text: str) -> bool:
    """Replaces the text between the marks in the file. Returns whether the file has them."""
    content = path.read_text(encoding="utf-8")
    if begin not in content or end not in content:
        return False
    before, rest = content.split(begin, 1)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")
    return True
