"""Reads the XML release of the NUS SMS corpus, zipped or not.

Tao Chen and Min-Yen Kan (2013), Creating a Live, Public Short Message Service Corpus: The NUS SMS
Corpus, Language Resources and Evaluation 47(2); github.com/kite1988/nus-sms-corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from federated.corpus.importers.inputs.source import Source, ignore
from federated.corpus.importers.inputs.xml_elements import elements
from federated.corpus.schema import Record, Skipped

NOT_SENT = "message that its contributor did not send"
_PROFILE = {
    "age": "age",
    "gender": "gender",
    "native_speaker": "nativeSpeaker",
    "country": "country",
    "city": "city",
    "experience": "experience",
    "frequency": "frequency",
    "input_method": "inputMethod",
}
_UNKNOWN = ("", "unknown", "no response")
_COUNTRIES = {"SG": "Singapore", "USA": "United States", "india": "India", "INDIA": "India", "srilanka": "Sri Lanka"}

# The release mixes "2010.11.3 21:44", "2013.07.09 01:08:40", "2013.05.1605:49:49" and "8/23/2010 7:15:26 PM".
_YEAR_FIRST = re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2}?)\s*(\d{1,2}):(\d{2})(?::(\d{2}))?")
_MONTH_FIRST = "%m/%d/%Y %I:%M:%S %p"


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages that their contributors sent, in the order of the release.

    Raises:
        CorpusError: the file cannot be read or is not XML.
    """
    for message in elements(source, ("message",), skipped):
        user_id = _user_id(message)
        about = message.find("messageProfile")
        text = message.findtext("text")
        if about is None or not user_id or text is None:
            skipped("no text, user or profile", f"message {message.get('id')}")
        elif about.get("type") not in ("send", "unknown"):
            skipped(NOT_SENT)
        else:
            yield Record(user_id, timestamp(about.get("time", "")), text)


def read_profiles(source: Source, skipped: Skipped) -> dict[str, dict[str, str | None]]:
    """Reads each user's attributes from their first message."""
    profiles: dict[str, dict[str, str | None]] = {}
    for message in elements(source, ("message",), ignore):
        user_id = _user_id(message)
        if user_id and user_id not in profiles:
            profiles[user_id] = _profile(message)
    return profiles


def timestamp(time: str) -> datetime | None:
    """Parses any of the release's time formats; returns None for "unknown" and for any other text."""
    try:
        if match := _YEAR_FIRST.fullmatch(time.strip()):
            return datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
        return datetime.strptime(time.strip(), _MONTH_FIRST)
    except ValueError:
        return None


def _user_id(message: Element) -> str:
    return (message.findtext("source/userProfile/userID") or "").strip()


def _profile(message: Element) -> dict[str, str | None]:
    profile = {
        name: _known(message.findtext(f"source/userProfile/{element}") or "") for name, element in _PROFILE.items()
    }
    phone = message.find("source/phoneModel")
    profile["smartphone"] = _known(phone.get("smartphone", "") if phone is not None else "")
    for name in ("gender", "native_speaker", "smartphone"):
        profile[name] = (profile[name] or "").lower() or None
    profile["country"] = _COUNTRIES.get(profile["country"] or "", profile["country"])
    return profile


def _known(value: str) -> str | None:
    return None if value.strip().lower() in _UNKNOWN else value.strip()
