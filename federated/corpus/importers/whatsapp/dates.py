"""Turns the numbers and words of headers into times: the order of day, month and year, calendars, and am and pm.

What one header leaves open is decided from all headers of its kind in the file:

- Of the possible orders of day, month and year, the one counts with which the most dates exist, then the one with which
  the chat goes forward in time, then the one with the shortest way from its first to its last date. If a file leaves
  all of these open, the day comes first, in Korean, Chinese and Japanese the year.
- If no hour is above 12, a word beside the time says am or pm, or another part of the day, if ICU knows it in some
  language. A word that it does not know has a meaning only if there is another word in its place. It is then am or pm
  so that the times of each day go forward; if that is open too, the first of the words is am.
- Years of the Buddhist, Persian, Islamic (Umm al-Qura), Minguo and Japanese calendars are converted. Since 2009, when
  WhatsApp began, none of them can be mistaken for another.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from federated.corpus.importers.whatsapp import locale_words

Numbers = tuple[str, ...]
Words = tuple[str, ...]
Clock = tuple[Numbers, int, int, Words]
"""The numbers of a date, the hour and minute as written, and the words beside the time."""

_FIRST_YEAR, _LAST_YEAR = 2009, 2050  # of plausible dates: WhatsApp began in 2009
_AM, _PM = frozenset(range(12)), frozenset(range(12, 24))
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MOST_UNKNOWN_WORDS = 6


def possible_orders(numbers: Numbers, header: str, year_offset: int = 0) -> tuple[str, ...]:
    """Returns the orders, such as "dmy", in which the three numbers of a date can be; the likeliest first."""
    if len(numbers[0]) > 2 or year_offset:
        return ("ymd", "ydm")
    if len(numbers[2]) > 2:
        return ("dmy", "mdy")
    return ("ymd", "dmy", "mdy") if _EAST_ASIAN.search(header) else ("dmy", "mdy", "ymd")


@functools.lru_cache(maxsize=16384)
def to_date(numbers: Numbers, order: str, year_offset: int = 0) -> date:
    """Returns the Gregorian date.

    Args:
        numbers: Day, month and year as written, in the digits of any script.
        order: What the numbers are, for example "dmy".
        year_offset: Added to the year.

    Raises:
        ValueError: the date does not exist.
    """
    parts = dict(zip(order, numbers, strict=True))
    month, day = int(parts["m"]), int(parts["d"])
    year = int(parts["y"]) + year_offset if year_offset else _full_year(parts["y"])
    calendar = "persian" if 1350 <= year <= 1420 else "islamic-umalqura" if 1425 <= year <= 1500 else None
    if calendar:
        try:
            return locale_words.days_of_year(calendar, year)[month, day]
        except KeyError:
            raise ValueError(f"no such day in the {calendar} calendar") from None
    return date(year - 543 if 2400 < year < 2700 else year, month, day)


def is_plausible(day: date) -> bool:
    """Returns whether a message can be of this day."""
    return _FIRST_YEAR <= day.year <= _LAST_YEAR


def _full_year(written: str) -> int:
    year = int(written)
    if len(written) > 3:
        return year
    if len(written) == 3:
        return year + 1911  # Minguo
    if 52 <= year < 80:
        return year + 2500  # Buddhist
    return year + (1300 if year >= 88 else 2000)  # Persian, or Gregorian


@dataclass(frozen=True, slots=True)
class Ranked:
    """The orders of day, month and year that suit a file, the best first; `sure` says that no other one does."""

    orders: tuple[str, ...]
    sure: bool


def best_orders(dates: Sequence[Numbers], orders: Sequence[str], year_offset: int = 0) -> Ranked:
    """Ranks `orders` by how well they suit `dates`, which are in the order of the file."""

    def badness(order: str) -> tuple[int, int, int]:
        missing = backward = 0
        known: list[date] = []
        for numbers in dates:
            try:
                day = to_date(numbers, order, year_offset)
            except ValueError:
                missing += 1
                continue
            missing += not is_plausible(day)
            backward += bool(known) and day < known[-1]
            known.append(day)
        return missing, backward, (max(known) - min(known)).days if known else 0

    ranked = sorted((badness(order), place, order) for place, order in enumerate(orders))
    best, second = ranked[0][0], ranked[1][0]
    suitable = tuple(order for bad, _, order in ranked if bad[0] == best[0] or 2 * bad[0] <= len(dates))
    return Ranked(suitable, sure=best[0] == 0 and best < second)


def with_named_month(
    numbers: Numbers, month: int | None, clock: time, previous: datetime | None = None
) -> datetime | None:
    """Returns the time of a header that names its month; None if no year is known.

    Older phones wrote no year in the dates of the current one: it follows from `previous`, the time of the message
    before.

    Raises:
        ValueError: the date does not exist.
    """
    if month is None:
        raise ValueError("not the name of a month")
    long = [number for number in numbers if len(number) > 2]
    if len(numbers) == 1:
        if previous is None:
            return None
        at = datetime.combine(date(previous.year, month, int(numbers[0])), clock)
        return at if at > previous - timedelta(days=180) else at.replace(year=at.year + 1)
    day, year = numbers if not long or long[0] == numbers[1] else numbers[::-1]
    return datetime.combine(to_date((day, str(month), year), "dmy"), clock)


@functools.lru_cache(maxsize=1024)
def known_hours(words: Words) -> frozenset[int] | None:
    """Returns the hours (0 to 23) that the words before and after a time cover; None if they say nothing."""
    for phrase in words:
        if hours := locale_words.hours_of(phrase):
            return hours
        for word in re.split(r"[\s日일,،、]+", phrase):
            if hours := locale_words.hours_of(word):
                return hours
    return None


def hours_of_words(clocks: Sequence[Clock], words: Collection[Words]) -> dict[Words, frozenset[int]]:
    """Returns the hours that the words beside the times of a file cover, without words that have no meaning.

    Args:
        clocks: Times in the order of the file, at least all from the first one with words that ICU does not know.
        words: All words beside times.
    """
    known = {word: hours for word in words if (hours := known_hours(word))}
    unknown = list(dict.fromkeys(clock[3] for clock in clocks if clock[3] not in known))
    if not unknown or len(words) == 1 or len(unknown) > _MOST_UNKNOWN_WORDS:
        return known

    def badness(guess: tuple[frozenset[int], ...]) -> tuple[int, bool]:
        hours = known | dict(zip(unknown, guess, strict=True))
        minutes = [(day, hour_of_day(hour, hours[word]) * 60 + minute) for day, hour, minute, word in clocks]
        backward = sum(a[0] == b[0] and a[1] > b[1] for a, b in itertools.pairwise(minutes))
        return backward, len(set(hours.values())) == 1

    guess = min(itertools.product((_AM, _PM), repeat=len(unknown)), key=badness)
    return known | dict(zip(unknown, guess, strict=True))


def hour_of_day(hour: int, covered: frozenset[int]) -> int:
    """Returns the hour (0 to 23) of an hour on a 12-hour clock, with the hours that the word beside it covers."""
    if hour > 12 or not covered:
        return hour
    first, second = hour % 12, hour % 12 + 12
    if (first in covered) != (second in covered):
        return first if first in covered else second
    return second if min(covered) >= 12 else first
