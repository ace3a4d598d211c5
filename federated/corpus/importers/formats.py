"""The formats of source files, and which of them the documents in a file or an archive have.

The content decides, not the name of a file: the recognizers are asked in the order of `FORMATS`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from federated.corpus import schema
from federated.corpus.importers import android_sms, columns, jsonl, whatsapp
from federated.corpus.importers.chats import google_takeout, imessage, signal, telegram
from federated.corpus.importers.datasets import leaf, nus_sms, tff_data
from federated.corpus.importers.inputs.archive import is_chat_of_ios, zip_members
from federated.corpus.importers.inputs.json_document import is_document
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.xml_elements import root_tag
from federated.corpus.schema import CorpusError, Record, Skipped
from federated.corpus.writer import Profiles

ATTACHMENT = "file beside _chat.txt: an attachment"
NO_FORMAT = "file in the archive without messages in a known format"
_NAMED = 5
_PACKED = {
    "PK": "zip archive",
    "\x1f\x8b": "gzip file",
    "7z\xbc\xaf\x27\x1c": "7-Zip archive",
    "Rar!": "RAR archive",
    "BZh": "bzip2 file",
    "\xfd7zXZ": "xz file",
    "\x28\xb5\x2f\xfd": "Zstandard file",
}


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


def detect(path: Path | str) -> str:
    """Returns the format of a file, or of the first document in an archive, as a name in `FORMATS`.

    Raises:
        CorpusError: the format is unknown, or the file cannot be read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     size = file.write("[24.12.22, 18:05:33] Ann: see you")
    ...     file.flush()
    ...     detect(file.name)
    'whatsapp'
    """
    return find_documents(Path(path), "auto", None, lambda *_: None)[0][1]


def find_documents(path: Path, format: str, encoding: str | None, skipped: Skipped) -> list[tuple[Source, str]]:
    """Returns the documents with messages in `path`, and the name of the format of each.

    Args:
        path: A file. Of a zip, every document in a known format counts; its other files are reported to `skipped`,
            except media.
        format: A name in `FORMATS`, or "auto".
        encoding: The encoding that the user named.
        skipped: Gets the files of an archive that are left out.

    Raises:
        CorpusError: nothing can be read, or nothing has a known format. The message says what the file is instead.
    """
    members = zip_members(path)
    if members is None and schema.is_corpus(path):
        raise CorpusError(f"{path} is already a corpus: it needs no import")
    if members is None:
        source = Source(path, None, encoding)
        if format == "jsonl" and is_document(source.text_head) and (name := _format(source)):
            raise CorpusError(f"{source} is a JSON document, not JSON Lines: import it with --format {name}")
        return [(source, format if format != "auto" else _format_or_error(source))]
    if not members:
        raise CorpusError(f"{path} is a zip file without any file that can hold messages: choose another file")
    sources = [Source(path, member, encoding) for member in members]
    if len(sources) == 1 and format != "auto":
        return [(sources[0], format)]
    return _in_archive(path, format, sources, skipped)


def _in_archive(path: Path, format: str, sources: list[Source], skipped: Skipped) -> list[tuple[Source, str]]:
    found: list[tuple[Source, str]] = []
    chat_folders = set()
    for source in sources:
        folder = PurePosixPath(str(source.member)).parent
        name = _format(source)
        if is_chat_of_ios(str(source.member)) and name:
            chat_folders.add(folder)
        elif folder in chat_folders:
            skipped(ATTACHMENT, str(source.member))
            continue
        if name and format in ("auto", name):
            found.append((source, name))
        else:
            skipped(NO_FORMAT, f"{source.member}{_is_packed(source)}")
    if not found:
        wanted = "none of the known formats" if format == "auto" else f"the format {format}"
        names = [f"{source.member}{_is_packed(source)}" for source in sources]
        raise CorpusError(
            f"the files in {path} have {wanted}: {', '.join(names[:_NAMED])}"
            f"{f' and {len(names) - _NAMED:,} more' if len(names) > _NAMED else ''}; "
            f"the formats are {', '.join(FORMATS)}"
        )
    return found


def _format(source: Source) -> str | None:
    head = _description(source)
    return next((name for name, form in FORMATS.items() if form.recognises(head)), None)


def _format_or_error(source: Source) -> str:
    if name := _format(source):
        return name
    if not source.text_head.strip():
        raise CorpusError(f"{source} is empty: choose another file")
    if packed := _is_packed(source):
        raise CorpusError(f"{source}{packed}")
    if is_document(source.text_head):
        raise CorpusError(f"{source} is a JSON document, not JSON Lines: {jsonl.WHAT_IS_READ}")
    if source.text_head.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        raise CorpusError(f"{source} is a web page: export the messages again, as JSON or text")
    raise CorpusError(f"{source} has none of the known formats ({', '.join(FORMATS)}): choose one with --format")


def _description(source: Source) -> str:
    if not source.head.startswith(schema.SQLITE_MAGIC):
        return source.text_head
    with source.path.open("rb") as file:
        packed = file.read(len(schema.SQLITE_MAGIC)) != schema.SQLITE_MAGIC
    if packed:
        raise CorpusError(f"{source} is an SQLite file in an archive: unpack it first")
    tables: list[str] = []
    # A damaged database is recognized by what can be read of it; its importer says what is wrong.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        tables.extend(row[0] or "" for row in connection.execute("SELECT sql FROM sqlite_master"))
    return "\n".join(["SQLite format 3", *tables])


def _is_packed(source: Source) -> str:
    """Returns what to say of a file that has to be unpacked first, or nothing."""
    head = source.head[:300].decode("latin-1")
    kind = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), None)
    if head[257:262] == "ustar":
        kind = "tar archive"
    return f" is a {kind}: unpack it first, and import the files in it" if kind else ""
