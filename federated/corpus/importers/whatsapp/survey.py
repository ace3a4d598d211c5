"""Reads a whole chat once, to learn its kinds of headers, its authors and its habits before any line is understood.

An author is told from a line without an author that has a colon, such as `Uwe created group "Xmas: the plan"`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.whatsapp.headers import MARKS, Shape, Shapes
from federated.corpus.importers.whatsapp.readings import Kind, Reading
from federated.corpus.importers.whatsapp.translations import phrases

LEFT_TO_RIGHT = "\u200e"

_AROUND_NAMES = f"{MARKS} ~\u202f\xa0"
_AUTHOR = re.compile(rf"([^\n]{{1,100}}?)(?::(?:[{MARKS}]*[ \u00a0\u202f]|\Z)|：\s?)(.*)", re.DOTALL)
_NAMED_FILE = re.compile(r"[A-Z]{3}-\d{8}-WA\d+\.\w+[^(（]{0,3}[(（]([^)）]+)[)）]")
_LONGEST_PHRASE = 80
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")  # scripts
_TEXTS_READ = 5000  # enough to show habits
_SHORTEST_NOTICE, _LONGEST_NOTICE = 10, 200  # characters; shorter ones are counted in scripts without spaces
_TRUSTED_COUNT, _TRUSTED_SHARE = 5, 0.05
_QUOTES = re.compile('["“”„‟«»「」『』《》〝〞〟＂]')
_LONGEST_NAME = 8  # words of a name; sentences are longer
_LONGEST_NAME_CHARS = 24  # in scripts without spaces
_WORDS_AFTER_NAME = 4


@dataclass(slots=True)
class Survey:
    """What a whole chat shows.

    Attributes:
        shapes: The kinds of headers.
        readings: How each kind is read.
        trusted: The kinds that are common in this file. A rare kind may be a line that somebody pasted.
        authors: How often each author writes in the first part of the chat.
        repeated: Texts that make up a third of the chat, word for word, by several authors.
        attached: What the file writes in parentheses after the names of attached files.
        marked: What it writes after left-to-right marks, with the number of times.
        in_brackets: What it writes in angle brackets at the end of messages, with the number of times.
        marks_lines: Whether it has left-to-right marks before headers, as iOS sets before those of notices.
    """

    shapes: Shapes = field(default_factory=Shapes)
    readings: dict[Shape, Reading] = field(default_factory=dict)
    trusted: set[Shape] = field(default_factory=set)
    authors: Counter[str] = field(default_factory=Counter)
    repeated: set[str] = field(default_factory=set)
    attached: set[str] = field(default_factory=set)
    marked: Counter[str] = field(default_factory=Counter)
    in_brackets: Counter[str] = field(default_factory=Counter)
    marks_lines: bool = False


def split_author(rest: str) -> tuple[str, str] | None:
    """Splits what follows a header into author and text; returns None if there is no author.

    >>> split_author("Ann: see you: 8?")
    ('Ann', 'see you: 8?')
    """
    author, colon, text = rest.partition(": ")
    if not colon or len(author) > 100:
        match = _AUTHOR.match(rest)
        if not match:
            return None
        author, text = match[1], match[2]
    return author.strip(_AROUND_NAMES), text


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


def survey(source: Source) -> Survey:
    """Reads the chat once: all headers, and as many texts as show its habits.

    Raises:
        CorpusError: the file cannot be read.
    """
    found = Survey()
    kinds: dict[Shape, Kind] = {}
    texts = _Texts()
    left = _TEXTS_READ
    for _, line in source.lines():
        header = found.shapes.match(line)
        if header:
            shape, match = header
            if shape not in kinds:
                kinds[shape] = Kind(shape)
            kinds[shape].add(match)
            if left:
                left -= 1
                _add_text(found, texts, line, match[match.lastindex or 0])
        elif left and line.endswith(">"):
            _add_last_phrase(found, line)
    found.readings = {shape: Reading(kind) for shape, kind in kinds.items()}
    found.trusted = _trusted(list(kinds.values()))
    found.repeated = texts.repeated(sum(found.authors.values()))
    return found


def _trusted(kinds: list[Kind]) -> set[Shape]:
    """Returns the most common kind of header, the first if there are several, and each other common kind."""
    common = max(_TRUSTED_COUNT, sum(kind.count for kind in kinds) * _TRUSTED_SHARE)
    most = max(kinds, key=lambda kind: kind.count, default=None)
    return {kind.shape for kind in kinds if kind is most or kind.count >= common}


def _add_text(found: Survey, texts: _Texts, line: str, rest: str) -> None:
    by = split_author(rest)
    if not by:
        return
    author, text = by
    found.authors[author] += 1
    texts.add(author, text)
    if text.endswith(">"):
        _add_last_phrase(found, text)
    if LEFT_TO_RIGHT in line:
        found.marks_lines = found.marks_lines or line.startswith(LEFT_TO_RIGHT)
        if LEFT_TO_RIGHT in text:
            found.marked[text.rpartition(LEFT_TO_RIGHT)[2].strip()] += 1
    if "-WA" in text and (file := _NAMED_FILE.search(text)):
        found.attached.add(file[1])


def _add_last_phrase(found: Survey, line: str) -> None:
    start = line.rfind("<", -_LONGEST_PHRASE)
    if start > 0:
        found.in_brackets[line[start:]] += 1


class _Texts:
    """Counts what each author writes."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, author: str, text: str) -> None:
        if len(text) <= _LONGEST_NOTICE and (len(text) >= _SHORTEST_NOTICE or not text.isascii()):
            self._counts[author, text] += 1

    def repeated(self, messages: int) -> set[str]:
        """Returns the texts of at least three words that make up a third of `messages`, of several authors.

        At least one author must repeat the text: a wish, such as for a birthday, comes once from each.
        """
        total: Counter[str] = Counter()
        most: Counter[str] = Counter()
        authors: Counter[str] = Counter()
        for (_, text), count in self._counts.items():
            total[text] += count
            authors[text] += 1
            most[text] = max(most[text], count)
        return {
            text
            for text, count in total.items()
            if count >= 3 and 3 * count >= messages and authors[text] > 1 and most[text] > 1 and _is_sentence(text)
        }


def _is_sentence(text: str) -> bool:
    """Whether a text is long enough for a notice and has neither emoji, `!` nor `?`."""
    if any(char in "!?！？؟" or unicodedata.category(char) == "So" for char in text):
        return False
    words = len(text.split())
    return words >= 3 or (words == 1 and len(text) >= 6 and bool(_WITHOUT_SPACES.match(text)))
