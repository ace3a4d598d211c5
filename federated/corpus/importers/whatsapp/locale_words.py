"""Month names, weekdays, parts of the day and calendars of the languages in ICU's locale data (CLDR).

Both phone systems write dates with the same data, so a word of a chat's dates is found here.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

_LOCALES = re.findall(
    r"\w+",
    """
    af am ar as az be bg bn bs ca cs cy da de de_AT el en en_AU en_CA en_GB es es_MX et eu fa fi fil fr fr_CA ga gl gu
    ha he hi hr hu hy id is it ja ka kk km kn ko ky lo lt lv mk ml mn mr ms my nb ne nl or pa pl ps pt pt_PT ro ru sd
    si sk sl so sq sr sr_Latn sv sw ta te th tk tr uk ur uz vi yue zh zh_HK zh_TW zu
    """,
)
_AM, _PM = frozenset(range(12)), frozenset(range(12, 24))
_ENGLISH = {"am": _AM, "pm": _PM}
_OLDER_WORDS = {  # am and pm as older phones wrote them
    'לפנה"צ': 'אחה"צ',
    "पूर्वाह्न": "अपराह्न",
    "পূর্বাহ্ণ": "অপরাহ্ণ",
    "முற்பகல்": "பிற்பகல்",
    "ಪೂರ್ವಾಹ್ನ": "ಅಪರಾಹ್ನ",
    "म.पू.": "म.उ.",
    "ਪੂ.ਦੁ.": "ਬਾ.ਦੁ.",
    "ก่อนเที่ยง": "หลังเที่ยง",
    "пр.об.": "сл.об.",
}
_FIRST_YEARS = {"persian": 622, "islamic-umalqura": 622}  # the Gregorian year in which each calendar begins
_SUNDAY = datetime(2023, 1, 1, tzinfo=UTC)


@functools.lru_cache(maxsize=4096)
def key(word: str) -> str:
    """Returns `word` without case, spaces, punctuation and invisible characters: `A. M.` and `am` have the same key."""
    return "".join(c for c in unicodedata.normalize("NFKC", word) if unicodedata.category(c)[0] in "LMN").casefold()


def hours_of(word: str) -> frozenset[int] | None:
    """Returns the hours (0 to 23) that a word for a part of the day covers, or None for any other word.

    The words are those for am and pm, and longer ones such as `清晨` or "in the morning". Where languages differ in the
    hours of a word, its meaning as am or pm counts.
    """
    return _ENGLISH.get(key(word)) or _day_parts().get(key(word))


@functools.cache
def months() -> dict[str, int]:
    """Returns the number (1 to 12) of each month name and abbreviation, by its key."""
    days = [_SUNDAY.replace(month=month, day=15) for month in range(1, 13)]
    names = _names("{day,date,MMM}\n{day,date,MMMM}\n{day,date,LLL}\n{day,date,LLLL}", days)
    return {name: day.month for name, day in names if not name.isdigit()}


@functools.cache
def weekdays() -> frozenset[str]:
    """Returns the keys of the names and abbreviations of the days of the week."""
    days = [_SUNDAY + timedelta(days=offset) for offset in range(7)]
    return frozenset(name for name, _ in _names("{day,date,EEE}\n{day,date,EEEE}", days))


@functools.cache
def _day_parts() -> dict[str, frozenset[int]]:
    hours = [_SUNDAY.replace(hour=hour) for hour in range(24)]
    found: dict[str, frozenset[int]] = {}
    for pattern in ("a", "b", "B"):  # am or pm; these and noon and midnight; morning, evening, night...
        covered: dict[str, set[int]] = {}
        for name, hour in _names(f"{{day,date,{pattern}}}", hours):
            covered.setdefault(name, set()).add(hour.hour)
        found = {name: frozenset(of_name) for name, of_name in covered.items()} | found
    older = {key(am): _AM for am in _OLDER_WORDS} | {key(pm): _PM for pm in _OLDER_WORDS.values()}
    return older | found


@functools.lru_cache(maxsize=256)
def days_of_year(calendar: str, year: int) -> dict[tuple[int, int], date]:
    """Returns the Gregorian date of each (month, day) of a year of the calendar `persian` or `islamic-umalqura`."""
    from icu4py.messageformat import MessageFormat

    form = MessageFormat("{day,date,y-M-d}", f"en@calendar={calendar};numbers=latn")
    length = 365.2425 if calendar == "persian" else 354.367
    begins = datetime(_FIRST_YEARS[calendar], 7, 1, 12, tzinfo=UTC) + timedelta(days=(year - 1) * length - 120)
    found = {}
    for offset in range(600):
        day = begins + timedelta(days=offset)
        written, month, day_of_month = map(int, form.format({"day": day}).split("-"))
        if written == year:
            found[month, day_of_month] = day.date()
    return found


def _names(pattern: str, days: list[datetime]) -> Iterator[tuple[str, datetime]]:
    """Yields what each locale writes for each day, as keys."""
    from icu4py.messageformat import MessageFormat  # loading ICU is slow, and few files need it

    for locale in _LOCALES:
        form = MessageFormat(pattern, f"{locale}@calendar=gregorian")
        for day in days:
            for name in form.format({"day": day}).split("\n"):
                if key(name):
                    yield key(name), day
