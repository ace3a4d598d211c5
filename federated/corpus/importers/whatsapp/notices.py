"""Finds what WhatsApp wrote into a message in place of a person, or beside the person's words.

A notice is known by its form where it has one in all languages: a line alone in angle brackets, the name of an attached
file, a text after a left-to-right mark in a chat from iOS, a poll, a link to a map. Others are known by WhatsApp's
translations, or because a third of the chat repeats them. The caption of a picture is the person's text: it stays.
"""

from __future__ import annotations

import functools
import itertools
import re

from federated.corpus.importers.whatsapp.headers import MARKS
from federated.corpus.importers.whatsapp.survey import LEFT_TO_RIGHT, Survey
from federated.corpus.importers.whatsapp.translations import phrases

MEDIA = "media notice or name of an attached file"
DELETED = "deleted message"
CALL = "call"
POLL = "poll"
LOCATION = "location"
HIDDEN = "message that the export does not contain"
IN_BRACKETS = "unknown notice in angle brackets"
MARKED = "system text after a left-to-right mark"
REPEATED = "unknown notice that makes up a third of the chat"

_SUSPECT = re.compile(rf"[<>＜＞‹〈•(（\[/.:：\n{MARKS}-]")
_M = f"[{MARKS}]*"
_DROPPED = {ord(mark): None for mark in MARKS} | {ord(space): " " for space in "\u00a0\u202f"}
_LONGEST_NOTICE = 160
_LONGEST_LINE = 1000  # of a line that has a notice beside a caption
_ALONE = re.compile(rf"{_M}[<＜‹〈]{_M}\s?([^<>＜＞‹›〈〉]*[^\W\d_][^<>＜＞‹›〈〉]*)[>＞›〉]{_M}\s*")
_AT_END = re.compile(rf"(?:\A|[\s{MARKS}]){_M}[<＜]{_M}([^<>＜＞\n:]{{3,80}})[>＞]{_M}\s*\Z")
_WORDS_WITH_CASE = re.compile(r"[A-ZÀ-ÞĀ-ſΆ-ΫЀ-Я][^\W\d_]*(?:[\s'’][^\W\d_]+){2,}\.?")
_WORDS_WITHOUT_CASE = re.compile(r"[\u0590-\u1fff\u3040-\u9fff\uac00-\ud7af\s.।。]{6,}")
_MACHINE_NAME = re.compile(rf"{_M}[A-Z]{{3}}-\d{{8}}-WA\d+\.\w{{1,8}}{_M}(?:\s*[^\s].{{0,40}})?")
_NAME_AND_PARENTHESIS = re.compile(rf"({_M})(\S.*?\.\w{{1,8}}(?: • .*)?){_M}\s?{_M}[(（]([^()（）]+)[)）]{_M}\s*")
_NAME_AND_PAGES = re.compile(rf".*\S\s*•{_M}\s*{_M}\d+\s?{_M}[^\d\s].*")
_FILE_NAME = re.compile(rf"{_M}\S.{{0,200}}\.([A-Za-z][A-Za-z0-9]{{1,4}}){_M}\s*")
_TAG = re.compile(rf"(.*?)\s?{_M}[<＜]{_M}[^<>:：\n]{{1,30}}[:：]\s?{_M}([^<>\n]+\.\w{{1,8}}){_M}[>＞]{_M}\s*")
_MAP = re.compile(
    rf"{_M}(?:[^\s:：]+(?: [^\s:：]+){{0,3}}[:：]?\s)?{_M}https?://maps\.google\.com/\?q=[\d.,+-]+{_M}\s*"
    rf"|.*{_M}https://(?:www\.)?foursquare\.com/v/\S+\s*"
)
_KEYWORDS = r"[^\s\d:：()（）]{1,30}(?: [^\s\d:：()（）]{1,30}){0,4}"
_OPTION = re.compile(rf"{_M}({_KEYWORDS})\s?[:：]\s.*[(（]{_M}\d+\s?{_M}[^()（）\d]+[)）]{_M}\s*")
_TITLE = re.compile(rf"{_M}({_KEYWORDS})\s?[:：]{_M}\s*")
_AT_TIME = re.compile(r"(.{4,60}?) \S{1,6} \d{1,2}[:.]\d{2}(?: ?[^\d]{1,8})?")  # "Missed voice call at 18:05"
_DURATION = re.compile(r"\d+ ?[^\s\d]{1,12}(?: \d+ ?[^\s\d]{1,12}){0,2}")
_CLAUSE = re.compile(r"\s*[.,،、，。•:]\s*")
_FILE_TYPES = frozenset(
    re.findall(
        r"\w+",
        "jpg jpeg png webp gif heic mp4 3gp mov opus mp3 m4a aac amr ogg wav pdf doc docx xls xlsx ppt pptx txt csv zip"
        " rar 7z apk vcf svg html epub psd odt json xml",
    )
)


