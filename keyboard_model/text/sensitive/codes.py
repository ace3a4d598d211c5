"""Codes of letters and digits: keys, tokens, licence plates, international bank account numbers.

A code is told from a word such as `gr8` or `covid19` by four digits or more, or by how often it changes between
letters, digits and cases. An IBAN is told by its country and length (ISO 13616; lengths from SWIFT's IBAN registry).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from keyboard_model.text.masking import Span
from keyboard_model.text.sensitive.folded_text import Features

MAX_DIGITS = 3
"""Most digits of a number or a code that is not masked."""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""For a character class: scripts without spaces between words. A number beside their letters is no part of a word."""
# A run of letters, digits and apostrophes, with a digit.
_WORD = re.compile(rf"(?<![^\W_{UNSPACED}])(?<!')(?:[^\W\d_{UNSPACED}]++|')*+\d(?:[^\W_{UNSPACED}]++|')*+")
_ORDINARY_END = (
    r"(?:am|pm|a\.m|p\.m|uhr|h|hrs?|hours?|min|mins|minutes?|s|secs?|st|nd|rd|th|er|km|kms?|m|cm|mm|kg|kgs|g|mg|l|ml"
    r"|ft|lbs?|oz|k|mb|gb|tb|mbps|gbps|hz|ghz|mhz|kw|kwh|w|v|ah|mah|px|p|fps|x|yo|yrs?|years?|year|day|days|week|weeks"
    r"|c|f|°c|°f|jährig\w*|er|jahre?|ans?|años?|d|°|bn|mn|mio|miles|mile|inch|in|eur|usd|bit|bits|byte|bytes|ish|jan"
    r"|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|fold|mal|pack|person|star|hour|minute|foot)"
)
_ORDINARY_GROUP = re.compile(rf"(?:\d{{1,3}}{_ORDINARY_END}?|[^\W\d_]+)\Z", re.IGNORECASE)
_CHAIN = re.compile(r"(?<![^\W_])[^\W_]++(?:[-_./:•+=][^\W_]++)+")
_EQUAL_GROUPS = re.compile(r"(?<![\w-])[A-Za-z0-9]{3,8}(?:(?: - | |-)[A-Za-z0-9]{3,8})+(?![\w-])")
_LONG = re.compile(r"(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/=_.~-]{16,}")
_KNOWN = re.compile(
    r"-{3,5}BEGIN [A-Z0-9 ]{0,40}-{3,5}(?:(?!-{3,5}END)[\s\S])*+(?:-{3,5}END [A-Z0-9 ]{0,40}-{3,5})?"
    r"|(?<!\w)(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w+) \S+"
    r"|(?<![A-Za-z0-9])eyJ[\w-]{6,}(?:\.[\w-]*)*"
    r"|(?<![A-Za-z0-9])(?:gh[opusr]_|github_pat_|glpat-|xox[abeoprs]-|[spr]k[-_]|AKIA|ASIA|AIza|ya29\."
    r"|hf_|npm_|pypi-|dop_v1_|shp\w\w_|whsec_|SG\.|AGE-SECRET-KEY-|age1|gsk_|EAAC)[\w-]{8,}(?:\.[\w-]+)*"
    r"|(?<!\w)(?:SHA256|MD5|sha1|sha512):[A-Za-z0-9+/=:]{8,}"
    r"|(?<!\w)[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?!\w)"
    r"|(?<!\w)0x[0-9A-Fa-f]{8,}"
    r"|(?<!\w)[A-Z0-9]+<[A-Z0-9<]{10,}"
)
# How what is known begins, in the order in which it is looked for; a search for capitals skips most of a message.
_KNOWN_START = re.compile(r"A(?:KIA|SIA|Iza)|EAAC|S(?:G\.|HA256:)|MD5:")
_KNOWN_BEGINNINGS = frozenset(("age1", "ya29", "sha5", "sha1"))
_KNOWN_STARTS_WITH_HYPHEN = (
    "--begin", "ssh-", "ecdsa-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk-", "sk_",
    "pk-", "pk_", "rk-", "rk_", "hf_", "npm_", "pypi-", "dop_v1_", "shp", "whsec_", "age-secret", "gsk_",
)  # fmt: skip
# Licence plates and the like: short groups of capitals and digits in turn.
_PLATE = re.compile(
    r"(?<![\w-])(?:[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]{2}[ -]\d{3}[ -][A-Z]{2}|[A-Z]{2}\d{3}[A-Z]{2}"
    r"|[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} ?\d{1,4}[EH]?|(?:[A-Z]{2}|\d{2}|[A-Z]|\d)-(?:[A-Z]{2,3}|\d{2,3})-(?:[A-Z]{1,2}|\d{1,2})"
    r"|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[ABCEHKMOPTXYАВЕКМНОРСТУХ]\d{3}[ABCEHKMOPTXYАВЕКМНОРСТУХ]{2} ?\d{2,3}"
    r"|[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D])(?![\w-])"
)
_NEAR_A_CAPITAL = re.compile(r"\d(?:(?<=[A-ZÄÖÜА-Я]\d)|(?<=[A-ZÄÖÜА-Я][ -]\d)|-[A-Z])")  # in every plate
_SHORTEST_KNOWN, _SHORTEST_TOKEN, _SHORTEST_RANDOM, _SHORTEST_CHANGING, _SHORTEST_EQUAL = 10, 16, 6, 8, 4
_JOINT, _JOINT_WITHOUT_DOT = re.compile(r"[-_./:•+=][^\W_]"), re.compile(r"[-_:•+=][^\W_]")
_CAPITALS_WITH_HYPHEN = re.compile(r"-[A-Z]{4}")
_TWO_NUMBERS = re.compile(r"\d\D+\d")
_DIGITS = re.compile(r"\d+")
_CAPITALS = re.compile(r"[A-Z](?=[A-Z])")
_HEXADECIMAL = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_SEPARATOR = re.compile(r"[-_./:•+=]")
_GROUP = re.compile(r"[A-Za-z0-9]+")
_CHANGE = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])")

