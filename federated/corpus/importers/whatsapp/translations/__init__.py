"""What WhatsApp writes in place of a person, by kind and language: one TOML file for each kind.

The texts are those of WhatsApp's public translations for Android and iOS. The keys are language codes; texts are
compared without case, invisible marks, brackets and a final full stop.
"""

from __future__ import annotations

import functools
import importlib.resources
import tomllib


@functools.cache
def phrases(kind: str) -> list[str]:
    """Returns the phrases of one kind in all languages, in lower case."""
    file = importlib.resources.files(__name__) / f"{kind}.toml"
    languages: dict[str, list[str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return [phrase.casefold() for of_language in languages.values() for phrase in of_language]