class Notices:
    """Separates people's words from notices, in one chat."""

    def __init__(self, known: Survey) -> None:
        self._known = known
        starts = (
            text[:3].lower() for text in itertools.chain(known.repeated, _whole_lines(), _calls(), _deleted_by_admin())
        )
        self._starts = frozenset(starts)
        self._attached = set(phrases("attached")) | {normal(phrase) for phrase in known.attached}

    def suspects(self, text: str) -> bool:
        """Returns whether a text can hold a notice: a fast look, for the many texts that cannot."""
        return text.lstrip()[:3].lower() in self._starts or _SUSPECT.search(text) is not None

    def without(self, text: str, author: str, bracketed: bool, marked: bool) -> tuple[str | None, list[str]]:
        """Returns the person's words, or None if there are none, and the kinds of notices left out.

        Args:
            text: The text of the message.
            author: Who wrote it, or whose name the notice has.
            bracketed: Whether the header is in brackets: the chat is from iOS.
            marked: Whether the line begins with a left-to-right mark, before the header.
        """
        if text in self._known.repeated:
            return None, [REPEATED]
        if not text.isascii() or ">" in text:
            text = self._without_edited(text)
        first, newline, more = text.partition("\n")
        if newline and _is_poll(text):
            return None, [POLL]
        reason, kept = self._of_line(first, alone=not more.strip(), bracketed=bracketed)
        if reason in (MEDIA, LOCATION, IN_BRACKETS):
            return _joined(kept, more), [reason]
        if reason:
            return None, [reason]
        if "<" in more or "＜" in more or (bracketed and LEFT_TO_RIGHT in more):
            return self._of_last_line(text, bracketed)
        if bracketed and LEFT_TO_RIGHT in first and self._is_system_text(first, author, marked):
            return None, [MARKED]
        return text, []

    def _without_edited(self, text: str) -> str:
        match = _AT_END.search(text)
        if not match or not match.start():
            return text
        phrase, mark = match[1], LEFT_TO_RIGHT in match[0]
        repeated = self._known.in_brackets[f"<{phrase}>"] > 1
        in_form = mark or repeated or _WORDS_WITH_CASE.fullmatch(phrase) or _WORDS_WITHOUT_CASE.fullmatch(phrase)
        is_mark = normal(phrase) in _edited() or (in_form and not _reason(normal(phrase)))
        return text[: match.start()].rstrip(f" \u00a0\u202f{MARKS}") if is_mark else text

    def _of_line(self, line: str, alone: bool, bracketed: bool) -> tuple[str | None, str]:
        """Returns the kind of notice in a line, and what else is in it; `alone` says that it is the whole message."""
        if len(line) > _LONGEST_LINE:
            return None, line
        key = normal(line) if len(line) <= _LONGEST_NOTICE else ""
        if (reason := _reason(key)) and (reason == MEDIA or alone):
            return reason, ""
        if line.endswith((".", "!", "?")) and line.isascii():  # most sentences
            return None, line
        if _ALONE.fullmatch(line) and not _TAG.fullmatch(line):
            return IN_BRACKETS, ""
        if (">" in line or "＞" in line) and (match := _TAG.fullmatch(line)):
            return MEDIA, _caption(match[1], match[2])
        if "-WA" in line and _MACHINE_NAME.fullmatch(line):
            return MEDIA, ""
        if "." in line:
            match = _NAME_AND_PARENTHESIS.fullmatch(line)
            if match and (LEFT_TO_RIGHT in match[1] or normal(match[3]) in self._attached):
                return MEDIA, ""
            if "•" in line and _NAME_AND_PAGES.fullmatch(line) and (_has_file_type(line) or LEFT_TO_RIGHT in line):
                return MEDIA, ""
            if _MAP.fullmatch(line):
                return LOCATION, ""
        if LEFT_TO_RIGHT in line:
            before, _, last = line.rpartition(LEFT_TO_RIGHT)
            often = bracketed and self._known.marked[last.strip()] > 1 and before.strip(MARKS + " ")
            if _reason(normal(last)) == MEDIA or often:
                return MEDIA, _caption(before, "")
        if "." in line and _ends_with_media(key):
            return MEDIA, ""
        return None, line

    def _of_last_line(self, text: str, bracketed: bool) -> tuple[str | None, list[str]]:
        """A caption of several lines can have the notice at its end."""
        before, _, last = text.rpartition("\n")
        reason, kept = self._of_line(last, alone=False, bracketed=bracketed)
        return (_joined(before, kept), [reason]) if reason == MEDIA else (text, [])

    def _is_system_text(self, line: str, author: str, marked: bool) -> bool:
        """Whether the text after a left-to-right mark is WhatsApp's; people can paste a text with such a mark."""
        before, _, after = line.partition(LEFT_TO_RIGHT)
        if before.strip(MARKS + " "):
            return before.endswith(": ")  # the rest of the name of a group, which is the author of system texts
        if marked or not self._known.marks_lines:
            return True
        return after.startswith(author) or self._known.authors[author] <= self._known.marked[after.strip()]


