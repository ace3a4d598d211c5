"""Reads the headers of one kind as times, as the file's other headers of this kind suggest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time

from federated.corpus.importers.whatsapp import dates
from federated.corpus.importers.whatsapp.headers import Shape, month_in

_MOST_CLOCKS = 20_000


@dataclass(slots=True)
class Kind:
    """What is known of the headers of one shape.

    Attributes:
        shape: The shape.
        count: The number of such headers.
        days: The numbers of their dates, in the order of the file, without those equal to the one before.
        clocks: Their times, if words stand beside them that ICU does not know.
        words: All words beside their times.
        latest_hour: The largest hour beside such words.
    """

    shape: Shape
    count: int = 0
    days: list[dates.Numbers] = field(default_factory=list)
    clocks: list[dates.Clock] = field(default_factory=list)
    words: set[dates.Words] = field(default_factory=set)
    latest_hour: int = 0
    _date: object = None
    _seen: set[object] = field(default_factory=set)

    def add(self, match: re.Match[str]) -> None:
        """Adds a header."""
        self.count += 1
        day = match.group(*self.shape.date)
        if day != self._date:
            self._date = day
            self.days.append(_numbers(self.shape, match))
        if self.shape.beside_time:
            self._add_words(match)

    def _add_words(self, match: re.Match[str]) -> None:
        seen = match.group(self.shape.time[0], *self.shape.beside_time)
        if seen in self._seen and not self.clocks:
            return
        self._seen.add(seen)
        words, hour = _words(self.shape, match), int(match[self.shape.time[0]])
        self.words.add(words)
        self.latest_hour = max(self.latest_hour, hour)
        if len(self.clocks) < _MOST_CLOCKS and (self.clocks or not dates.known_hours(words)):
            self.clocks.append((_numbers(self.shape, match), hour, int(match[self.shape.time[1]]), words))


class Reading:
    """How the headers of one kind are read."""

    def __init__(self, kind: Kind) -> None:
        self._shape = kind.shape
        self._orders: tuple[str, ...] = ()
        self._sure = False
        if kind.shape.month is None:
            orders = dates.possible_orders(kind.days[0], kind.shape.sample, kind.shape.year_offset)
            ranked = dates.best_orders(kind.days, orders, kind.shape.year_offset)
            self._orders, self._sure = ranked.orders, ranked.sure
        # A 24-hour clock has no am and pm, whatever the words beside it.
        self._hours = dates.hours_of_words(kind.clocks, kind.words) if kind.latest_hour <= 12 else {}
        self._hour_of: dict[object, int] = {}
        self._last: tuple[object, date] = (None, date.min)

    def timestamp(self, match: re.Match[str], previous: datetime | None) -> datetime | None:
        """Returns the time of a header.

        Args:
            match: Of the shape's pattern.
            previous: The time of the message before. It decides what the file leaves open, and a missing year.

        Returns:
            The time, or None if neither this header nor an earlier one has a year.

        Raises:
            ValueError: the date or time does not exist.
        """
        shape = self._shape
        clock = match.group(*shape.time)
        hour = self._hour(match) if self._hours else int(clock[0])
        if hour == 24:  # midnight
            hour = 0
        minute, second = int(clock[1]), int(clock[2]) if len(clock) > 2 else 0
        if self._sure:
            numbers = match.group(*shape.date)
            if numbers != self._last[0]:
                self._last = numbers, dates.to_date(_numbers(shape, match), self._orders[0], shape.year_offset)
            day = self._last[1]
            return datetime(day.year, day.month, day.day, hour, minute, second)
        at = time(hour, minute, second)
        if shape.month is not None:
            return dates.with_named_month(_numbers(shape, match), month_in(match[shape.month]), at, previous)
        return self._nearest(_numbers(shape, match), at, previous)

    def _hour(self, match: re.Match[str]) -> int:
        written = match.group(self._shape.time[0], *self._shape.beside_time)
        hour = self._hour_of.get(written)
        if hour is None:
            covered = self._hours.get(_words(self._shape, match), frozenset())
            hour = self._hour_of[written] = dates.hour_of_day(int(match[self._shape.time[0]]), covered)
        return hour

    def _nearest(self, numbers: dates.Numbers, clock: time, previous: datetime | None) -> datetime:
        possible = []
        for order in self._orders:
            try:
                day = dates.to_date(numbers, order, self._shape.year_offset)
            except ValueError:
                continue
            if dates.is_plausible(day):
                possible.append(datetime.combine(day, clock))
        if not possible:
            raise ValueError("no such date in any order of day, month and year")
        return min(possible, key=lambda at: abs(at - previous)) if previous else possible[0]


def _numbers(shape: Shape, match: re.Match[str]) -> dates.Numbers:
    return tuple(match[group] for group in shape.date)


def _words(shape: Shape, match: re.Match[str]) -> dates.Words:
    return tuple(match[group] for group in shape.beside_time)
