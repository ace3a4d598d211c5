"""Numbers whose surroundings say that they are no secret: years, dates, times, prices, measures, scores, versions.

A number of four digits or more may be a PIN, and only what stands beside it can tell: `in 2019` is a year, `2019` may
be a PIN; `$1,200` is a price; `12.30`, `10-12` and `24/12` are too common to be taken for codes. A full date is
ordinary from 2013 on; before, it may be a date of birth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keyboard_model.text.masking import Span

_END = r"(?!\w)(?![^\w\n]{0,3}\d)"
# The possessive repetitions (`}+`) do not try a unit after each digit.
_GROUPED = r"\d{1,3}+(?:[,.' ]\d{3}){1,2}"
_NUMBER = rf"-?(?:{_GROUPED}|\d{{1,7}}+)(?:[.,]\d{{1,2}})?(?:[km]|bn|mio|mn)?"
_SHORT = r"\d{1,3}+(?:[.,]\d{1,2})?"
_SIGN = r"[$€£¥₹₽₩₺₴₦฿₫₱₪₡¢]"
_CURRENCY = (
    rf"(?:{_SIGN}|(?:eur|euros?|usd|dollars?|dólares|dolares|bucks|pounds?|quid|gbp|chf|franken|yen|yuan|rmb|rupees|inr|rs"
    r"|kr|kroner|kronor|nok|sek|dkk|zł|zl|złot\w+|pln|kč|czk|ft|huf|lei|ron|руб\w*|р|грн|pesos?|reais|lira|tl|won|krw|baht"
    r"|sgd|aud|cad|nzd|hkd|myr|rm|rp|idr|php|naira|rand|cents?)(?![^\W_])|元|円|块|塊|원)"
)
_CURRENCY_BEFORE = r"(?:(?:r\$|us\$|s\$|a\$|rs\.?|rp\.?) ?|(?:eur|usd|gbp|chf|inr|rm|sgd|aud|cad|kr|php|ksh) )"
_UNIT = (
    r"(?:%|‰|°|℃|℉|º[cf]?|(?:percent|prozent|procent|km/?h?|kms|meters?|metres?|metern?|mètres|metros|metri|m2|m²|cm|mm"
    r"|miles?|mi|feet|ft|foot|yards?|inch(?:es)?|kg|kgs|kilos?|grams?|gramm|mg|pounds|lbs?|oz|tons?|tonnen|litres?|liters?"
    r"|ml|dl|cups?|tbsp|tsp|kcal|cal(?:ories)?|kalorien|kj|kw|kwh|watts?|volts?|mah|hz|mhz|ghz|[kmgt]b|[kmg]bps|px"
    r"|pixels?|fps|rpm|mph|kmh|degrees?|grad|steps|schritte|pasos|passi|шагов|км|кг|мл|hours?|hrs?|stunden"
    r"|minutes?|mins?|minuten|minutos|seconds?|secs?|sekunden|days?|tage|weeks?|months?|years?|yrs?|jahre|años|ans|jahren"
    r"|people|persons?|leute|menschen|personen|personas|personnes|pages|seiten|words|points|punkte|pts|xp|followers"
    r"|subscribers|views|likes|times|gold|hp|calorías|grados|gradi|degrés|км/ч|лет|года?|ppl|players|users|employees)"
    r"(?![^\W_]))"
)
# Units of one letter stand at the number: `1500 c u` is no temperature.
_LETTER_UNIT = r"(?:[mglwvhcfpkмг]|(?<=[0-9]) [mglw])(?![^\W_])"
_MEASURE = rf"-?(?:{_GROUPED}|\d{{1,5}}+)(?:[.,]\d{{1,2}})?"
_YEAR = r"(?:1[0-9]|20)\d\d"
_LATER_YEARS = r"(?:19|20)\d\d(?:[-/]\d\d)?"
_YEARS = rf"{_YEAR}(?:[-/–](?:{_YEAR}|\d\d))?"
_MONTH = (
    r"(?:jan(?:uary|uar|vier|\.)?|feb(?:ruary|ruar|\.)?|mar(?:ch|s|zo|ço|\.)?|märz?|apr(?:il|ile|\.)?|may|mai|mayo|maio"
    r"|maggio|june?|juni|juin|junio|junho|giugno|july?|juli|juillet|julio|julho|luglio|aug(?:ust|\.)?|août|agosto"
    r"|sept?(?:ember|tembre|iembre|\.)?|setembro|settembre|oct(?:ober|obre|\.)?|okt(?:ober|\.)?|outubro|ottobre"
    r"|nov(?:ember|embre|iembre|embro|\.)?|dec(?:ember|\.)?|dez(?:ember|embro|\.)?|déc(?:embre)?|dicembre|diciembre"
    r"|février|enero|febrero|abril|avril|gennaio|febbraio|janeiro|fevereiro|maart|mei|augustus|december|"
    r"января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря)"
)
_YEAR_BEFORE = (
    r"(?:in|since|from|until|till?|through|during|before|after|around|circa|by|of|for|years?|early|late|mid|summer|winter"
    r"|spring|autumn|fall|season|christmas|xmas|easter|happy|class of|back in|new year|im jahre?|seit|von|bis|ab|anno"
    r"|jahr|sommer|frühling|frühjahr|herbst|ende|anfang|mitte|vor|nach|en|desde|hasta|año|del?|verano|invierno|depuis"
    r"|année|été|hiver|dès|nel|dal|del|estate|inverno|em|ano|até|sinds|jaar|zomer|w|od|roku?|sedan|år|siden|vuonna"
    r"|olympics|cup|euro|edition|copyright|©|с|до|в|tahun|sejak|năm)"
)
_SEASONS = "|".join(f"{year}[-/](?:{year + 1}|{(year + 1) % 100:02})" for year in range(1950, 2050))
_YEAR_AFTER = (
    r"(?:or so|ad|bce?|ce|was|will|edition|season|election|draft|olympics|г\.?|года?"
    r"|году|yılında)(?!\w)"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_LATE = r"(?:20)?(?:1[3-9]|[23]\d)"
_LATE_IN_FULL = r"20(?:1[3-9]|[23]\d)"
_TIME_AFTER = r"(?:(?:t|,? | at | um )\d{1,2}(?:[:.h]\d{2}(?::\d{2})?)? ?(?:[ap]m)?(?!\d))?"
_ORDINAL = r"(?:st|nd|rd|th|er|\.|º|ª)?"
_DAY_AND_MONTH = rf"{_DAY}{_ORDINAL} ?(?:of |de |d')?{_MONTH},? (?:de |del )?"

# Numbers that come first in what is ordinary, and those after a sign or a word. All patterns search text in lower case.
# They have many alternatives, so two quick patterns find first where they may match.
# No number is ordinary inside a longer series of digits, such as a telephone number.
_NUMBER_START = re.compile(
    r"[-\d](?:(?<=\d)|(?=\d))"
    r"(?<![\w+].)(?<!\w[-/._].)(?<!\d[^\w\n].)(?<!\d[^\w\n]{2}.)(?<!\d[^\w\n]{3}.)"
)
_NUMBER_FIRST = re.compile(
    "|".join(
        (
            # Prices.
            rf"(?:{_NUMBER} ?- ?)?{_NUMBER} ?{_CURRENCY}",
            # Measures and counts.
            rf"(?:{_MEASURE} ?(?:-|to|x) ?)?{_MEASURE}(?:\+? ?-?{_UNIT}|{_LETTER_UNIT})",
            rf"\d{{1,3}}(?:,\d{{3}}){{1,2}}(?:\.\d{{1,2}})?\+?(?=,? [^\W\d_]{{2}}|[.!?]*$){_END}",
            rf"\d{{1,3}}(?:[., ']000){{1,2}}{_END}",
            rf"\d{{2,4}} ?[x×] ?\d{{2,4}}p?{_END}",
            # Full dates from 2013 on, with a time.
            rf"{_DAY}(?P<mark>[./]){_DAY}(?P=mark){_LATE}{_TIME_AFTER}{_END}",
            rf"{_DAY}-{_DAY}-{_LATE_IN_FULL}{_TIME_AFTER}{_END}",
            rf"{_LATE_IN_FULL}(?P<iso>[-./])(?:0?[1-9]|1[0-2])(?P=iso){_DAY}{_TIME_AFTER}{_END}",
            rf"{_DAY_AND_MONTH}(?:{_LATE_IN_FULL}|1[0-8]\d\d){_TIME_AFTER}{_END}",
            rf"{_LATE_IN_FULL}年\d{{1,2}}月(?:\d{{1,2}}日)?",
            # Years.
            rf"{_YEAR}(?:'?s(?!\w)|er(?!\w)|年(?!\d)|년)",
            rf"{_LATER_YEARS} {_YEAR_AFTER}",
            rf"(?:{_SEASONS}){_END}",
            rf"(?:19|20)\d\d ?(?:-|to|bis) ?(?:19|20)\d\d{_END}",
            # Times, decimals, ranges, scores, short lists.
            rf"\d{{1,2}}[.:]?\d{{2}} ?[ap]\.?m{_END}",
            rf"\d{{1,2}}h\d{{2}}{_END}",
            rf"\d{{1,2}}(?:[.:]\d\d)? ?(?:[ap]m)? ?- ?\d{{1,2}}(?:[.:]\d\d)? ?[ap]m{_END}",
            rf"{_SHORT} ?[-/+*x×] ?\d{{1,2}}(?:[.,]\d{{1,2}})?{_END}",
            rf"\d{{1,2}}(?:[.,]\d{{1,2}})? ?[-/+*x×] ?{_SHORT}{_END}",
            rf"\d{{0,2}}[05]0 ?[-/] ?\d{{0,2}}[05]0{_END}",
            rf"\d{{2,3}}/\d{{2,3}}{_END}",
            rf"{_SHORT}(?:, {_SHORT}){{1,2}}{_END}",
            rf"\d{{1,3}}[.,]\d{{1,2}}{_END}",
            rf"\d{{1,2}} [1-9]/\d{{1,2}}{_END}",
            rf"\d{{1,2}}-\d{{1,2}}(?:,? \d{{1,2}}-\d{{1,2}}){{1,4}}{_END}",
            rf"24/7/365{_END}",
            rf"\d{{1,4}}(?: ?[-+*/x×÷] ?\d{{1,4}}){{1,4}} ?= ?\d{{1,6}}{_END}",
        )
    ),
    re.MULTILINE,
)
# No word or sign is more than 20 characters before its number.
_WORD_START = re.compile(r"[^\s\d.,!?_'-](?:(?<=\W)|(?<![^\W_].))(?=[^\d\n]{0,20}\d)")
_AMOUNT = rf"{_NUMBER}(?:-{_NUMBER})?\+?(?!\w)(?![-./]?\d)"
_WORD_FIRST = re.compile(
    rf"{_SIGN} ?{_AMOUNT}|\({_YEARS}\)|(?<![^\W_]){_CURRENCY_BEFORE}{_AMOUNT}|(?<!\w)(?:"
    + "|".join(
        (
            rf"{_MONTH} {_DAY}{_ORDINAL},? (?:{_LATE_IN_FULL}|1[0-8]\d\d){_TIME_AFTER}{_END}",
            rf"{_YEAR_BEFORE}(?: the)? '?{_YEARS}(?:,? (?:and|or|to|until|bis|und|y|et|e|-|a) {_YEAR})?"
            rf"(?!\w)(?![-./ ]?\d)",
            rf"was {_LATER_YEARS}(?!\w)(?![-./ ]?\d)",
            rf"the {_YEAR}(?= [^\W\d_]{{3}})",
            # Not the month of a full date, which may be a date of birth.
            rf"(?<!\d )(?<!\d\. )(?<!th )(?<!st )(?<!nd )(?<!rd )(?<!of )(?<!de )"
            rf"{_MONTH},? (?:de |del |of )?{_YEARS}{_END}",
            rf"(?:q[1-4][ /-]?|fy ?|mid-|pre-|post-|expo |wc )'?{_YEARS}{_END}",
            rf"(?:iso|rfc|din|ieee|rtx|gtx)[ -]?\d{{4,5}}{_END}",
            # Versions.
            r"(?:v|ver|version|ios|android|windows|macos|python|release|update|build|linux|kernel|java|node|php)"
            rf" ?\d{{1,3}}(?:\.\d{{1,4}}){{1,3}}{_END}",
        )
    )
    + ")",
)
_FULL_DATE = re.compile(
    rf"(?<!\w)(?:{_DAY_AND_MONTH}|{_MONTH} {_DAY}{_ORDINAL},? )(?P<year>(?:19|20)\d\d)(?!\d)"
    r"|(?<!\d)(?P<cjk>(?:19|20)\d\d)[年년] ?\d{1,2}[月월] ?\d{1,2}[日일]",
)
_YEAR_OF_A_DATE = re.compile(r"(?:19|20)\d\d")
_FIRST_OF_NO_BIRTH = 2013
_SURROUNDINGS = 28
_NEVER_ORDINARY = re.compile(r"\d{8,}")
_LONGEST = 80  # a longer series of digits is no list of times or prices


def ordinary_numbers(lower: str, numbers: Iterable[Span]) -> Iterator[Span]:
    """Yields the spans of numbers that are no secret, with what says so; they may overlap.

    Args:
        lower: Folded text in lower case.
        numbers: The spans of its numbers, in any order; only what is near them is searched.
    """
    perhaps = [(first, last) for first, last in numbers if not _NEVER_ORDINARY.fullmatch(lower, first, last)]
    for first, last in _near(lower, perhaps):
        for start, pattern in ((_NUMBER_START, _NUMBER_FIRST), (_WORD_START, _WORD_FIRST)):
            end = first
            for begun in start.finditer(lower, first, last):
                if begun.start() >= end and (match := pattern.match(lower, begun.start(), last)):
                    end = match.end()
                    if end < last or last == len(lower):  # the rest of a number cut off may say otherwise
                        yield match.span()


def _near(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Yields the spans with their surroundings, those that meet as one."""
    near: Span | None = None
    for first, last in sorted(spans):
        if last - first > _LONGEST:
            continue
        first, last = max(0, first - _SURROUNDINGS), min(len(text), last + _SURROUNDINGS)
        if near and first <= near[1]:
            near = near[0], max(near[1], last)
            continue
        if near:
            yield near
        near = first, last
    if near:
        yield near


def may_be_birth_date(text: str) -> bool:
    """Returns whether the text may have a date of birth; quick, and often wrongly true."""
    return _YEAR_OF_A_DATE.search(text) is not None


def birth_dates(lower: str, announced: bool) -> Iterator[Span]:
    """Yields the spans of full dates with a month's name that may be dates of birth.

    Args:
        lower: Folded text in lower case.
        announced: Whether the text speaks of a birth, so that every date may be one.
    """
    for match in _FULL_DATE.finditer(lower):
        if announced or 1900 <= int(match["year"] or match["cjk"]) < _FIRST_OF_NO_BIRTH:
            yield match.span()
