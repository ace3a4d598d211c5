import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from federated.corpus import schema
from federated.corpus.store import Corpus, CorpusError, Message, Record, write_corpus

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "with space #1?.sqlite"
    records = [Record("zoe", None, "hi"), Record("ann", NOON, "see you 🙂"), Record("zoe", None, "there")]
    write_corpus(path, records, source="jsonl", description="three", profiles={"ann": {"country": "SG", "age": None}})
    return path


def test_reads_what_was_written(path):
    with Corpus.open(path) as corpus:
        assert (corpus.num_users, corpus.num_messages, corpus.source) == (2, 3, "jsonl")
        assert (corpus.description, corpus.synthetic) == ("three", False)
        assert list(corpus.user_ids()) == ["ann", "zoe"]
        assert corpus.messages("ann") == [Message(NOON, "see you 🙂")]
        assert corpus.messages("zoe") == [Message(None, "hi"), Message(None, "there")]
        assert corpus.message_count("zoe") == 2
        assert corpus.profile("ann") == {"age": None, "country": "SG"}
        assert corpus.profile("zoe") == {}


def test_unknown_users_are_refused(path):
    with Corpus.open(path) as corpus:
        for ask in (corpus.messages, corpus.message_count, corpus.profile):
            with pytest.raises(CorpusError, match="no user 'bob'"):
                ask("bob")


def test_an_open_corpus_cannot_be_written(path):
    with Corpus.open(path) as corpus, pytest.raises(CorpusError, match="readonly"):
        corpus._rows(text("DELETE FROM users"))


def test_threads_can_share_a_corpus(path):
    users = ("ann", "zoe")
    with Corpus.open(path) as corpus, ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda i: len(corpus.messages(users[i % 2])), range(400)))
    assert counts == [1, 2] * 200


def test_a_file_that_is_missing_or_not_a_corpus_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        Corpus.open(tmp_path / "none.sqlite")
    letter = tmp_path / "letter.sqlite"
    letter.write_text("hello")
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE users (number)")
    connection.close()
    with pytest.raises(CorpusError, match="cannot read"):
        Corpus.open(tmp_path)
    for path in (letter, other):
        with pytest.raises(CorpusError, match="is not a corpus"):
            Corpus.open(path)
    assert letter.read_text() == "hello"


def test_another_schema_version_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(CorpusError, match="corpus format 2, this program reads 1"):
        Corpus.open(path)


@pytest.mark.parametrize("kept", [100, 4096, 5000])
def test_a_truncated_file_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CorpusError, match="is damaged"):
        Corpus.open(path)


def test_damage_found_while_reading_is_a_clear_error(path):
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="is damaged"):
        Corpus.open(path)
