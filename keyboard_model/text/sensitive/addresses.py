"""Addresses: e-mail, URLs, host names, IP and hardware addresses, paths of files, places on a map.

Each pattern starts at the start of a run of characters or at a literal, and repeats without a bound only what no
other part of it can match, so the search time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from keyboard_model.text.masking import Span
from keyboard_model.text.sensitive.domains import host_end
from keyboard_model.text.sensitive.folded_text import Features

_LOCAL = r"[\w.!#$%&'*+/=?^`{|}~-]"
_AT = r"(?:\((?:at|ät|a|arroba|arobase|@)\)|\[(?:at|ät|a|@)\]|\{(?:at|@)\})"
_DOT = r"(?:\((?:dot|punkt|punto|point|ponto|\.)\)|\[(?:dot|punkt|punto|point|\.)\]|\{dot\})"
_DOT_WORD = r"(?: (?:dot|punkt|punto|point|ponto|punt|kropka|tochka|точка) )"
_SPELT_SIGNS = "dot punkt punto arroba arobase chiocciola ät apenstaartje małpa собака"
SPELT_SIGNS = frozenset([*_SPELT_SIGNS.split(), *_SPELT_SIGNS.upper().split()])
"""Words in the place of the signs of an address, to see quickly that a message has none."""

_EMAIL = re.compile(
    rf"(?<!{_LOCAL})(?:{_LOCAL}++|\"[^\"\n]{{1,64}}\")@(?:[\w-]+(?:\.[\w-]+)+|\[[0-9A-Fa-f:.]{{2,45}}\])"
    rf"|(?<!{_LOCAL}){_LOCAL}++ ?@ ?[\w-]+(?:(?:\.[\w-]+)*\.[^\W\d_]{{2,}}| \. ?(?:com|org|net|edu|de)(?!\w))",
)
_DISGUISED_EMAIL = re.compile(
    rf"(?<!{_LOCAL}){_LOCAL}++ ?{_AT} ?[\w-]+(?:(?:\.| ?{_DOT} ?|{_DOT_WORD})[\w-]+)+", re.IGNORECASE
)
_SPELT_EMAIL = re.compile(
    rf"(?<!{_LOCAL}){_LOCAL}++ (?:at|arroba|arobase|ät|chiocciola|apenstaartje|małpa|@|собака) [\w-]+"
    rf"(?:{_DOT_WORD}[\w-]+)+",
    re.IGNORECASE,
)
_LETTERS = frozenset(map(chr, range(97, 123)))
_SCHEMES = (
    "magnet:",
    "mailto:",
    "tel:+",
    "sms:+",
    "geo:",
    "data:",
    "wifi:",
    "otpauth:",
    "bitcoin:",
    "ethereum:",
    "hxxp:",
    "hxxps:",
)
_URL = re.compile(
    r"(?<![A-Za-z])[A-Za-z][A-Za-z0-9+.-]{0,30}:(?://|\\/\\/)\S+"
    r"|(?<!\w)www\.\S+"
    rf"|(?<!\w)(?:{'|'.join(map(re.escape, _SCHEMES))})\S+"
    r"|///\w+\.\w+\.\w+",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?<![\w.@-])[\w-]+(?:\.[\w-]+)+")
_DOT_INSIDE = re.compile(r"\.\w")
_AFTER_HOST = re.compile(r"(?::\d{2,5})?(?:[/?#]\S*)?")
_DISGUISED_HOST = re.compile(rf"(?<![\w.-])[\w-]+(?: ?{_DOT} ?[\w-]+)+(?:/\S*)?", re.IGNORECASE)
_DISGUISED_DOT = re.compile(rf" ?{_DOT} ?| dot ", re.IGNORECASE)
_SPELT_HOST = re.compile(r"(?<![\w.-])(?!(?:the|a|an) )[\w-]+(?: dot [\w-]+)+", re.IGNORECASE)
_NUMERIC = re.compile(
    r"(?<![\w.:])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)(?:/\d{1,2}|:\d{1,5})?"  # IPv4
    r"|(?<![\w:])[0-9A-Fa-f]{1,2}(?:[:-][0-9A-Fa-f]{1,2}){5,31}(?![\w:])"  # hardware addresses, fingerprints
    r"|(?<!\w)[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?!\w)"
    r"|(?<!\w)(?:[0-9A-Fa-f]{2} ){5}[0-9A-Fa-f]{2}(?!\w)"
)

_IPV6 = re.compile(
    r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.\d{1,3}){0,3}(?![\w:])(?:%\w+)?(?:/\d{1,3})?"
)
_PATH = re.compile(
    r"(?<!\w)[A-Za-z]:[\\/](?:[^\\/\n:*?\"<>|]{1,64}[\\/]){0,32}[^\s\\/:*?\"<>|]*"
    r"|(?<![\w\\])\\\\[\w.$-]+(?:\\[^\s\\]+)+"
    r"|(?<![\w./<])/(?:home|Users|root|mnt|media|var|etc|opt|usr|tmp|private|Volumes|data|storage|sdcard)(?:/[^\s/]+)+"
    r"|(?<![\w~/])~[\w-]*/\S+"
)
_DEGREES = r"\d{1,3} ?[°º] ?\d{1,2}(?:[.,]\d+)? ?['′](?: ?\d{1,2}(?:[.,]\d+)? ?(?:[\"″]|''))? ?[NSEWO]?"
_DECIMAL_DEGREES = r"[NSEWO]? ?-?\d{1,3}[.,]\d{3,}(?: ?[°º])?(?: ?[NSEWO](?!\w))?"
_PLACE = re.compile(
    rf"(?<![\w.])[NSEWO]? ?{_DEGREES}(?:[ ,;/]{{0,3}}[NSEWO]? ?{_DEGREES})?"
    rf"|(?<![\w.,-]){_DECIMAL_DEGREES}[ ,;/]{{1,3}}{_DECIMAL_DEGREES}"
)
_PLUS_CODE = re.compile(r"(?<!\w)[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}(?!\w)")


def _is_hardware_or_ip(found: str) -> bool:
    # Two letters six times with spaces between them are words, and `dead.beef.cafe` is three.
    return any(map(str.isdigit, found)) or not (" " in found or ("." in found and not found.isupper()))


def _is_host(found: str) -> bool:
    plain = _DISGUISED_DOT.sub(".", found).split("/")[0]
    return host_end(plain, 0, len(plain)) is not None


def _is_ipv6(found: str) -> bool:
    address = found.split("%")[0].split("/")[0]
    groups = [group for group in address.split(":") if group]
    long_enough = sum(map(len, groups)) >= 4 and any(map(str.isdigit, address))
    return ("::" in address and len(groups) >= 2 and long_enough) or len(groups) == 8


# What a text with a match has one of, the pattern, and what else a match must satisfy.
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[str], bool]], ...] = (
    (("@",), _EMAIL, bool),
    (("(at", "[at", "{at", "(a)", "[a]", "(ä", "[ä", "(ar", "(@", "[@", "{@"), _DISGUISED_EMAIL, bool),
    (("(dot", "[dot", "{dot", "[.", "(.", "(pu", "[pu", "(po", "[po"), _DISGUISED_HOST, _is_host),
    (("://", ":\\/", "www.", "///", *_SCHEMES), _URL, bool),
    (
        (
            "\\",
            ":/",
            "~",
            "/home",
            "/users",
            "/root",
            "/mnt",
            "/m",
            "/var",
            "/etc",
            "/opt",
            "/usr",
            "/tmp",
            "/p",
            "/vol",
            "/data",
            "/s",
        ),
        _PATH,
        lambda found: len(found) > 4,
    ),
    (("+",), _PLUS_CODE, bool),
)
_STARTS = [(frozenset("".join(parts)) - _LETTERS, *rule) for rule in _RULES for parts in rule[:1]]


def addresses(features: Features) -> Iterator[Span]:
    """Yields the spans of addresses in folded text; they may overlap."""
    text = features.text
    for firsts, parts, pattern, holds in _STARTS:
        if not firsts.isdisjoint(features.characters) and features.has_any(parts):
            yield from (match.span() for match in pattern.finditer(text) if holds(match.group()))
    if not SPELT_SIGNS.isdisjoint(features.words):
        yield from (match.span() for match in _SPELT_HOST.finditer(text) if _is_host(match.group()))
        yield from (match.span() for match in _SPELT_EMAIL.finditer(text))
    colons = text.count(":")
    if features.digits > 2 or colons > 3 or text.count("-") > 4 or text.count(".") > 1:
        yield from (match.span() for match in _NUMERIC.finditer(text) if _is_hardware_or_ip(match.group()))
    if colons > 1:
        yield from (match.span() for match in _IPV6.finditer(text) if _is_ipv6(match.group()))
    if features.digits > 4:
        yield from (match.span() for match in _PLACE.finditer(text))
    if _DOT_INSIDE.search(text):
        for match in _HOST.finditer(text):
            end = host_end(text, match.start(), match.end())
            if end is not None:
                after = _AFTER_HOST.match(text, end)
                yield match.start(), after.end() if after else end
