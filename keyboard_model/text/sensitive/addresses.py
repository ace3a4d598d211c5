"""Addresses: e-mail, URLs, host names, IP and hardware addresses, paths of files, places on a map.

Each pattern starts at the start of a run of characters or at a literal, and repeats without a bound only what no
other part of it can match, so the search time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyboard_model.text.masking import Span
from keyboard_model.text.sensitive.domains import host_end, may_end_host
from keyboard_model.text.sensitive.folded_text import Features

_LOCAL = r"[\w.!#$%&'*+/=?^`{|}~-]"
_AT = r"(?:\((?:at|ät|a|arroba|arobase|@)\)|\[(?:at|ät|a|@)\]|\{(?:at|@)\})"
_DOT = r"(?:\((?:dot|punkt|punto|point|ponto|\.)\)|\[(?:dot|punkt|punto|point|\.)\]|\{dot\})"
_DOT_WORD = r"(?: (?:dot|punkt|punto|point|ponto|punt|kropka|tochka|точка) )"
_SPELT_SIGNS = "dot punkt punto arroba arobase chiocciola ät apenstaartje małpa собака"
SPELT_SIGNS = frozenset(_SPELT_SIGNS.split())
"""Words in the place of the signs of an address."""

_EMAIL = re.compile(
    rf"(?<!{_LOCAL})(?:{_LOCAL}++|\"[^\"\n]{{1,64}}\")@(?:[\w-]+(?:\.[\w-]+)+|\[[0-9A-Fa-f:.]{{2,45}}\])"
    rf"|(?<!{_LOCAL}){_LOCAL}++ ?@ ?[\w-]+(?:(?:\.[\w-]+)*\.[^\W\d_]{{2,}}| \. ?(?:com|org|net|edu|de)(?!\w))",
)
_AFTER_AT = re.compile(r"@ ?(?:[\w-]++ ?\.|\[)")  # in every address with an @
# These and the patterns of spelt addresses, URLs and hosts search text in lower case.
_SIGN_IN_BRACKETS = re.compile(rf"{_AT}|{_DOT}")
_DISGUISED_EMAIL = re.compile(rf"(?<!{_LOCAL}){_LOCAL}++ ?{_AT} ?[\w-]+(?:(?:\.| ?{_DOT} ?|{_DOT_WORD})[\w-]+)+")
_SPELT_EMAIL = re.compile(
    rf"(?<!{_LOCAL}){_LOCAL}++ (?:at|arroba|arobase|ät|chiocciola|apenstaartje|małpa|@|собака) [\w-]+"
    rf"(?:{_DOT_WORD}[\w-]+)+",
)
_SCHEME_NAMES = "magnet mailto tel sms geo data wifi otpauth bitcoin ethereum hxxp hxxps"
_SCHEMES = frozenset(_SCHEME_NAMES.split())
_URL = re.compile(
    r"(?<![a-z])[a-z][a-z0-9+.-]{0,30}:(?://|\\/\\/)\S+"
    r"|(?<!\w)www\.\S+"
    r"|(?<!\w)(?:magnet:|mailto:|tel:\+|sms:\+|geo:|data:|wifi:|otpauth:|bitcoin:|ethereum:|hxxps?:)\S+"
    r"|///\w+\.\w+\.\w+",
)
_HOST = re.compile(r"(?<![\w.@-])[\w-]+(?:\.[\w-]+)+")
_LABEL = re.compile(r"\.([\w-]+)")
_PATH_AFTER_LABEL = re.compile(r"\.[^\W\d_]{2,}/")
_AFTER_HOST = re.compile(r"(?::\d{2,5})?(?:[/?#]\S*)?")
_DISGUISED_HOST = re.compile(rf"(?<![\w.-])[\w-]+(?: ?{_DOT} ?[\w-]+)+(?:/\S*)?")
_DISGUISED_DOT = re.compile(rf" ?{_DOT} ?| dot ")
_SPELT_HOST = re.compile(r"(?<![\w.-])(?!(?:the|a|an) )[\w-]+(?: dot [\w-]+)+")

_IPV4 = re.compile(r"(?<![\w.:])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)(?:/\d{1,2}|:\d{1,5})?")
# Hardware addresses and fingerprints in their spellings.
_HARDWARE = re.compile(r"(?<![\w:])[0-9A-Fa-f]{1,2}(?:[:-][0-9A-Fa-f]{1,2}){5,31}(?![\w:])")
_HARDWARE_WITH_DOTS = re.compile(r"(?<!\w)[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?!\w)")
_BETWEEN_DOTS = re.compile(r"\.(?:\d{1,3}|[0-9A-Fa-f]{4})\.")
_HARDWARE_WITH_SPACES = re.compile(r"(?<!\w)(?:[0-9A-Fa-f]{2} ){5}[0-9A-Fa-f]{2}(?!\w)")
_IPV6 = re.compile(
    r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.\d{1,3}){0,3}(?![\w:])(?:%\w+)?(?:/\d{1,3})?"
)
_PATH = re.compile(
    r"(?<!\w)[A-Za-z]:[\\/](?:[^\\/\n:*?\"<>|]{1,64}[\\/]){0,32}[^\s\\/:*?\"<>|]*"
    r"|(?<![\w\\])\\\\[\w.$-]+(?:\\[^\s\\]+)+"
    r"|(?<![\w./<])/(?:home|Users|root|mnt|media|var|etc|opt|usr|tmp|private|Volumes|data|storage|sdcard)(?:/[^\s/]+)+"
    r"|(?<![\w~/])~[\w-]*/\S+"
)
_FOLDER = re.compile(r"/(?:home|Users|root|mnt|media|var|etc|opt|usr|tmp|private|Volumes|data|storage|sdcard)/")
_DEGREES = r"\d{1,3} ?[°º] ?\d{1,2}(?:[.,]\d+)? ?['′](?: ?\d{1,2}(?:[.,]\d+)? ?(?:[\"″]|''))? ?[NSEWO]?"
_DECIMAL_DEGREES = r"[NSEWO]? ?-?\d{1,3}[.,]\d{3,}(?: ?[°º])?(?: ?[NSEWO](?!\w))?"
_PLACE = re.compile(
    rf"(?<![\w.])[NSEWO]? ?{_DEGREES}(?:[ ,;/]{{0,3}}[NSEWO]? ?{_DEGREES})?"
    rf"|(?<![\w.,-]){_DECIMAL_DEGREES}[ ,;/]{{1,3}}{_DECIMAL_DEGREES}"
)
_DECIMALS = re.compile(r"[.,]\d{3}")
_PLUS_CODE = re.compile(r"(?<!\w)[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}(?!\w)")


def addresses(features: Features) -> Iterator[Span]:
    """Yields the spans of addresses in folded text; they may overlap."""
    text, lower = features.text, features.lower
    if "@" in text and _AFTER_AT.search(text):
        yield from (match.span() for match in _EMAIL.finditer(text))
    if ("(" in text or "[" in text or "{" in text) and _SIGN_IN_BRACKETS.search(lower):
        yield from (match.span() for match in _DISGUISED_EMAIL.finditer(lower))
        yield from (match.span() for match in _DISGUISED_HOST.finditer(lower) if _is_host(match.group()))
    if not SPELT_SIGNS.isdisjoint(features.words):
        yield from (match.span() for match in _SPELT_HOST.finditer(lower) if _is_host(match.group()))
        yield from (match.span() for match in _SPELT_EMAIL.finditer(lower))
    if _may_have_url(features):
        yield from (match.span() for match in _URL.finditer(lower))
    if _may_have_path(text):
        yield from (match.span() for match in _PATH.finditer(text) if len(match.group()) > 4)
    if "." in text:
        yield from _hosts(lower)
    if _may_have_hardware_or_ip(features):
        yield from _hardware_and_ip(features)
    if 2 in map(len, features.numbers) and [*map(len, features.words)].count(2) > 5:
        # Two letters six times are words.
        yield from (match.span() for match in _HARDWARE_WITH_SPACES.finditer(text) if _has_digit(match.group()))
    if features.digits > 4 and ("°" in text or "º" in text or _DECIMALS.search(text)):
        yield from (match.span() for match in _PLACE.finditer(text))
    if "+" in text:
        yield from (match.span() for match in _PLUS_CODE.finditer(text))


def _may_have_url(features: Features) -> bool:
    text = features.text
    if ":" in text and ("://" in text or ":\\/" in text or not _SCHEMES.isdisjoint(features.words)):
        return True
    return "///" in text or "www." in features.lower


def _may_have_path(text: str) -> bool:
    if "/" in text and (":/" in text or "~" in text or _FOLDER.search(text)):
        return True
    return "\\" in text and (":\\" in text or "\\\\" in text)


def _hosts(lower: str) -> Iterator[Span]:
    labels = _LABEL.findall(lower)
    if not labels or not (may_end_host(labels) or ("/" in lower and _PATH_AFTER_LABEL.search(lower))):
        return
    for match in _HOST.finditer(lower):
        end = host_end(lower, match.start(), match.end())
        if end is not None:
            after = _AFTER_HOST.match(lower, end)
            yield match.start(), after.end() if after else end


def _is_host(found: str) -> bool:
    plain = _DISGUISED_DOT.sub(".", found).split("/")[0]
    return host_end(plain, 0, len(plain)) is not None


def _may_have_hardware_or_ip(features: Features) -> bool:
    text = features.text
    if "::" in text or text.count(":") + text.count("-") > 4:
        return True
    return text.count(".") > 1 and _BETWEEN_DOTS.search(text) is not None


def _hardware_and_ip(features: Features) -> Iterator[Span]:
    text = features.text
    dots, colons = text.count("."), text.count(":")
    if dots > 2 and features.digits > 3:
        yield from (match.span() for match in _IPV4.finditer(text))
    if colons + text.count("-") > 4:
        yield from (match.span() for match in _HARDWARE.finditer(text))
    if dots > 1:
        # `dead.beef.cafe` is three words.
        for match in _HARDWARE_WITH_DOTS.finditer(text):
            if match.group().isupper() or _has_digit(match.group()):
                yield match.span()
    if "::" in text or colons > 6:
        yield from (match.span() for match in _IPV6.finditer(text) if _is_ipv6(match.group()))


def _has_digit(found: str) -> bool:
    return any(map(str.isdigit, found))


def _is_ipv6(found: str) -> bool:
    address = found.split("%")[0].split("/")[0]
    groups = [group for group in address.split(":") if group]
    long_enough = sum(map(len, groups)) >= 4 and _has_digit(address)
    return ("::" in address and len(groups) >= 2 and long_enough) or len(groups) == 8
