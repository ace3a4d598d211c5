"""Tells an author from a line without an author that has a colon, such as `Uwe created group "Xmas: the plan"`."""

from __future__ import annotations

import re
from collections import Counter

from federated.corpus.importers.whatsapp.translations import phrases

_QUOTES = re.compile('["“”„‟«»「」『』《》〝〞〟＂]')
_LONGEST_NAME = 8  # words of a name; sentences are longer
_LONGEST_NAME_CHARS = 24  # in scripts without spaces
_WORDS_AFTER_NAME = 4


class Authors:
    """The authors of a chat.

    Args:
        counts: How often each possible author has written.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._known: dict[str, bool] = {}

    def is_system_line(self, author: str) -> bool:
        """Returns whether `author` is the beginning of a line that WhatsApp wrote.

        It is if it has a quotation mark without its partner, contains one of WhatsApp's phrases for changes of a
        group, or comes only once and is a sentence. A single verb says nothing: it can be in a person's name.
        """
        known = self._known.get(author)
        if known is None:
            known = self._known[author] = self._is_system_line(author)
        return known

    def _is_system_line(self, author: str) -> bool:
        if len(_QUOTES.findall(author)) % 2:
            return True
        folded = " ".join(author.casefold().split())
        if any(phrase in folded for phrase in phrases("group")):
            return True
        if self._counts[author] > 1:
            return False
        words = author.split()
        if len(words) > _LONGEST_NAME or (len(words) == 1 and len(author) > _LONGEST_NAME_CHARS and "@" not in author):
            return True
        return any(
            " ".join(words[:size]) in self._counts and len(words) - size >= _WORDS_AFTER_NAME
            for size in range(1, len(words) - _WORDS_AFTER_NAME + 1)
        )
