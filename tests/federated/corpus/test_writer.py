import errno
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from federated.corpus.schema import CorpusError, ImportSummary, Message, NoMessagesError, Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus

DAY = datetime(2024, 5, 1)


def write(path, records, **options):
    return write_corpus(path, records, source="test", **options)


def texts(path, user_id):
    with Corpus.open(path) as corpus:
        return [message.text for message in corpus.messages(user_id)]


def test_messages_are_sorted_by_time_if_all_of_them_have_a_time(tmp_path):
    path = tmp_path / "c.sqlite"
    late, early = DAY + timedelta(hours=2), DAY
    write(path, [Record("a", late, "3"), Record("b", None, "x"), Record("a", early, "1"), Record("a", early, "2")])
    assert texts(path, "a") == ["1", "2", "3"]


def test_messages_keep_their_order_if_one_has_no_time(tmp_path):
    path = tmp_path / "c.sqlite"
    write(path, [Record("a", DAY + timedelta(1), "1"), Record("a", None, "2"), Record("a", DAY, "3")])
    assert texts(path, "a") == ["1", "2", "3"]


def test_times_with_and_without_zones_are_compared_as_utc_and_stored_unchanged(tmp_path):
    path = tmp_path / "c.sqlite"
    zoned = datetime(2024, 5, 1, 1, tzinfo=timezone(timedelta(hours=2)))  # 23:00 UTC of the day before
    write(path, [Record("a", DAY, "2"), Record("a", zoned, "1"), Record("a", DAY.replace(hour=1, tzinfo=UTC), "3")])
    with Corpus.open(path) as corpus:
        assert corpus.messages("a")[:2] == [Message(zoned, "1"), Message(DAY, "2")]


def test_leaves_out_duplicates_and_blank_texts_and_removes_nuls(tmp_path):
    path = tmp_path / "c.sqlite"
    records = [
        Record("a", DAY, "same"),
        Record("a", DAY, "same"),
        Record("b", DAY, "same"),
        Record("a", DAY + timedelta(seconds=1), "same"),
        Record("c", None, "no time"),
        Record("c", None, "no time"),
        Record("a", DAY, " \n\t"),
        Record("only blanks", DAY, "\0"),
        Record("d", DAY, "n\0ul"),
    ]
    assert write(path, records) == ImportSummary(users=4, messages=6, duplicates=1, empty=2)
    assert texts(path, "a") == ["same", "same"]
    assert texts(path, "c") == ["no time", "no time"]
    assert texts(path, "d") == ["nul"]


def test_stores_texts_of_any_script_and_length(tmp_path):
    path = tmp_path / "c.sqlite"
    written = ["👍🏽🇸🇬", "老師,你好", "שלום", "word " * 10_000, "half a pair \ud83d here", "a\tb\r\nc"]
    write(path, [Record("a", None, text) for text in written])
    assert texts(path, "a") == [*written[:4], "half a pair \ufffd here", "a\tb\r\nc"]


def test_the_corpus_id_depends_on_the_content_only(tmp_path):
    records = [Record("a", None, "1"), Record("b", DAY, "2"), Record("a", None, "3")]

    def corpus_id(name, records, **options):
        write(tmp_path / name, records, **options)
        with Corpus.open(tmp_path / name) as corpus:
            return corpus.corpus_id

    first = corpus_id("one.sqlite", records)
    assert len(first) == 64
    assert corpus_id("two.sqlite", records, description="other") == first
    assert corpus_id("grouped.sqlite", [records[1], records[0], records[2]]) == first
    assert corpus_id("order.sqlite", [records[2], records[1], records[0]]) != first
    assert corpus_id("profile.sqlite", records, profiles={"a": {"country": "SG"}}) != first


def test_reports_progress_while_it_reads_records(tmp_path):
    seen = []
    write(tmp_path / "c.sqlite", (Record(f"u{i % 7}", None, "x") for i in range(12_001)), progress=seen.append)
    assert seen == [5000, 10_000, 12_001]


@pytest.mark.parametrize("records", [[], [Record("a", None, " ")]])
def test_rejects_a_source_without_messages(tmp_path, records):
    with pytest.raises(NoMessagesError, match="no usable message"):
        write(tmp_path / "c.sqlite", records)
    assert os.listdir(tmp_path) == []


def interrupted():
    yield Record("a", None, "1")
    raise KeyboardInterrupt


def test_an_interrupted_import_leaves_the_folder_unchanged(tmp_path):
    path = tmp_path / "c.sqlite"
    with pytest.raises(KeyboardInterrupt):
        write(path, interrupted())
    assert os.listdir(tmp_path) == []
    write(path, [Record("a", None, "old")])
    with pytest.raises(KeyboardInterrupt):
        write(path, interrupted())
    assert os.listdir(tmp_path) == ["c.sqlite"]
    assert texts(path, "a") == ["old"]
    write(path, [Record("a", None, "new")])
    assert texts(path, "a") == ["new"]


def test_does_not_overwrite_a_file_that_is_not_a_corpus(tmp_path):
    path = tmp_path / "messages.xml"
    path.write_text("<smses/>")
    with pytest.raises(CorpusError, match="exists and is not a corpus"):
        write(path, [Record("a", None, "1")])
    assert path.read_text() == "<smses/>"


@pytest.fixture
def tiny_disk():
    """Lets SQLite use 20 pages per file; it then fails as on a full disk."""

    def limit(connection, _):
        connection.execute("PRAGMA max_page_count=20")

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


def test_reports_a_full_disk(tmp_path, tiny_disk):
    with pytest.raises(CorpusError, match="disk is full"):
        write(tmp_path / "c.sqlite", (Record("a", None, "long " * 100) for _ in range(1000)))
    assert os.listdir(tmp_path) == []


def test_reports_a_write_that_the_system_refuses(tmp_path):
    program = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from federated.corpus.schema import CorpusError, Record
from federated.corpus.writer import write_corpus
try:
    write_corpus({str(tmp_path / "c.sqlite")!r}, (Record("a", None, "x" * 500) for _ in range(2000)), source="t")
except CorpusError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert os.listdir(tmp_path) == []


def test_reports_a_folder_without_write_permission(tmp_path):
    folder = tmp_path / "shut"
    folder.mkdir()
    path = folder / "c.sqlite"
    write(path, [Record("a", None, "old")])
    folder.chmod(0o555)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(CorpusError, match=os.strerror(errno.EACCES)):
            write(path, [Record("a", None, "new")])
    finally:
        if was_root:
            os.seteuid(0)
        folder.chmod(0o755)
    assert os.listdir(folder) == ["c.sqlite"]
    assert texts(path, "a") == ["old"]


def test_creates_missing_folders_and_reports_a_file_in_their_place(tmp_path):
    write(tmp_path / "runs" / "demo" / "c.sqlite", [Record("a", None, "1")])
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="cannot write"):
        write(tmp_path / "file" / "c.sqlite", [Record("a", None, "1")])


def test_two_concurrent_imports_leave_one_complete_corpus(tmp_path):
    path = tmp_path / "c.sqlite"

    def outer():
        yield Record("a", None, "outer")
        write(path, [Record("a", None, "inner")])

    write(path, outer())
    assert os.listdir(tmp_path) == ["c.sqlite"]
    assert texts(path, "a") == ["outer"]


def test_the_file_has_no_unused_pages(tmp_path):
    path = tmp_path / "c.sqlite"
    write(path, [Record(f"u{i}", None, "word " * 50) for i in range(300)])
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
