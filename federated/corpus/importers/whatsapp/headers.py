"""Recognizes the header of a message (its date and time) by structure, whatever the language of the phone.

A header is a date and a time in either order, followed by ` - `, `: ` or another mark between spaces, or enclosed in
brackets. The numbers can be in the digits of any script. Words can stand beside the time ("klo", "a las", "오후"), and
invisible direction marks anywhere. A first header of its kind is taken apart slowly; from it, a regular expression is
made that reads the other headers of this kind.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from federated.corpus.importers.whatsapp import locale_words

MARKS = "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
"""Invisible characters that set the direction of text or join it, and the byte order mark."""

_M = f"[{MARKS}]*"
_LONGEST = 70  # characters of a header
_KINDS = 64  # of headers in one file; no phone writes so many
_BRACKETS = {"[": "]", "(": ")", "（": "）", "【": "】", "〔": "〕"}
_OPENED = re.compile(rf"{_M}([\[(（【〔]?)")
_END = re.compile(rf"(?:\s{_M}[^\w\s,.:;/'\"()\[\]{MARKS}]|{_M}[:：]){_M}\s")
_MAYBE = re.compile(rf"{_M}(?=\S).{{0,50}}?\d\s?[:：∶٫.'’hHuU時时點点시]\s?\d\d")
_WITHOUT_MARKS = str.maketrans("", "", MARKS)
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_][^\s\d_]*")
_DATE_GAP = re.compile(r" ?(?:[^\w\s:\[\]<>\"]{1,2}|[年月년월]|) ?")
_NAMED_DATE_GAP = re.compile(r"[^\d:\[\]<>\"]{1,24}")
_TIME_GAP = re.compile(r" ?(?:[:：∶٫.'’]|[hHuU時时點点시분分]) ?")
_WORDS_GAP = re.compile(r"[^\d:：\[\]<>@/]{1,40}")
_ERAS = {"r": 2018, "令和": 2018, "h": 1988, "平成": 1988, "民國": 1911, "民国": 1911}


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """A kind of header.

    Attributes:
        pattern: Matches a line with such a header; the last group is the rest of the line.
        date: The groups of the two or three numbers of the date.
        month: The group with the name of the month, if it has a name.
        time: The groups of hour, minute and perhaps second.
        beside_time: The groups of the words before and after the time.
        year_offset: Added to the year of the date; not 0 for years of an era.
        bracketed: Whether the header is in brackets, as iOS writes it.
        sample: The header that this kind was made from.
    """

    pattern: re.Pattern[str]
    date: tuple[int, ...]
    month: int | None
    time: tuple[int, ...]
    beside_time: tuple[int, ...]
    year_offset: int
    bracketed: bool
    sample: str


@dataclass(slots=True)
class Shapes:
    """The kinds of headers in a file."""

    known: list[Shape] = field(default_factory=list)

    def match(self, line: str) -> tuple[Shape, re.Match[str]] | None:
        """Returns the kind of header at the beginning of `line`, and the match of its pattern."""
        for shape in self.known:
            match = shape.pattern.match(line)
            if match:
                if shape is not self.known[0]:  # the next lines are likely of this kind
                    self.known.remove(shape)
                    self.known.insert(0, shape)
                return shape, match
        if len(self.known) == _KINDS or not _MAYBE.match(line) or not (found := shape_of(line)):
            return None
        match = found.pattern.match(line)
        if not match:
            return None
        self.known.insert(0, found)
        return found, match


def shape_of(line: str) -> Shape | None:
    """Takes the header of a line apart; returns None if the line has none."""
    opened = _OPENED.match(line)
    start = opened.end() if opened else 0
    closing = _BRACKETS.get(opened[1]) if opened else None
    for head_end, rest in _ends(line, start, closing):
        head = line[start:head_end]
        if parts := _parts(head, closing is not None):
            end = line[head_end:rest]
            return _shape(head, parts, opened[1] if opened else "", end)
    return None


def _ends(line: str, start: int, closing: str | None) -> Iterator[tuple[int, int]]:
    """Yields where the header can end and where the text can begin."""
    if closing:
        end = line.find(closing, start, start + _LONGEST)
        if end > 0:
            yield end, end + 1
        return
    for match in _END.finditer(line, start, start + _LONGEST):
        yield match.start(), match.end()


@dataclass(frozen=True, slots=True)
class _Parts:
    """The indices of numbers in a header, and of the gaps around them: gap `i` is before number `i`."""

    date: tuple[int, ...]
    time: tuple[int, ...]
    month_gap: int | None
    before_time: int
    after_time: int
    year_offset: int


@functools.lru_cache(maxsize=4096)  # lines that only look like headers are often repeated
def _parts(head: str, bracketed: bool) -> _Parts | None:
    numbers = _NUMBER.findall(head)
    if not 3 <= len(numbers) <= 6:
        return None
    gaps = [_SPACES.sub(" ", gap.translate(_WITHOUT_MARKS)) for gap in _NUMBER.split(head)]
    found: list[tuple[bool, bool, int, _Parts]] = []
    for seconds in (3, 2):
        for date_first in (True, False):
            size = len(numbers) - seconds
            if 1 <= size <= 3:
                first_time = size if date_first else 0
                parts = _as_date_and_time(numbers, gaps, range(first_time, first_time + seconds), date_first, bracketed)
                if parts:
                    colon = ":" in gaps[parts.time[1]]
                    found.append((not colon, not date_first, len(found), parts))
    return min(found)[-1] if found else None


def _as_date_and_time(
    numbers: list[str], gaps: list[str], time: range, date_first: bool, bracketed: bool
) -> _Parts | None:
    date = range(time.start) if date_first else range(time.stop, len(numbers))
    if not _is_time([numbers[i] for i in time], [gaps[i] for i in time[1:]]):
        return None
    between, last = (time.start, time.stop) if date_first else (date.start, len(numbers))
    if not _separates(gaps[between]) or (gaps[last] and not _may_follow(gaps[last])):
        return None
    month_gap, offset = None, 0
    inner = list(date[1:])
    if len(date) == 3:
        if not all(gaps[i] and _DATE_GAP.fullmatch(gaps[i]) for i in inner):
            return None
    else:
        named = [i for i in [date.start, *inner, date.stop] if month_in(gaps[i])]
        if len(named) > 1:  # a weekday is a month in another language
            named = [i for i in named if i]
        if len(named) != 1 or not all(_NAMED_DATE_GAP.fullmatch(gaps[i]) for i in inner):
            return None
        month_gap = named[0]
    if gaps[0] and month_gap != 0:
        offset = _ERAS.get(gaps[0].casefold().strip(), 0) if date_first else 0
        if not offset and not bracketed and not _only_known_words(gaps[0]):
            return None
    if not _is_date([numbers[i] for i in date]):
        return None
    return _Parts(tuple(date), tuple(time), month_gap, time.start, time.stop, offset)


def _is_time(numbers: list[str], gaps: list[str]) -> bool:
    hour, *others = numbers
    return (
        len(hour) <= 2
        and int(hour) <= 24
        and all(len(number) == 2 and int(number) < 61 for number in others)
        and all(_TIME_GAP.fullmatch(gap) for gap in gaps)
    )


def _is_date(numbers: list[str]) -> bool:
    long = [number for number in numbers if len(number) > 2]
    if len(numbers) == 3 and len(numbers[1]) > 2:
        return False
    return len(long) <= 1 and all(len(number) <= 4 for number in long) and any(0 < int(n) <= 31 for n in numbers)


def _separates(gap: str) -> bool:
    """Whether a gap can stand between a date and a time: a space, or a letter of a script without spaces."""
    if not _WORDS_GAP.fullmatch(gap):
        return False
    return " " in gap or (any(char.isalpha() for char in gap) and not gap.isascii()) or gap in (",", "،", "、")


def _may_follow(gap: str) -> bool:
    """Whether a gap can follow all numbers of a header: a dot, or a word or two such as `p. m.`."""
    words = gap.strip(" .")
    return (
        not gap.startswith((",", "،"))
        and len(words) <= 24
        and len(_WORD.findall(words)) <= 3
        and (not words or bool(_WORDS_GAP.fullmatch(words)))
    )


@functools.lru_cache(maxsize=1024)
def month_in(gap: str) -> int | None:
    """Returns the number (1 to 12) of the month that a part of a header names."""
    names = locale_words.months()
    found = {names[key] for word in _WORD.findall(gap) if (key := locale_words.key(word)) in names}
    return found.pop() if len(found) == 1 else None


def _only_known_words(gap: str) -> bool:
    words = [locale_words.key(word) for word in _WORD.findall(gap)]
    return bool(words) and all(
        word in locale_words.weekdays() or word in locale_words.months() or locale_words.hours_of(word)
        for word in words
    )


def _shape(head: str, parts: _Parts, opening: str, end: str) -> Shape:
    numbers, gaps = _NUMBER.findall(head), _NUMBER.split(head)
    pattern = [_M, re.escape(opening), _M if opening else ""]
    groups = 0
    of_number: dict[int, int] = {}
    of_gap: dict[int, int] = {}
    for i, gap in enumerate(gaps):
        if i in (parts.before_time, parts.after_time, parts.month_gap) and re.search(r"[^\W\d_]", gap):
            groups += 1
            of_gap[i] = groups
            pattern.append(r"([^\d\[\]]{1,40}?)" if i < len(numbers) else r"([^\d\[\]]{1,25}?)")
        else:
            pattern.append(_literal(gap))
        if i < len(numbers):
            groups += 1
            of_number[i] = groups
            pattern.append(
                r"(\d{1,2})" if len(numbers[i]) <= 2 and i != parts.time[-1] else rf"(\d{{{len(numbers[i])}}})"
            )
    closing = f"{re.escape(end)}{_M}\\s?" if opening else _literal(end)
    pattern.append(f"{closing}(.*)")
    beside = tuple(of_gap[i] for i in (parts.before_time, parts.after_time) if i in of_gap and i != parts.month_gap)
    return Shape(
        pattern=re.compile("".join(pattern)),
        date=tuple(of_number[i] for i in parts.date),
        month=None if parts.month_gap is None else of_gap[parts.month_gap],
        time=tuple(of_number[i] for i in parts.time),
        beside_time=beside,
        year_offset=parts.year_offset,
        bracketed=bool(opening),
        sample=head,
    )


def _literal(gap: str) -> str:
    return "".join(f"[{MARKS}]?" if c in MARKS else r"\s" if c.isspace() else re.escape(c) for c in gap)
