import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from benchmarks.nus_sms.kenlm_baseline import sentence
from federated.corpus import schema
from federated.corpus.store import Corpus, CorpusError, Message, Record, write_corpus
from federated.data.client_batches import ClientBatcher
from federated.data.federated_data import FederatedData, shared_word_counts
from federated.job import DataConfig
from federated.training import ngram_counts
from keyboard_model.text import tokenizer as tokenizers
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import PLACEHOLDER, words

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


# No reader of a corpus sees sensitive text, and nothing that training makes of it contains any.

SECRETS = ("4111 1111 1111 1111", "jo.bloggs@mail.example.org", "https://bank.example/login?u=bloggs")
SECRET_WORDS = {word for secret in SECRETS for word in words(secret)}
SENTENCES = ("my card is {} ok", "write to {} now", "see {} later")
PEOPLE = ("ann", "bob", "cem")
DATA = DataConfig(new_phone_share=0, validation_share=0, train_share=0.67)  # two messages to learn from, one for tests

Typed = Callable[[str], str]


def corpus_of(path: Path, typed: Typed) -> Path:
    texts = [sentence.format(typed(secret)) for sentence, secret in zip(SENTENCES, SECRETS, strict=True)]
    orders = [texts, texts[1:] + texts[:1], texts[2:] + texts[:2]]  # so that each secret is somebody's to learn
    records = [Record(user, None, text) for user, own in zip(PEOPLE, orders, strict=True) for text in own]
    write_corpus(path, records, source="test", description="", synthetic=True)
    return path


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus_of(tmp_path_factory.mktemp("secret") / "corpus.sqlite", str)


@pytest.fixture(scope="module")
def clients(secret_file: Path) -> Iterator[FederatedData]:
    with Corpus.open(secret_file) as corpus:
        yield FederatedData.of(corpus, DATA, seed=0)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FederatedData]:
    """The same people, had they typed placeholders."""
    path = corpus_of(tmp_path_factory.mktemp("plain") / "corpus.sqlite", lambda _: PLACEHOLDER)
    with Corpus.open(path) as corpus:
        yield FederatedData.of(corpus, DATA, seed=0)


def tokenizer_of(clients: FederatedData) -> Tokenizer:
    counts = shared_word_counts(clients.all_training_messages(), min_clients=1, count_cap=10)
    return tokenizers.train(counts, 400)


def test_the_file_keeps_the_imported_text(secret_file: Path) -> None:
    with sqlite3.connect(secret_file) as connection:
        stored = " ".join(text for (text,) in connection.execute("SELECT text FROM messages"))
    connection.close()
    assert all(secret in stored for secret in SECRETS)


def test_readers_see_masked_text(clients: FederatedData) -> None:
    read = [text for user in PEOPLE for text in clients.training_messages(user) + clients.test_messages(user)]
    assert sorted(read) == sorted(3 * [sentence.format(PLACEHOLDER) for sentence in SENTENCES])


def test_the_vocabulary_has_no_sensitive_text(clients: FederatedData, plain: FederatedData) -> None:
    learnt = tokenizer_of(clients)
    assert learnt.model == tokenizer_of(plain).model
    assert not SECRET_WORDS & set(learnt.single_piece_words.values())
    assert not {"4", "1", "@"} & set(
        "".join(learnt.single_piece_words.values()) + "".join(learnt.continuing_pieces.values())
    )


def test_windows_have_no_sensitive_text(clients: FederatedData, plain: FederatedData) -> None:
    tokenizer = tokenizer_of(clients)
    data = ClientBatcher(tokenizer, batch=2, window=8, max_windows=9, word_dropout=0.0, seed=0)
    for user in PEOPLE:
        made, expected = (data.round(user, some.training_messages(user), 1) for some in (clients, plain))
        for batch, wanted in zip(made, expected, strict=True):
            np.testing.assert_equal(batch, wanted)
        read = np.concatenate([batch.tokens.reshape(-1) for batch in made])
        assert tokenizer.slot in read and not any(tokenizer._sp.is_byte(int(i)) for i in read)


def test_ngrams_have_no_sensitive_text(execution: None, clients: FederatedData, plain: FederatedData) -> None:
    tokenizer = tokenizer_of(clients)
    found, wanted = (ngram_counts.count(some, tokenizer, 9).counts for some in (clients, plain))
    assert len(found[0]) > 0
    np.testing.assert_equal(sorted(zip(*found, strict=True)), sorted(zip(*wanted, strict=True)))


def test_the_baseline_trigram_has_no_sensitive_text(clients: FederatedData) -> None:
    read = {word for own in clients.all_training_messages() for text in own for word in sentence(text).split()}
    assert "ok" in read and not SECRET_WORDS & read