def normal(line: str) -> str:
    """Returns a line as notices are compared: without marks, brackets, case and the final full stop."""
    if not line.isascii():
        line = line.translate(_DROPPED)
    return " ".join(line.split()).strip(" <>＜＞[]()（）.。।!").casefold()


def _joined(first: str, more: str) -> str | None:
    """Returns a caption; None if it is blank or only the name of the file."""
    if not first and _is_file_name(more):
        return None
    text = f"{first}\n{more}" if first and more else first or more
    return text if text.strip(f"{MARKS} \n\u00a0") else None


def _caption(before: str, file: str) -> str:
    """Returns the part of a line before a notice, if it is not the name of the file."""
    text = before.strip(f"{MARKS} \u00a0\u202f")
    stem = file.rpartition(".")[0].partition("-")[2]
    is_name = _is_file_name(text) or (stem and text == stem) or _NAME_AND_PAGES.fullmatch(before) or text.endswith("•")
    return "" if is_name else text


def _is_file_name(text: str) -> bool:
    match = _FILE_NAME.fullmatch(text)
    return match is not None and (match[1].lower() in _FILE_TYPES or len(text.split()) == 1)


def _has_file_type(line: str) -> bool:
    return any(part.lower() in _FILE_TYPES for part in re.findall(r"\.(\w{2,5})\b", line))


def _ends_with_media(key: str) -> bool:
    """Whether a line is the name of a file, then a notice: "bills april.pdf document omitted"."""
    words = key.split()
    return any(
        _reason(" ".join(words[-size:])) == MEDIA and _is_file_name(" ".join(words[:-size]))
        for size in range(1, min(7, len(words)))
    )


def _is_poll(text: str) -> bool:
    title, *lines = text.split("\n")
    if not (match := _TITLE.fullmatch(title)):
        return False
    options = [option[1] for line in lines if (option := _OPTION.fullmatch(line))]
    if not options or len(set(options)) > 1:
        return False
    words = {normal(match[1]), normal(options[0])}
    return len(options) > 1 or words <= _poll_words() or (title.isupper() and options[0].isupper())


def _reason(key: str) -> str | None:
    """Returns the kind of notice that a whole line is, as WhatsApp translates it."""
    if not key:
        return None
    if reason := _whole_lines().get(key):
        return reason
    head, *tail = _CLAUSE.split(key, maxsplit=1)
    if tail and head in _missed_calls() and len(tail[0].split()) <= 6:
        return CALL
    if tail and head in _calls() and _DURATION.fullmatch(tail[0]):
        return CALL
    if (at := _AT_TIME.fullmatch(key)) and at[1] in _missed_calls():
        return CALL
    return DELETED if key.startswith(_deleted_by_admin()) else None


@functools.cache
def _whole_lines() -> dict[str, str]:
    kinds = {"media": MEDIA, "deleted": DELETED, "missed_calls": CALL, "live_location": LOCATION, "hidden": HIDDEN}
    return {normal(phrase): reason for kind, reason in kinds.items() for phrase in phrases(kind)}


@functools.cache
def _missed_calls() -> frozenset[str]:
    return frozenset(map(normal, phrases("missed_calls")))


@functools.cache
def _calls() -> frozenset[str]:
    return frozenset(map(normal, phrases("calls")))


@functools.cache
def _deleted_by_admin() -> tuple[str, ...]:
    return tuple(phrases("deleted_by_admin"))


@functools.cache
def _edited() -> frozenset[str]:
    return frozenset(map(normal, phrases("edited")))


@functools.cache
def _poll_words() -> frozenset[str]:
    return frozenset(map(normal, phrases("poll")))