_IBAN_LENGTHS = {
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
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})( ?)\d{2}(?=[ .-]?[A-Za-z0-9])")
_IBAN_IN_FOURS = re.compile(r"[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_LONGEST_IBAN, _FEWEST_DIGITS_OF_AN_IBAN = 80, 10


def codes(features: Features) -> Iterator[Span]:
    """Yields the spans of codes in folded text; they may overlap."""
    text, digits = features.text, features.digits
    mixed = [word for word in features.numbers if not word.isdigit()]
    if _may_be_known(features) and features.longest() >= _SHORTEST_KNOWN:
        yield from (match.span() for match in _KNOWN.finditer(text) if _is_known(match.group()))
    if (digits > 1 or _CAPITALS.search(text)) and features.longest() >= _SHORTEST_TOKEN:
        yield from (match.span() for match in _LONG.finditer(text) if _is_token(match.group()))
    if (digits > 2 and (_JOINT if mixed else _JOINT_WITHOUT_DOT).search(text)) or (
        "-" in text and _CAPITALS_WITH_HYPHEN.search(text)
    ):
        yield from (match.span() for match in _CHAIN.finditer(text) if _is_chain(match.group()))
    longest = max(map(len, mixed), default=0)
    if longest >= _SHORTEST_RANDOM and (
        longest >= _SHORTEST_CHANGING or "'" in text or any(map(_TWO_NUMBERS.search, mixed))
    ):
        yield from (match.span() for match in _WORD.finditer(text) if _is_random(match.group()))
    if digits > 1 and _NEAR_A_CAPITAL.search(text):
        yield from (match.span() for match in _PLATE.finditer(text) if _mixed(match.group()))
    if len(mixed) > 1 and longest >= _SHORTEST_EQUAL:
        for match in _EQUAL_GROUPS.finditer(text):
            yield from _equal_groups(match.group(), match.start())
    if digits >= _FEWEST_DIGITS_OF_AN_IBAN:
        yield from ibans(text)


def _may_be_known(features: Features) -> bool:
    text = features.text
    return (
        "eyJ" in text
        or "0x" in text
        or "<<" in text
        or _KNOWN_START.search(text) is not None
        or not _KNOWN_BEGINNINGS.isdisjoint(features.cues)
        or (("-" in text or "_" in text) and any(start in features.lower for start in _KNOWN_STARTS_WITH_HYPHEN))
    )


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _mixed(text: str) -> bool:
    return _digits(text) > 0 and any(map(str.isalpha, text))


def _changes(text: str) -> int:
    """Returns how often neighbours differ in kind: lower case, upper case or digit."""
    return len(_CHANGE.findall(text))


def _is_known(found: str) -> bool:
    return found.startswith(("-", "ssh", "ecdsa", "eyJ")) or "<<" in found or _digits(found) > 0 or _changes(found) > 8


def _is_token(found: str) -> bool:
    if not any(map(str.isalpha, found)):
        return False  # left to the rules for numbers
    if _HEXADECIMAL.fullmatch(found):
        return _digits(found) > 1
    digit_runs, capitals = len(_DIGITS.findall(found)), len(_CAPITALS.findall(found))
    irregular = digit_runs >= 2 or (capitals >= 2 and len(found) >= 20 and not found.isupper())
    return irregular and _changes(found) >= len(found) / 5


def _is_chain(found: str) -> bool:
    if not any(map(str.isalpha, found)):
        return False
    groups = _SEPARATOR.split(found)
    mixed = [group for group in groups if _mixed(group) and not _ORDINARY_GROUP.match(group)]
    digits = _digits(found)
    by_hyphens = not ("." in found or "/" in found)
    equal = len({len(group) for group in groups}) == 1
    irregular = sum(map(_changes, mixed)) >= 2 * len(mixed)
    if mixed and digits > MAX_DIGITS and (by_hyphens or irregular or (equal and len(groups) > 2)):
        return True
    if len(mixed) >= 2 and digits >= 3 and len(found) > 8 and _changes(found) >= len(found) / 3:
        return True
    if len(groups) < 3 or not by_hyphens:
        return False
    if equal and len(groups[0]) >= 4:
        capitals = found.isupper() and (digits > 0 or len(groups[0]) >= 5 or len(set(groups)) >= 4)
        return capitals or digits > MAX_DIGITS
    return bool(mixed) and found.isupper() and digits >= 2 and len(found) >= 12


def _equal_groups(found: str, start: int) -> Iterator[Span]:
    """Yields the spans of neighbouring groups of one length that have letters and digits, as in `a1b2 c3d4`."""
    run: list[tuple[int, int, str]] = []
    for match in [*_GROUP.finditer(found), None]:
        group = match.group() if match else ""
        if run and (len(group) != len(run[0][2]) or not _like_a_code(group)):
            letters = [each for _, _, each in run if not (each.isalpha() or each.isdigit())]
            if len(letters) >= 2 and len(run[0][2]) >= _SHORTEST_EQUAL:
                digits = _digits(found[run[0][0] : run[-1][1]])
                if digits > MAX_DIGITS or (digits >= 2 and len(run) >= 3 and all(each.isupper() for each in letters)):
                    yield start + run[0][0], start + run[-1][1]
            run = []
        if match and _like_a_code(group):
            run.append((*match.span(), group))


def _like_a_code(group: str) -> bool:
    return group.isdigit() or group.isupper() or not (group.isalpha() or _ORDINARY_GROUP.match(group))


def _is_random(word: str) -> bool:
    if len(word) < _SHORTEST_RANDOM or not _mixed(word):
        return False
    digits, changes, runs = _digits(word), _changes(word), len(_DIGITS.findall(word))
    if digits >= 2 and runs >= 2 and changes >= 4 and (runs >= 3 or len(word) >= 7):
        return True
    return len(word) >= _SHORTEST_CHANGING and changes >= 0.6 * len(word)


def ibans(text: str) -> Iterator[Span]:
    """Yields the spans of IBANs in folded text.

    A wrong check digit does not matter, because people mistype their own number; eight digits or more must follow.

    >>> list(ibans("my iban: GB29 NWBK 6016 1331 9268 19, thanks"))
    [(9, 36)]
    """
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match[1].upper())
        if length is None:
            continue
        found = _iban_of(length).match(text, match.start(), match.start() + _LONGEST_IBAN)
        if match[2] and not (found and _is_checked_iban(found.group())):
            continue  # `in 10 of 20 …` is no IBAN
        found = found or _IBAN_IN_FOURS.match(text, match.start())
        if found and _digits(found.group()) >= _FEWEST_DIGITS_OF_AN_IBAN:
            yield found.span()


@functools.cache
def _iban_of(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z0-9](?:[ .-]{{0,3}}[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])")


def _is_checked_iban(found: str) -> bool:
    plain = "".join(filter(str.isalnum, found))
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
