import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from benchmarks.five_folds.kenlm_baseline import sentence
from federated.corpus import schema
from federated.corpus.schema import CorpusError, Message, Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from federated.data.client_batches import ClientBatcher
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.job import DataConfig
from federated.training import ngram_counts
from federated.training.spilled_counts import SpilledCounts
from keyboard_model.ngram.kneser_ney import NgramCounts
from keyboard_model.text import tokenizer as tokenizers
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import PLACEHOLDER, words
from tests.support.federated.plain_counts import plain_word_counts

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


@pytest.mark.parametrize("read", [Corpus.messages, Corpus.message_count, Corpus.profile])
def test_rejects_an_unknown_user(path, read):
    with Corpus.open(path) as corpus, pytest.raises(CorpusError, match="no user 'bob'"):
        read(corpus, "bob")


def test_an_open_corpus_is_read_only(path):
    with Corpus.open(path) as corpus, pytest.raises(CorpusError, match="readonly"):
        corpus._rows(text("DELETE FROM users"))


def test_several_threads_can_read_a_corpus(path):
    users = ("ann", "zoe")
    with Corpus.open(path) as corpus, ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda i: len(corpus.messages(users[i % 2])), range(400)))
    assert counts == [1, 2] * 200


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.sqlite", "does not exist"),
        (".", "cannot read"),
        ("letter.sqlite", "is not a corpus"),
        ("other.sqlite", "is not a corpus"),
        ("nul\0.sqlite", "contains a NUL character"),
    ],
)
def test_rejects_a_path_that_is_not_a_corpus(tmp_path, name, message):
    letter = tmp_path / "letter.sqlite"
    letter.write_text("hello")
    connection = sqlite3.connect(tmp_path / "other.sqlite")
    connection.execute("CREATE TABLE users (number)")
    connection.close()
    with pytest.raises(CorpusError, match=message):
        Corpus.open(tmp_path / name)
    assert letter.read_text() == "hello"


