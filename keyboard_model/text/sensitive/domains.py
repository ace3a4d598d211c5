"""Tells a host name without `http` (`example.com`) from two sentences without a space (`ok.thanks`).

A host ends in a public top-level domain. Some of these are everyday words (`it`, `me`, `so`, `live`), so that
`yes.it was` looks like a host. Such a domain needs evidence: a path, a second-level domain (`co.in`), a hyphen or
digit in the name, a word such as `website` before it, or the end of the message after it (`check nrk.no`).

Sources: IANA's root zone database (all country codes, the internationalized ones, and the generic domains in wide use).
"""

from __future__ import annotations

import re

from keyboard_model.text.sensitive.folded_text import fold

_SURE_DOMAINS = (
    # Generic domains that are no words of a chat.
    "com org net edu gov mil int info biz io app dev ly xyz arpa aero asia cat coop jobs mobi museum tel"
    " onion blog wiki shop online store site website tech cloud digital agency academy studio photography gmbh"
    " berlin hamburg koeln cologne wien bayern ruhr saarland tirol swiss zuerich paris bzh alsace corsica london scot"
    " wales amsterdam frl brussels gent vlaanderen quebec nyc tokyo kyoto osaka nagoya istanbul moscow sydney melbourne"
    " barcelona madrid eus gal lat vegas miami boston africa capetown durban joburg"
    " email chat click icu rocks guru ninja space host hosting page pages pro name bank ltd llc inc vip ai tv"
    # Country codes that are no words, nor the short forms of words.
    " ac ae af ag ao aq ar au aw ax az bb bd bf bg bh bj bm bn br bs bt bw bz cd cf cg ch ci ck cl cm cn"
    " cr cv cw cx cy cz de dj dk dm dz ec ee eg eu fi fj fk fo fr gb gf gg gh gi gl gm gn gp gq gr gs gt"
    " gu gw gy hk hn hu iq ir jm jp kg kh kn kp kr kw ky kz lb lc li lk lr ls lt lu lv mg mh mk mn mp mq mr mt"
    " mv mw mx mz nc nf ng nl np nr nz pe pf pg ph pk pl pt pw py qa rs ru rw sc sd sg sj sk sl"
    " sm sn ss sv sx sy sz tc td tf tg tj tk tl tn tr tw tz ua ug uk uy uz vc vg vn vu wf yt za zm zw"
    # Internationalized domains.
    " рф бел бг мкд мон срб укр қаз ею рус москва дети онлайн сайт орг ком ελ ευ հայ გე 中国 中國 香港 台湾 台灣 澳门"
    " 澳門 新加坡 公司 网络 網絡 网站 集团 政务 商城 भारत ভারত ভাৰত ਭਾਰਤ ભારત இந்தியா ଭାରତ ಭಾರತ ഭാരതം భారత్ ලංකා இலங்கை"
    " سوريا مصر السعودية امارات ایران عمان قطر فلسطين الجزائر المغرب تونس الاردن اليمن العراق سودان پاکستان موقع شبكة"
    " ไทย ລາວ 한국 닷컴 닷넷 コム みんな ישראל קום বাংলা"
)
_PERHAPS_DOMAINS = (
    # Country codes that are words or their short forms in some language.
    "ad al am as at ba be bi bo by ca cc co cu do er es et fm ga gd ge hm hr ht id ie il im in is it je jo ke ki km la"
    " ma mc md me ml mm mo ms mu my na ne ni no nu om pa pm pn pr ps re ro sa sb se sh si so sr st su th tm to tt us"
    " va ve vi ws ye"
    # Generic domains that are words.
    " art auto band bar beer best bike blue book cafe camp car cards care cash casino center church city"
    " club codes coffee company cool day deals dog domains energy events expert express family fan farm fashion film"
    " finance fit food foundation fun fund game games garden gift gold green group help house how ink land"
    " legal life link live loan love market media men mom money movie network new news now one party photo photos pink"
    " place plus poker porn press radio red rent report rest review run sale school science services sex show ski"
    " social software solutions style support surf systems taxi team tips today tools top tours town toys trade travel"
    " video vote watch web wedding win wine work works world yoga zone"
)
_CHATTY_DOMAINS = (
    "md am as at be by co do er es et et hm id in is it la le me my na ne no now om pa re se si so st to us"
    " ye love fun cool party life day help money"
)
_SECOND_LEVEL_DOMAINS = "ac co com edu gen go gob gouv gov ltd mil ne net nic nom or org plc sch web"
_SURE = frozenset(fold(_SURE_DOMAINS).text.split())
_PERHAPS = frozenset(_PERHAPS_DOMAINS.split())
_CHATTY = frozenset(_CHATTY_DOMAINS.split())
_SECOND_LEVEL = frozenset(_SECOND_LEVEL_DOMAINS.split())
_WEB_WORD_BEFORE = re.compile(
    r"(?:web ?sites?|web|sites?|links?|url|domains?|home ?page|visit|browser?|seite|webseite|website|sitio"
    r"|página|sito|site web|stron[aęy]|сайт\w*|网站|网址|server|host|ping|dns)"
    r"(?: (?:is|at|on|ist|es|est|è|é|auf|en|to))?:? $",
    re.IGNORECASE,
)
_PLACE_BEFORE = re.compile(
    r"(?<!\w)(?:see|check|on|at|from|via|auf|bei|von|sur|chez|su|da|på|op|na|из|на) $", re.IGNORECASE
)
_LOOK_BACK = 32
_PUNYCODE = "xn--"
_DOMAINS = _SURE | _PERHAPS


