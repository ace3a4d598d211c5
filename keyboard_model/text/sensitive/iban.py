"""International bank account numbers, in groups or not (ISO 13616; lengths from SWIFT's IBAN registry)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyboard_model.text.masking import Span

_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "17": "BI", "18": "DK FO FI GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU XK MN",
        "21": "CH CR HR LI LV", "22": "BG BH DE GB GE IE ME RS VA", "23": "AE GI IL IQ TL OM SO",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR",
        "27": "BJ CI DZ FR GR IT MC MR SM SN",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV", "29": "BR PS QA UA", "30": "JO KW MU YE", "31": "MT SC", "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_START = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})( ?)\d{2}(?=[ .-]?[A-Za-z0-9])")
_IN_FOURS = re.compile(r"[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_LONGEST = 80


def ibans(text: str) -> Iterator[Span]:
    """Yields the spans of IBANs in folded text.

    A wrong check digit does not matter, because people mistype their own number; eight digits or more must follow.

    >>> list(ibans("my iban: GB29 NWBK 6016 1331 9268 19, thanks"))
    [(9, 36)]
    """
    for match in _START.finditer(text):
        length = _LENGTHS.get(match[1].upper())
        if length is None:
            continue
        found = re.compile(rf"[A-Za-z0-9](?:[ .-]{{0,3}}[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])").match(
            text, match.start(), match.start() + _LONGEST
        )
        if match[2] and not (found and _is_checked(found.group())):
            continue  # `in 10 of 20 …` is no IBAN
        found = found or _IN_FOURS.match(text, match.start())
        if found and sum(map(str.isdigit, found.group())) >= 10:
            yield found.span()


def _is_checked(found: str) -> bool:
    plain = "".join(filter(str.isalnum, found))
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