def test_rejects_another_schema_version(path):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(CorpusError, match="corpus format 2, this program reads 1"):
        Corpus.open(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:100],
        lambda content: content[:4096],
        lambda content: content[:5000],
        lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
    ],
    ids=["100 bytes", "1 page", "5000 bytes", "overwritten pages"],
)
def test_rejects_a_damaged_file(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorpusError, match="is damaged"):
        Corpus.open(path)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM about WHERE key = 'messages'",
        "DELETE FROM about WHERE key = 'description'",
        "UPDATE about SET value = 'many' WHERE key = 'users'",
        "UPDATE about SET value = x'ff'",
        "UPDATE users SET user_id = x'ff' WHERE number = 0",
        "UPDATE users SET messages = 'many'",
        "UPDATE users SET profile = '{'",
        "UPDATE users SET profile = x'e6'",
        "UPDATE messages SET text = x'ff'",
        "UPDATE messages SET timestamp = '2024-02-30'",
        "UPDATE messages SET timestamp = x'ff'",
        "DROP TABLE users",
    ],
)
def test_values_that_no_program_wrote_are_damage(path: Path, change: str) -> None:
    """Each was found by `benchmarks.fuzz`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with pytest.raises(CorpusError, match="is damaged"), Corpus.open(path) as corpus:
        for user_id in corpus.user_ids():
            corpus.profile(user_id)
            corpus.message_count(user_id)
            corpus.messages(user_id)


# No reader of a corpus sees sensitive text, and nothing that training makes of it contains any.

SECRETS = ("4111 1111 1111 1111", "jo.bloggs@mail.example.org", "https://bank.example/login?u=bloggs")
SECRET_WORDS = {word for secret in SECRETS for word in words(secret)}
SENTENCES = ("my card is {} ok", "write to {} now", "see {} later")
USERS = ("ann", "bob", "cem")
DATA = DataConfig(new_phone_share=0, validation_share=0, train_share=0.67)  # 2 messages for training, 1 for tests


def corpus_of(path: Path, typed: Callable[[str], str]) -> Path:
    texts = [sentence.format(typed(secret)) for sentence, secret in zip(SENTENCES, SECRETS, strict=True)]
    orders = [texts, texts[1:] + texts[:1], texts[2:] + texts[:2]]  # each secret is in some user's training messages
    records = [Record(user, None, text) for user, own in zip(USERS, orders, strict=True) for text in own]
    write_corpus(path, records, source="test", description="", synthetic=True)
    return path


@pytest.fixture(scope="module")
def sensitive_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus_of(tmp_path_factory.mktemp("sensitive") / "corpus.sqlite", str)


@pytest.fixture(scope="module")
def clients(sensitive_corpus: Path) -> Iterator[FederatedData]:
    with Corpus.open(sensitive_corpus) as corpus:
        yield FederatedData.of(corpus, DATA, seed=0)


@pytest.fixture(scope="module")
def masked_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FederatedData]:
    """The same users with placeholders in their messages."""
    path = corpus_of(tmp_path_factory.mktemp("masked") / "corpus.sqlite", lambda _: PLACEHOLDER)
    with Corpus.open(path) as corpus:
        yield FederatedData.of(corpus, DATA, seed=0)


def tokenizer_of(clients: FederatedData) -> Tokenizer:
    counts = plain_word_counts(clients.all_training_messages(), min_clients=1, count_cap=10)
    return tokenizers.train(counts, 400)


def test_the_file_contains_the_imported_text(sensitive_corpus: Path) -> None:
    with sqlite3.connect(sensitive_corpus) as connection:
        stored = " ".join(text for (text,) in connection.execute("SELECT text FROM messages"))
    connection.close()
    assert all(secret in stored for secret in SECRETS)


def test_readers_get_masked_text(clients: FederatedData) -> None:
    read = [text for user in USERS for text in (*clients.training_messages(user), *clients.test_messages(user))]
    assert sorted(read) == sorted(3 * [sentence.format(PLACEHOLDER) for sentence in SENTENCES])


def test_the_vocabulary_has_no_sensitive_text(clients: FederatedData, masked_clients: FederatedData) -> None:
    tokenizer = tokenizer_of(clients)
    assert tokenizer.model == tokenizer_of(masked_clients).model
    assert not SECRET_WORDS & set(tokenizer.single_piece_words.values())
    assert not {"4", "1", "@"} & set(
        "".join(tokenizer.single_piece_words.values()) + "".join(tokenizer.continuing_pieces.values())
    )


def test_windows_have_no_sensitive_text(clients: FederatedData, masked_clients: FederatedData) -> None:
    tokenizer = tokenizer_of(clients)
    batcher = ClientBatcher(tokenizer, batch=2, window=8, max_windows=9, word_dropout=0.0, seed=0)
    for user in USERS:
        batches, expected = (batcher.read(user, data.training_messages(user), 1) for data in (clients, masked_clients))
        for one, other in zip(batches, expected, strict=True):
            np.testing.assert_equal(one, other)
        tokens = np.concatenate([batch.tokens.reshape(-1) for batch in batches])
        assert tokenizer.slot in tokens and not any(tokenizer._sp.is_byte(int(i)) for i in tokens)


def test_ngrams_have_no_sensitive_text(
    execution: None, clients: FederatedData, masked_clients: FederatedData, tmp_path: Path
) -> None:
    tokenizer = tokenizer_of(clients)

    def counted(data: FederatedData, name: str) -> list[NgramCounts]:
        sums = SpilledCounts(tmp_path / name, name)
        read = ClientSource(ngram_counts.NgramReader(tokenizer, max_pieces=100_000), data)
        ngram_counts.count(data.population.training, read, sums, count_cap=9)
        return list(sums.blocks())

    counts, expected = counted(clients, "imported"), counted(masked_clients, "masked")
    assert len(counts[0].keys) > 0
    np.testing.assert_equal(counts, expected)


def test_the_baseline_trigram_has_no_sensitive_text(clients: FederatedData) -> None:
    read = {word for own in clients.all_training_messages() for text in own for word in sentence(text).split()}
    assert "ok" in read and not SECRET_WORDS & read
