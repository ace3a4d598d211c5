"""A card number, an address and a URL in a corpus: nothing that training makes or reads of it holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.nus_sms.kneser_ney import KneserNeyTrigram
from federated.corpus.store import Corpus, Record, write_corpus
from federated.data.client_batches import ClientBatcher
from federated.data.federated_data import FederatedData, shared_word_counts
from federated.job import DataConfig
from federated.training import ngram_counts
from keyboard_model.text import tokenizer as tokenizers
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import PLACEHOLDER, words

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
    model = KneserNeyTrigram(text for own in clients.all_training_messages() for text in own)
    suggested = model.suggest(["card", "is"], 100)
    assert "ok" in suggested and not SECRET_WORDS & set(suggested)
