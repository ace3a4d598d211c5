"""The formats of source files, in the order in which their recognizers are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from federated.corpus.importers import android_sms, columns, jsonl, whatsapp
from federated.corpus.importers.chats import google_takeout, imessage, signal, telegram
from federated.corpus.importers.datasets import leaf, nus_sms, tff_data
from federated.corpus.importers.inputs.json_document import is_document
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.xml_elements import root_tag
from federated.corpus.schema import Record, Skipped
from federated.corpus.writer import Profiles


def no_profiles(source: Source, skipped: Skipped) -> Profiles:
    return {}


@dataclass(frozen=True)
class Format:
    """One format of source files.

    Attributes:
        summary: A description for users.
        recognises: Returns whether a document has this format, from its first 64 KB, decoded. Of an SQLite file it gets
            the words `SQLite format 3` and the statements that made its tables.
        read: Yields the records of a document.
        read_profiles: Returns the attributes of the users.
    """

    summary: str
    recognises: Callable[[str], bool]
    read: Callable[[Source, Skipped], Iterator[Record]]
    read_profiles: Callable[[Source, Skipped], Profiles] = no_profiles


FORMATS: dict[str, Format] = {
    "telegram": Format("Telegram JSON export (result.json)", telegram.recognises, telegram.read),
    "google_chat": Format(
        "Google Chat of Google Takeout (messages.json)", google_takeout.recognises_chat, google_takeout.read_chat
    ),
    "hangouts": Format(
        "Hangouts of Google Takeout (Hangouts.json)", google_takeout.recognises_hangouts, google_takeout.read_hangouts
    ),
    "signal_json": Format("Signal messages in JSON, of several programs", signal.recognises_json, signal.read_json),
    "leaf": Format("LEAF benchmark data (JSON)", leaf.recognises, leaf.read),
    "jsonl": Format(
        "JSON Lines, one message a line (.jsonl, .jsonl.gz)",
        lambda head: head.lstrip("\ufeff \t\r\n").startswith("{") and not is_document(head),
        jsonl.read,
        jsonl.read_profiles,
    ),
    "nus_sms": Format(
        "NUS SMS corpus release (XML, zipped or not)",
        lambda head: root_tag(head) == "smsCorpus",
        nus_sms.read,
        nus_sms.read_profiles,
    ),
    "android_sms": Format(
        'Android "SMS Backup & Restore" export (XML)', lambda head: root_tag(head) == "smses", android_sms.read
    ),
    "whatsapp": Format("WhatsApp chat export (.txt)", whatsapp.looks_like_chat, whatsapp.read),
    "imessage_text": Format("text of imessage-exporter (.txt)", imessage.recognises_text, imessage.read_text),
    "signal_csv": Format("CSV of signal-back", signal.recognises_csv, signal.read_csv),
    "columns": Format(
        "table with a header: CSV, TSV (columns user_id, timestamp, text and the like)",
        columns.recognises,
        columns.read,
    ),
    "imessage_database": Format(
        "database of Apple's Messages (chat.db, sms.db)", imessage.recognises_database, imessage.read_database
    ),
    "tff_data": Format(
        "TensorFlow Federated client data (SQLite)", lambda head: head.startswith("SQLite format 3"), tff_data.read
    ),
}
"""The formats by name. One more source, `stackoverflow`, is not a file but TFF's Stack Overflow data set."""