def may_end_host(labels: list[str]) -> bool:
    """Returns whether a host name without a path may end in one of the labels, in lower case."""
    return not _DOMAINS.isdisjoint(labels) or any(label.startswith(_PUNYCODE) for label in labels)


def host_end(text: str, start: int, end: int) -> int | None:
    """Returns where the host name ends in the run of labels and dots `text[start:end]`; None if it is none.

    >>> host_end("example.com.Thanks", 0, 18), host_end("ok.thanks", 0, 9)
    (11, None)
    """
    labels = text[start:end].lower().split(".")
    for count in range(len(labels), 1, -1):
        if count < len(labels):
            end -= len(labels[count]) + 1
        domain = labels[count - 1]
        if domain.startswith(_PUNYCODE) or domain in _SURE:
            # `a.k.a`, `e.g`: initials are no hosts; `t.me` and `x.com` are.
            if len(labels[count - 2]) > 1 or count > 2 or domain == "com":
                return end
        elif _has_path(text, end, domain) or (domain in _PERHAPS and _has_evidence(text, start, end, labels[:count])):
            return end
    return None


def _has_path(text: str, end: int, domain: str) -> bool:
    return domain.isalpha() and len(domain) >= 2 and text.startswith("/", end) and text[end + 1 : end + 2].strip() != ""


def _has_evidence(text: str, start: int, end: int, labels: list[str]) -> bool:
    if len(labels) > 2 and (labels[-2] in _SECOND_LEVEL or labels[0] in ("mail", "m", "en", "de", "fr", "api", "shop")):
        return True
    name = labels[-2]
    chatty = labels[-1] in _CHATTY
    if (
        not chatty
        and len(name) > 2
        and ("-" in name.strip("-") or (any(map(str.isdigit, name)) and not name.isdigit()))
    ):
        return True
    if _WEB_WORD_BEFORE.search(text, max(0, start - _LOOK_BACK), start):
        return True
    last = len(name) > 2 and not text[end:].strip(" \n/.!?")
    return last and (
        _PLACE_BEFORE.search(text, max(0, start - _LOOK_BACK), start) is not None
        or ((not chatty or "-" in name) and not text[:start].strip())
    )
